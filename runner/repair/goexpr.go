package repair

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
)

// operators that may stand for another, the likelier first. A weight of 1 is that of the commonest slip.
var operators = map[token.Token][]struct {
	text   string
	weight float64
}{
	token.LSS:     {{"<=", 1}, {">", .8}, {">=", .8}, {"!=", .5}, {"==", .5}},
	token.LEQ:     {{"<", 1}, {">=", .8}, {">", .8}, {"==", .5}, {"!=", .5}},
	token.GTR:     {{">=", 1}, {"<", .8}, {"<=", .8}, {"!=", .5}, {"==", .5}},
	token.GEQ:     {{">", 1}, {"<=", .8}, {"<", .8}, {"==", .5}, {"!=", .5}},
	token.EQL:     {{"!=", 1}, {"<=", .6}, {">=", .6}, {"<", .5}, {">", .5}},
	token.NEQ:     {{"==", 1}, {"<", .6}, {">", .6}, {"<=", .5}, {">=", .5}},
	token.LAND:    {{"||", .9}},
	token.LOR:     {{"&&", .9}},
	token.ADD:     {{"-", .9}, {"*", .5}, {"/", .4}, {"%", .4}},
	token.SUB:     {{"+", .9}, {"*", .5}, {"/", .4}, {"%", .4}},
	token.MUL:     {{"/", .8}, {"+", .6}, {"-", .5}, {"%", .4}},
	token.QUO:     {{"*", .8}, {"%", .7}, {"+", .5}, {"-", .5}},
	token.REM:     {{"/", .8}, {"*", .6}, {"+", .4}, {"-", .4}},
	token.AND:     {{"|", .8}, {"&^", .6}, {"^", .5}},
	token.OR:      {{"&", .8}, {"^", .6}, {"&^", .5}},
	token.XOR:     {{"|", .7}, {"&", .7}, {"&^", .4}},
	token.AND_NOT: {{"&", .8}, {"|", .6}, {"^", .5}},
	token.SHL:     {{">>", .8}},
	token.SHR:     {{"<<", .8}},
}

func relation(op token.Token) bool {
	return op == token.EQL || op == token.NEQ || op == token.LSS || op == token.LEQ || op == token.GTR || op == token.GEQ
}

func (g *goEdits) expr(e ast.Expr) {
	if tv, ok := g.info.Types[e]; ok && !tv.IsValue() && !tv.IsNil() {
		return
	}
	switch e := e.(type) {
	case *ast.BinaryExpr:
		g.binary(e)
	case *ast.UnaryExpr:
		if e.Op == token.NOT || e.Op == token.SUB || e.Op == token.XOR {
			g.instead(e, g.text(e.X), "negation", .8)
		}
	case *ast.BasicLit:
		g.literal(e)
	case *ast.Ident:
		g.name(e)
	case *ast.SelectorExpr:
		g.selector(e)
	case *ast.CallExpr:
		g.call(e)
	case *ast.SliceExpr:
		g.slice(e)
	}
	g.offByOne(e)
	g.wrap(e)
	if t, ok := g.typeOf(e).Underlying().(*types.Basic); ok && t.Info()&types.IsBoolean != 0 {
		g.boolean(e)
	}
}

func (g *goEdits) binary(e *ast.BinaryExpr) {
	x, y := g.text(e.X), g.text(e.Y)
	start, end := g.offset(e.OpPos), g.offset(e.OpPos)+len(e.Op.String())
	src := string(g.file.src)
	kind := "operator"
	switch {
	case relation(e.Op):
		kind = "relation"
	case e.Op == token.LAND || e.Op == token.LOR:
		kind = "condition"
	}
	for _, op := range operators[e.Op] {
		g.instead(e, src[g.offset(e.Pos()):start]+op.text+src[end:g.offset(e.End())], kind, op.weight)
	}
	switch {
	case e.Op == token.LAND || e.Op == token.LOR:
		g.instead(e, x, "condition dropped", .7)
		g.instead(e, y, "condition dropped", .7)
	case relation(e.Op): // its other operators say it all
	default:
		weight := .5
		if y == "1" {
			weight = .9
		}
		g.instead(e, x, "operand dropped", weight)
		if e.Op != token.SHL && e.Op != token.SHR {
			g.instead(e, y, "operand dropped", .4)
		}
		if !g.commutes(e.Op) || g.isText(e) {
			g.instead(e, grouped(e.Y, y)+" "+e.Op.String()+" "+grouped(e.X, x), "operands swapped", .6)
		}
		if in, ok := ast.Unparen(e.X).(*ast.BinaryExpr); ok && !relation(in.Op) && in.Op.Precedence() >= e.Op.Precedence() {
			// a*b+c as a*(b+c), (a+b)*c as a+b*c
			g.instead(e, g.text(in.X)+" "+in.Op.String()+" ("+g.text(in.Y)+" "+e.Op.String()+" "+y+")", "grouping", .4)
		}
		if in, ok := e.X.(*ast.ParenExpr); ok {
			g.instead(e, g.text(in.X)+" "+e.Op.String()+" "+y, "grouping", .5)
		}
		if in, ok := e.Y.(*ast.ParenExpr); ok {
			g.instead(e, x+" "+e.Op.String()+" "+g.text(in.X), "grouping", .5)
		}
	}
}

func (g *goEdits) commutes(op token.Token) bool {
	switch op {
	case token.EQL, token.NEQ, token.ADD, token.MUL, token.AND, token.OR, token.XOR:
		return true
	}
	return false
}

func (g *goEdits) isText(e ast.Expr) bool {
	t, ok := g.typeOf(e).Underlying().(*types.Basic)
	return ok && t.Info()&types.IsString != 0
}

// grouped puts what binds weaker into parentheses.
func grouped(e ast.Expr, text string) string {
	if _, ok := e.(*ast.BinaryExpr); ok {
		return "(" + text + ")"
	}
	return text
}

// boolean negates, fixes, strengthens and weakens a condition.
func (g *goEdits) boolean(e ast.Expr) {
	text := g.text(e)
	if _, not := e.(*ast.UnaryExpr); !not {
		if b, ok := e.(*ast.BinaryExpr); !ok || !relation(b.Op) { // those have operators for it
			g.instead(e, "!"+grouped(e, text), "negation", .8)
		}
	}
	decides := g.decides()
	if !decides {
		return
	}
	g.instead(e, "true", "condition", .4)
	g.instead(e, "false", "condition", .4)
	for i, c := range g.extra(e) {
		if i == maxPooled+maxNames {
			return
		}
		g.instead(e, side(e, text, token.LAND)+" && "+c, "condition added", .35)
		g.instead(e, side(e, text, token.LOR)+" || "+c, "condition added", .35)
	}
	for _, op := range []token.Token{token.LAND, token.LOR} {
		g.some(e, g.nearby.conditions, maxLike, "condition added", .2, func(c string) string { return side(e, text, op) + " " + op.String() + " " + c })
	}
	g.some(e, g.nearby.conditions, maxLike, "condition", .2, func(c string) string { return c })
}

// side is a condition as an operand of an operator.
func side(e ast.Expr, text string, op token.Token) string {
	if b, ok := e.(*ast.BinaryExpr); ok && b.Op.Precedence() < op.Precedence() {
		return "(" + text + ")"
	}
	return text
}

// decides tells whether the current expression is the whole condition of a branch or loop, or is returned.
func (g *goEdits) decides() bool {
	e := g.stack[len(g.stack)-1]
	switch p := g.parent(1).(type) {
	case *ast.IfStmt:
		return p.Cond == e
	case *ast.ForStmt:
		return p.Cond == e
	case *ast.ReturnStmt, *ast.CaseClause:
		return true
	}
	return false
}

// extra are conditions that could stand beside one: about the names in it, then others of the function.
func (g *goEdits) extra(e ast.Expr) []string {
	list := g.checks(e)
	text := g.text(e)
	for _, c := range g.pool.conditions {
		if len(list) < maxNames+maxPooled && !strings.Contains(text, c) && !slices.Contains(list, c) {
			if strings.Contains(c, "||") {
				c = "(" + c + ")"
			}
			list = append(list, c)
		}
	}
	return list
}

// checks are the usual conditions about the names in a node, the likeliest of each name first.
func (g *goEdits) checks(n ast.Node) []string {
	var all [][]string
	ast.Inspect(n, func(n ast.Node) bool {
		var text string
		switch n := n.(type) {
		case *ast.FuncLit, *ast.BlockStmt:
			return false
		case *ast.Ident:
			text = n.Name
		case *ast.SelectorExpr:
			text = g.text(n)
		}
		e, ok := n.(ast.Expr)
		if text == "" || !ok {
			return true
		}
		if tv := g.info.Types[e]; tv.IsValue() && tv.Addressable() {
			all = append(all, checksOf(text, g.typeOf(e)))
		}
		return true
	})
	var list []string
	for round := range 5 {
		for _, checks := range all {
			if round < len(checks) && len(list) < maxNames && !slices.Contains(list, checks[round]) {
				list = append(list, checks[round])
			}
		}
	}
	return list
}

func checksOf(name string, t types.Type) []string {
	switch u := t.Underlying().(type) {
	case *types.Pointer, *types.Interface, *types.Signature:
		return []string{name + " != nil", name + " == nil"}
	case *types.Slice, *types.Map:
		return []string{"len(" + name + ") > 0", "len(" + name + ") == 0"}
	case *types.Basic:
		switch {
		case u.Info()&types.IsBoolean != 0:
			return []string{name, "!" + name}
		case u.Info()&types.IsString != 0:
			return []string{name + " != \"\"", name + " == \"\""}
		case u.Info()&types.IsUnsigned != 0:
			return []string{name + " > 0", name + " == 0"}
		case u.Info()&(types.IsInteger|types.IsFloat) != 0:
			return []string{name + " > 0", name + " <= 0", name + " < 0", name + " != 0", name + " == 0"}
		}
	}
	return nil
}

// literal changes a constant that is written out: by one, to the usual ones, to others of the function.
func (g *goEdits) literal(e *ast.BasicLit) {
	switch e.Kind {
	case token.INT, token.CHAR:
		if n, ok := constant.Int64Val(constant.ToInt(constant.MakeFromLiteral(e.Value, e.Kind, 0))); ok && e.Kind == token.INT {
			for _, near := range []int64{n + 1, n - 1} {
				g.instead(e, strconv.FormatInt(near, 10), "constant", .7)
			}
			for _, usual := range []int64{0, 1, 2, -1, -n, n * 2, n / 2, n * 10, n / 10} {
				g.instead(e, strconv.FormatInt(usual, 10), "constant", .4)
			}
		}
	case token.STRING:
		g.instead(e, `""`, "constant", .3)
	case token.FLOAT:
		for _, usual := range []string{"0", "1", "0.5", "-" + e.Value} {
			g.instead(e, usual, "constant", .4)
		}
	}
	for i, other := range g.near(e.Value) {
		g.instead(e, other, "constant", .5-.05*float64(i))
	}
	n := 0
	for _, other := range g.pool.literals {
		if quote(other) == quote(e.Value) && other != e.Value && n < maxPooled {
			n++
			g.instead(e, other, "constant", .45)
		}
	}
}

// near are the texts of the package that differ from one by a letter or two, or in upper and lower case: somebody may have mistyped it.
func (g *goEdits) near(literal string) []string {
	if quote(literal) != '"' {
		return nil
	}
	if g.texts == nil {
		seen := map[string]bool{}
		for _, f := range g.files {
			ast.Inspect(f.syntax, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING && len(lit.Value) <= maxText && !seen[lit.Value] {
					seen[lit.Value] = true
					g.texts = append(g.texts, lit.Value)
				}
				return true
			})
		}
	}
	var list []string
	for most := 1; most <= 2; most++ {
		for _, other := range g.texts {
			if other != literal && len(list) < maxLike && (distance(literal, other) == most || most == 1 && strings.EqualFold(literal, other)) {
				list = append(list, other)
			}
		}
	}
	return list
}

// maxText bounds the texts that are compared by their letters.
const maxText = 60

// distance is how many letters are to be added, dropped or replaced to make one text of another; 3 stands for more than two.
func distance(a, b string) int {
	const far = 3
	if len(a) > maxText || len(b) > maxText {
		return far
	}
	return min(far, levenshtein.ComputeDistance(a, b))
}

// quote tells the sorts of literals apart by how they begin.
func quote(literal string) byte {
	switch c := literal[0]; {
	case c >= '0' && c <= '9' || c == '.':
		return '0'
	case c == '`':
		return '"'
	default:
		return c
	}
}

// offByOne adds and takes one where a number counts or bounds something.
func (g *goEdits) offByOne(e ast.Expr) {
	t, ok := g.typeOf(e).Underlying().(*types.Basic)
	if !ok || t.Info()&types.IsInteger == 0 {
		return
	}
	weight := 0.0
	switch p := g.parent(1).(type) {
	case *ast.IndexExpr:
		weight = .8
	case *ast.SliceExpr:
		weight = .8
	case *ast.BinaryExpr:
		weight = .3
		if relation(p.Op) {
			weight = .7
		}
	case *ast.CallExpr, *ast.ReturnStmt, *ast.AssignStmt, *ast.KeyValueExpr, *ast.ValueSpec, *ast.RangeStmt:
		weight = .5
	}
	if _, literal := e.(*ast.BasicLit); weight == 0 || literal {
		return
	}
	text := g.text(e)
	if b, ok := e.(*ast.BinaryExpr); ok {
		if b.Op.Precedence() < token.ADD.Precedence() {
			return
		}
		if g.text(b.Y) == "1" && (b.Op == token.ADD || b.Op == token.SUB) {
			return // its operator and operand are tried
		}
	}
	g.instead(e, text+" + 1", "off by one", weight)
	g.instead(e, text+" - 1", "off by one", weight)
	if _, binary := e.(*ast.BinaryExpr); !binary {
		g.instead(e, "-"+text, "negation", weight/2)
	}
}

func (g *goEdits) slice(e *ast.SliceExpr) {
	if e.Slice3 {
		return
	}
	x, low, high := g.text(e.X), "", ""
	if e.Low != nil {
		low = g.text(e.Low)
	}
	if e.High != nil {
		high = g.text(e.High)
	}
	if low != "" {
		g.instead(e, x+"[:"+high+"]", "bound", .5)
		g.instead(e, x+"[:"+low+"]", "bound", .6)
	}
	if high != "" {
		g.instead(e, x+"["+low+":]", "bound", .5)
		g.instead(e, x+"["+high+":]", "bound", .6)
	}
	if low == "" && high != "" || low != "" && high == "" {
		g.instead(e, x+"[1"+":"+high+"]", "bound", .4)
		g.instead(e, x+"["+low+":len("+x+")-1]", "bound", .4)
	}
}
