package main

import (
	"fmt"
	"go/ast"
	"go/format"
	goparser "go/parser"
	"go/token"
	"math/rand"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// golang is how bugs are made in a module of Go.
var golang = language{
	name:   "go",
	suffix: ".go",
	tests:  regexp.MustCompile(`_test\.go$|(^|/)(testdata|vendor|_?examples?|cmd|internal/testify)/|^[^/]*main\.go$`),
	test:   []string{"go", "test", "-count=1", "-timeout=60s", "./..."},
	failed: regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`),
	check:  []string{"go", "build", "./..."},
	decl:   regexp.MustCompile(`(?m)^func (Test[A-Z0-9_]\w*)\(`),
	hidden: "func hidden$1(",
	slip:   slipGo,
	tidy:   tidyGo,
}

// tidyGo is a file without what makes no difference: format, and parentheses that change nothing.
func tidyGo(src string) string {
	fset := token.NewFileSet()
	f, err := goparser.ParseFile(fset, "", src, goparser.SkipObjectResolution)
	if err != nil {
		return src
	}
	var b strings.Builder
	var ends []string
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			b.WriteString(ends[len(ends)-1])
			ends = ends[:len(ends)-1]
			return true
		}
		if _, ok := n.(*ast.ParenExpr); ok {
			ends = append(ends, "")
			return true
		}
		ends = append(ends, ")")
		fmt.Fprintf(&b, "(%T", n)
		switch n := n.(type) {
		case *ast.Ident:
			b.WriteString(" " + n.Name)
		case *ast.BasicLit:
			b.WriteString(" " + n.Value)
		case *ast.BinaryExpr:
			b.WriteString(" " + n.Op.String())
		case *ast.UnaryExpr:
			b.WriteString(" " + n.Op.String())
		case *ast.AssignStmt:
			fmt.Fprintf(&b, " %d %s", len(n.Lhs), n.Tok)
		case *ast.IncDecStmt:
			b.WriteString(" " + n.Tok.String())
		case *ast.BranchStmt:
			b.WriteString(" " + n.Tok.String())
		case *ast.RangeStmt:
			b.WriteString(" " + n.Tok.String())
		case *ast.GenDecl:
			b.WriteString(" " + n.Tok.String())
		case *ast.SliceExpr:
			fmt.Fprintf(&b, " %t %t %t", n.Low != nil, n.High != nil, n.Max != nil)
		case *ast.ChanType:
			fmt.Fprintf(&b, " %d", n.Dir)
		case *ast.CallExpr:
			fmt.Fprintf(&b, " %t", n.Ellipsis.IsValid())
		case *ast.ForStmt:
			fmt.Fprintf(&b, " %t %t %t", n.Init != nil, n.Cond != nil, n.Post != nil)
		}
		return true
	})
	return b.String()
}

// slipGo makes a classic slip in a file of a module, by its syntax alone: a kind of those that the file allows is picked at random,
// however often the code offers it, and then a place. Kinds that only does not match are left out.
func slipGo(src string, only *regexp.Regexp, random *rand.Rand) (slipped, bool) {
	fset := token.NewFileSet()
	tree, err := goparser.ParseFile(fset, "", src, goparser.ParseComments)
	if err != nil {
		return slipped{}, false
	}
	s := &goSlips{src: src, fset: fset}
	ast.Inspect(tree, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			s.members = append(s.members, sel.Sel.Name)
		}
		return true
	})
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
	if only != nil {
		s.kinds = slices.DeleteFunc(s.kinds, func(kind string) bool { return !only.MatchString(kind) })
	}
	if len(s.kinds) == 0 {
		return slipped{}, false
	}
	kind := s.kinds[random.Intn(len(s.kinds))]
	slip := s.slips[kind][random.Intn(len(s.slips[kind]))]
	text := src[:slip.start] + slip.text(random) + src[slip.end:]
	if was, err := format.Source([]byte(src)); err == nil && string(was) == src {
		now, err := format.Source([]byte(text))
		if err != nil {
			return slipped{}, false
		}
		text = string(now)
	}
	line := 1 + strings.Count(src[:slip.start], "\n")
	what := strings.Join(strings.Fields(src[slip.start:slip.end]), " ") + " => " +
		strings.Join(strings.Fields(text[slip.start:max(slip.start, min(len(text), slip.end+len(text)-len(src)))]), " ")
	return slipped{text, kind, strconv.Itoa(line) + ": " + what}, true
}

type slip struct {
	start, end int
	text       func(*rand.Rand) string
}

type goSlips struct {
	src   string
	fset  *token.FileSet
	names []string // of the function

	members []string // of anything, in the file
	kinds   []string
	slips   map[string][]slip
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

// basicType names the types of simple values.
var basicType = regexp.MustCompile(`^(u?int(8|16|32|64)?|float(32|64)|byte|rune|string)$`)

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
		if n.Kind == token.STRING && len(n.Value) > 3 && n.Value[len(n.Value)-2] != '\\' && n.Value[len(n.Value)-3] != '\\' {
			s.offer("text", n.Pos(), n.End(), always(n.Value[:len(n.Value)-2]+n.Value[len(n.Value)-1:]))
		}
	case *ast.Ident:
		if len(s.names) > 1 && (n.Name == "true" || n.Name == "false") {
			s.offer("boolean", n.Pos(), n.End(), oneOf("true", "false"))
		} else if len(s.names) > 1 {
			names := s.names
			s.offer("wrong name", n.Pos(), n.End(), func(r *rand.Rand) string { return names[r.Intn(len(names))] })
		}
	case *ast.SelectorExpr:
		members := s.members
		s.offer("wrong member", n.Sel.Pos(), n.Sel.End(), func(r *rand.Rand) string { return members[r.Intn(len(members))] })
	case *ast.CallExpr:
		if fn, ok := n.Fun.(*ast.Ident); ok && len(n.Args) == 1 && basicType.MatchString(fn.Name) {
			s.offer("conversion lost", n.Pos(), n.End(), always(s.text(n.Args[0])))
		} else if len(n.Args) == 1 {
			s.offer("call lost", n.Pos(), n.End(), always(s.text(n.Args[0])))
		}
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
		if n.Else != nil {
			s.offer("else lost", n.Body.End(), n.Else.End(), always(""))
		}
	case *ast.ForStmt:
		if b, ok := n.Cond.(*ast.BinaryExpr); ok {
			s.offer("loop bound", b.Y.Pos(), b.Y.End(), oneOf(s.text(b.Y)+"+1", s.text(b.Y)+"-1"))
		}
	case *ast.CaseClause:
		if len(n.List) > 1 {
			s.offer("case lost", n.List[len(n.List)-2].End(), n.List[len(n.List)-1].End(), always(""))
		}
	case *ast.ReturnStmt:
		s.offer("return lost", n.Pos(), n.End(), always(""))
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
