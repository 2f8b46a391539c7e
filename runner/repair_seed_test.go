package runner

import (
	"go/ast"
	"go/format"
	goparser "go/parser"
	"go/token"
	"math/rand"
	"regexp"
	"strconv"
	"strings"
)

var goTests = regexp.MustCompile(`_test\.go$|(^|/)(testdata|vendor|examples?|internal/testify)/|^[^/]*main\.go$`)

// seedGo makes a classic slip in a file of a module, by its syntax alone and knowing nothing of the edits of the repair: a
// node is picked at random, then one of the slips that it allows.
func seedGo(f files, random *rand.Rand) seeded {
	name := pick(f, random, ".go", goTests)
	if name == "" {
		return seeded{}
	}
	src := f[name]
	fset := token.NewFileSet()
	tree, err := goparser.ParseFile(fset, name, src, goparser.ParseComments)
	if err != nil {
		return seeded{}
	}
	s := &goSlips{src: src, fset: fset}
	for _, d := range tree.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			s.names = nil
			ast.Inspect(fn, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && id.Name != "_" && id.Name != "nil" && !strings.Contains("true false append len string int", id.Name) {
					s.names = append(s.names, id.Name)
				}
				return true
			})
			ast.Inspect(fn.Body, func(n ast.Node) bool { s.look(n); return true })
		}
	}
	if len(s.kinds) == 0 {
		return seeded{}
	}
	// Each kind is as likely as any other, however often the code offers it.
	kind := s.kinds[random.Intn(len(s.kinds))]
	slip := s.slips[kind][random.Intn(len(s.slips[kind]))]
	text := src[:slip.start] + slip.text(random) + src[slip.end:]
	now, err := format.Source([]byte(text))
	if was, err := format.Source([]byte(src)); err == nil && string(was) == src {
		if now == nil || string(now) == src {
			return seeded{}
		}
		text = string(now)
	}
	if err != nil || text == src {
		return seeded{}
	}
	return seeded{name, text, kind, strings.Join(strings.Fields(src[slip.start:slip.end]), " ") + " => " +
		strings.Join(strings.Fields(text[slip.start:max(slip.start, min(len(text), slip.end+len(text)-len(src)))]), " ")}
}

type slip struct {
	start, end int
	text       func(*rand.Rand) string
}

type goSlips struct {
	src   string
	fset  *token.FileSet
	names []string // of the function
	kinds []string
	slips map[string][]slip
}

func (s *goSlips) offer(kind string, from, to token.Pos, text func(*rand.Rand) string) {
	if s.slips == nil {
		s.slips = map[string][]slip{}
	}
	if s.slips[kind] == nil {
		s.kinds = append(s.kinds, kind)
	}
	s.slips[kind] = append(s.slips[kind], slip{s.fset.Position(from).Offset, s.fset.Position(to).Offset, text})
}

func (s *goSlips) text(n ast.Node) string {
	return s.src[s.fset.Position(n.Pos()).Offset:s.fset.Position(n.End()).Offset]
}

func always(text string) func(*rand.Rand) string { return func(*rand.Rand) string { return text } }

func oneOf(list ...string) func(*rand.Rand) string {
	return func(r *rand.Rand) string { return list[r.Intn(len(list))] }
}

func (s *goSlips) look(n ast.Node) {
	switch n := n.(type) {
	case *ast.BinaryExpr:
		end := n.OpPos + token.Pos(len(n.Op.String()))
		switch n.Op {
		case token.LSS, token.GTR, token.LEQ, token.GEQ:
			s.offer("relation", n.OpPos, end, oneOf("<", ">", "<=", ">="))
		case token.EQL, token.NEQ:
			s.offer("equality", n.OpPos, end, oneOf("==", "!="))
		case token.ADD, token.SUB, token.MUL, token.QUO, token.REM:
			s.offer("arithmetic", n.OpPos, end, oneOf("+", "-", "*", "/", "%"))
		case token.LAND, token.LOR:
			s.offer("connective", n.OpPos, end, oneOf("&&", "||"))
			s.offer("conjunct lost", n.Pos(), n.End(), oneOf(s.text(n.X), s.text(n.Y)))
		case token.AND, token.OR, token.XOR, token.SHL, token.SHR:
			s.offer("bits", n.OpPos, end, oneOf("&", "|", "^", "<<", ">>"))
		}
	case *ast.UnaryExpr:
		if n.Op == token.NOT {
			s.offer("negation lost", n.Pos(), n.End(), always(s.text(n.X)))
		}
	case *ast.BasicLit:
		if v, err := strconv.Atoi(n.Value); err == nil && n.Kind == token.INT {
			s.offer("constant", n.Pos(), n.End(), oneOf(strconv.Itoa(v+1), strconv.Itoa(v-1), "0", "1"))
		}
	case *ast.Ident:
		if len(s.names) > 1 && (n.Name == "true" || n.Name == "false") {
			s.offer("boolean", n.Pos(), n.End(), oneOf("true", "false"))
		} else if len(s.names) > 1 {
			names := s.names
			s.offer("wrong name", n.Pos(), n.End(), func(r *rand.Rand) string { return names[r.Intn(len(names))] })
		}
	case *ast.CallExpr:
		if len(n.Args) >= 2 {
			s.offer("arguments swapped", n.Args[0].Pos(), n.Args[1].End(), always(s.text(n.Args[1])+", "+s.text(n.Args[0])))
		}
	case *ast.IndexExpr:
		s.offer("index off by one", n.Index.Pos(), n.Index.End(), oneOf(s.text(n.Index)+"+1", s.text(n.Index)+"-1"))
	case *ast.SliceExpr:
		if n.High != nil {
			s.offer("bound off by one", n.High.Pos(), n.High.End(), oneOf(s.text(n.High)+"+1", s.text(n.High)+"-1"))
		}
		if n.Low != nil {
			s.offer("bound off by one", n.Low.Pos(), n.Low.End(), oneOf(s.text(n.Low)+"+1", s.text(n.Low)+"-1"))
		}
	case *ast.IfStmt:
		s.offer("condition negated", n.Cond.Pos(), n.Cond.End(), always("!("+s.text(n.Cond)+")"))
		if n.Else == nil && n.Init == nil {
			s.offer("check lost", n.Pos(), n.End(), always(""))
		}
	case *ast.ReturnStmt:
		for _, e := range n.Results {
			if id, ok := e.(*ast.Ident); ok && id.Name == "err" {
				s.offer("error lost", e.Pos(), e.End(), always("nil"))
			}
		}
	case *ast.BranchStmt:
		if n.Label == nil {
			s.offer("jump", n.Pos(), n.End(), oneOf("break", "continue"))
		}
	case *ast.IncDecStmt:
		s.offer("step", n.TokPos, n.End(), oneOf("++", "--"))
	case *ast.AssignStmt:
		if n.Tok == token.ADD_ASSIGN || n.Tok == token.SUB_ASSIGN {
			s.offer("step", n.TokPos, n.TokPos+2, oneOf("+=", "-=", "="))
		}
	case *ast.BlockStmt:
		for i, stmt := range n.List {
			switch x := stmt.(type) {
			case *ast.ExprStmt, *ast.IncDecStmt:
				s.offer("statement lost", stmt.Pos(), stmt.End(), always(""))
			case *ast.AssignStmt:
				if x.Tok != token.DEFINE {
					s.offer("statement lost", stmt.Pos(), stmt.End(), always(""))
				}
			}
			if i > 0 {
				prev := n.List[i-1]
				between := s.src[s.fset.Position(prev.End()).Offset:s.fset.Position(stmt.Pos()).Offset]
				if strings.TrimSpace(between) == "" && len(s.text(prev))+len(s.text(stmt)) < 200 {
					s.offer("statements swapped", prev.Pos(), stmt.End(), always(s.text(stmt)+between+s.text(prev)))
				}
			}
		}
	}
}

var pythonTests = regexp.MustCompile(`(^|/)(test_[^/]*|[^/]*_test|conftest|setup)\.py$|(^|/)tests?/`)

// pythonSlips are slips of one line, as patterns and what a match of them becomes; "" is dropped with its line.
var pythonSlips = []struct {
	kind    string
	pattern *regexp.Regexp
	text    func(m []string, names []string, r *rand.Rand) string
}{
	{"relation", regexp.MustCompile(` (<=|>=|<|>) `), func(m, _ []string, r *rand.Rand) string { return " " + oneOf("<", ">", "<=", ">=")(r) + " " }},
	{"equality", regexp.MustCompile(` (==|!=) `), func(m, _ []string, r *rand.Rand) string { return " " + oneOf("==", "!=")(r) + " " }},
	{"membership", regexp.MustCompile(` (is not|is|not in|in) `), func(m, _ []string, r *rand.Rand) string {
		return " " + map[string]string{"is": "is not", "is not": "is", "in": "not in", "not in": "in"}[m[1]] + " "
	}},
	{"arithmetic", regexp.MustCompile(` ([-+*/]|//|%) `), func(m, _ []string, r *rand.Rand) string { return " " + oneOf("+", "-", "*", "//")(r) + " " }},
	{"connective", regexp.MustCompile(` (and|or) `), func(m, _ []string, r *rand.Rand) string { return " " + oneOf("and", "or")(r) + " " }},
	{"negation lost", regexp.MustCompile(`\bnot `), func(m, _ []string, r *rand.Rand) string { return " " }},
	{"constant", regexp.MustCompile(`\b(\d+)\b`), func(m, _ []string, r *rand.Rand) string {
		n, _ := strconv.Atoi(m[1])
		return oneOf(strconv.Itoa(n+1), strconv.Itoa(n-1), "0")(r)
	}},
	{"boolean", regexp.MustCompile(`\b(True|False)\b`), func(m, _ []string, r *rand.Rand) string { return oneOf("True", "False")(r) }},
	{"step", regexp.MustCompile(` (\+=|-=) `), func(m, _ []string, r *rand.Rand) string { return " " + oneOf("+=", "-=", "=")(r) + " " }},
	{"statement lost", regexp.MustCompile(`^ +(self\.)?[a-z_.]+( [-+]?= .*[^(\[{,\\]|\(.*\))$`), func(m, _ []string, r *rand.Rand) string { return "" }},
	{"condition negated", regexp.MustCompile(`^( +)(if|while|elif) (.*):$`), func(m, _ []string, r *rand.Rand) string { return m[1] + m[2] + " not (" + m[3] + "):" }},
	{"result lost", regexp.MustCompile(`^( +)return (.+[^(\[{,])$`), func(m, _ []string, r *rand.Rand) string { return m[1] + "return None" }},
	{"arguments swapped", regexp.MustCompile(`\(([\w.]+), ([\w.]+)\)`), func(m, _ []string, r *rand.Rand) string { return "(" + m[2] + ", " + m[1] + ")" }},
	{"bound off by one", regexp.MustCompile(`\[([\w.]+):`), func(m, _ []string, r *rand.Rand) string { return "[" + m[1] + oneOf(" + 1", " - 1")(r) + ":" }},
	{"index off by one", regexp.MustCompile(`\[([a-z_]+)\]`), func(m, _ []string, r *rand.Rand) string { return "[" + m[1] + oneOf(" + 1", " - 1")(r) + "]" }},
	{"jump", regexp.MustCompile(`\b(break|continue)$`), func(m, _ []string, r *rand.Rand) string { return oneOf("break", "continue")(r) }},
	{"wrong name", regexp.MustCompile(`\b[a-z_]{2,}\b`), func(m, names []string, r *rand.Rand) string { return names[r.Intn(len(names))] }},
}

// seedPython makes a classic slip in a line of a file, by its text alone.
func seedPython(f files, random *rand.Rand) seeded {
	name := pick(f, random, ".py", pythonTests)
	if name == "" {
		return seeded{}
	}
	lines := strings.Split(f[name], "\n")
	kind := pythonSlips[random.Intn(len(pythonSlips))]
	for range 100 { // a line that the slip fits
		i := random.Intn(len(lines))
		line := lines[i]
		if !strings.HasPrefix(line, "    ") || strings.ContainsAny(line, "#'\"") {
			continue
		}
		found := kind.pattern.FindAllStringSubmatchIndex(line, -1)
		if len(found) == 0 {
			continue
		}
		at := found[random.Intn(len(found))]
		var m []string
		for g := 0; g+1 < len(at); g += 2 {
			if at[g] < 0 {
				m = append(m, "")
				continue
			}
			m = append(m, line[at[g]:at[g+1]])
		}
		names := regexp.MustCompile(`\b[a-z_]{2,}\b`).FindAllString(strings.Join(lines[max(0, i-10):min(len(lines), i+10)], " "), -1)
		now := line[:at[0]] + kind.text(m, names, random) + line[at[1]:]
		if now == line {
			continue
		}
		rest := lines[i+1:]
		changed := append(append([]string{}, lines[:i]...), now)
		if now == "" {
			changed = changed[:i]
		}
		return seeded{name, strings.Join(append(changed, rest...), "\n"), kind.kind, strings.TrimSpace(line) + " => " + strings.TrimSpace(now)}
	}
	return seeded{}
}
