package repair

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// steps that may stand for another, as operators.
var steps = map[token.Token][]struct {
	text   string
	weight float64
}{
	token.ADD_ASSIGN: {{"-=", .9}, {"=", .6}, {"*=", .4}},
	token.SUB_ASSIGN: {{"+=", .9}, {"=", .6}, {"/=", .3}},
	token.MUL_ASSIGN: {{"/=", .8}, {"+=", .6}, {"=", .5}},
	token.QUO_ASSIGN: {{"*=", .8}, {"-=", .5}, {"%=", .5}, {"=", .4}},
	token.REM_ASSIGN: {{"/=", .7}, {"=", .4}},
	token.AND_ASSIGN: {{"|=", .8}, {"&^=", .6}, {"=", .5}},
	token.OR_ASSIGN:  {{"&=", .8}, {"^=", .6}, {"=", .6}},
	token.XOR_ASSIGN: {{"|=", .7}, {"&=", .6}, {"=", .4}},
	token.SHL_ASSIGN: {{">>=", .8}, {"=", .3}},
	token.SHR_ASSIGN: {{"<<=", .8}, {"=", .3}},
	token.ASSIGN:     {{"+=", .5}, {"|=", .4}, {"-=", .4}},
}

func (g *goEdits) stmt(s ast.Stmt) {
	src := string(g.file.src)
	start, end := g.offset(s.Pos()), g.offset(s.End())
	instead := func(text, kind string, weight float64) { g.add(start, end, text, kind, weight) }
	switch s := s.(type) {
	case *ast.IncDecStmt:
		if s.Tok == token.INC {
			instead(g.text(s.X)+"--", "operator", .8)
			instead(g.text(s.X)+" += 2", "off by one", .4)
		} else {
			instead(g.text(s.X)+"++", "operator", .8)
		}
	case *ast.AssignStmt:
		g.assign(s, src[start:g.offset(s.TokPos)], src[g.offset(s.TokPos)+len(s.Tok.String()):end], instead)
	case *ast.BranchStmt:
		if s.Label == nil {
			for _, other := range []string{"break", "continue", "return"} {
				if other != s.Tok.String() && (other != "return" || g.fn != nil && g.fn.Type.Results == nil) {
					instead(other, "jump", .6)
				}
			}
		}
	case *ast.ReturnStmt:
		g.results(s)
	case *ast.IfStmt:
		if s.Else == nil && s.Init == nil {
			instead(g.text(s.Body), "condition dropped", .3)
		}
		if len(s.Body.List) == 0 {
			g.fill(s.Body.Lbrace+1, s.Body.Rbrace)
		}
		if _, last := s.Else.(*ast.BlockStmt); last {
			g.add(g.offset(s.Body.End()), end, "", "else dropped", .3)
		}
	case *ast.ForStmt:
		if len(s.Body.List) == 0 {
			g.fill(s.Body.Lbrace+1, s.Body.Rbrace)
		}
	case *ast.RangeStmt:
		if len(s.Body.List) == 0 {
			g.fill(s.Body.Lbrace+1, s.Body.Rbrace)
		}
	case *ast.BlockStmt:
		switch g.parent(1).(type) {
		case *ast.FuncDecl, *ast.FuncLit:
			if len(s.List) == 0 {
				g.fill(s.Lbrace+1, s.Rbrace)
			}
		}
	case *ast.CaseClause:
		if len(s.Body) == 0 {
			g.fill(s.Colon+1, s.Colon+1)
		}
		if len(s.List) > 1 {
			for i, e := range s.List {
				from, to := g.offset(e.Pos()), g.offset(e.End())
				if i > 0 {
					from = g.offset(s.List[i-1].End())
				} else {
					to = g.offset(s.List[1].Pos())
				}
				g.add(from, to, "", "case dropped", .5)
			}
		}
	}
	if inList(s, g.parent(1)) {
		g.inPlace(s)
	}
}

func (g *goEdits) assign(s *ast.AssignStmt, left, right string, instead func(text, kind string, weight float64)) {
	if len(s.Lhs) != 1 || len(s.Rhs) != 1 {
		if len(s.Lhs) == 2 && s.Tok == token.ASSIGN {
			instead(g.text(s.Lhs[1])+", "+g.text(s.Lhs[0])+" = "+strings.TrimSpace(right), "operands swapped", .4)
		}
		return
	}
	t, ok := g.typeOf(s.Lhs[0]).Underlying().(*types.Basic)
	for _, op := range steps[s.Tok] {
		numeric := ok && t.Info()&types.IsNumeric != 0
		text := ok && t.Info()&types.IsString != 0 && (op.text == "+=" || op.text == "=")
		boolean := ok && t.Info()&types.IsBoolean != 0 && op.text == "="
		if numeric || text || boolean {
			instead(left+op.text+right, "operator", op.weight)
		}
	}
	if s.Tok == token.DEFINE { // a name that hides another was meant to be set
		if id, ok := s.Lhs[0].(*ast.Ident); ok && g.hides(id) {
			instead(left+"="+right, "operator", .8)
		}
	}
	if id, ok := s.Lhs[0].(*ast.Ident); ok && s.Tok != token.DEFINE { // another variable was meant
		n := 0
		for _, v := range g.inScope(s.Pos()) {
			if v.Name() != id.Name && n < maxNames && types.Identical(v.Type(), g.typeOf(id)) {
				n++
				instead(v.Name()+strings.TrimPrefix(left, id.Name)+s.Tok.String()+right, "variable", .5)
			}
		}
	}
}

// hides tells whether a name that is declared here is one of an outer scope, with the same type.
func (g *goEdits) hides(id *ast.Ident) bool {
	obj := g.info.Defs[id]
	if obj == nil || obj.Parent() == nil || obj.Parent().Parent() == nil {
		return false
	}
	_, outer := obj.Parent().Parent().LookupParent(id.Name, id.Pos())
	v, ok := outer.(*types.Var)
	return ok && types.Identical(v.Type(), obj.Type())
}

// results changes what is returned: no error, an error, nothing, another variable.
func (g *goEdits) results(s *ast.ReturnStmt) {
	sig := g.signature()
	if sig == nil || sig.Results().Len() != len(s.Results) {
		return
	}
	src := string(g.file.src)
	start, end := g.offset(s.Pos()), g.offset(s.End())
	for i, e := range s.Results {
		want := sig.Results().At(i).Type()
		with := func(text string, weight float64) {
			if text != g.text(e) && g.fits(e.Pos(), text, want) {
				g.add(start, end, src[start:g.offset(e.Pos())]+text+src[g.offset(e.End()):end], "return", weight)
			}
		}
		with(zero(want), .4)
		if types.Identical(want, types.Universe.Lookup("error").Type()) {
			with("nil", .6)
			with("err", .6)
		}
		n := 0
		for _, v := range g.inScope(s.Pos()) {
			if n < maxLike && types.Identical(v.Type(), want) {
				n++
				with(v.Name(), .4)
			}
		}
	}
	g.add(start, end, "", "statement dropped", .3)
}

// signature is that of the innermost function around the current node.
func (g *goEdits) signature() *types.Signature {
	for i := len(g.stack) - 1; i >= 0; i-- {
		switch f := g.stack[i].(type) {
		case *ast.FuncLit:
			sig, _ := g.typeOf(f).(*types.Signature)
			return sig
		case *ast.FuncDecl:
			if obj := g.info.Defs[f.Name]; obj != nil {
				sig, _ := obj.Type().(*types.Signature)
				return sig
			}
		}
	}
	return nil
}

// zero writes the zero value of a type, "" where its name would be needed.
func zero(t types.Type) string {
	switch u := t.Underlying().(type) {
	case *types.Basic:
		switch {
		case u.Info()&types.IsBoolean != 0:
			return "false"
		case u.Info()&types.IsString != 0:
			return `""`
		case u.Info()&types.IsNumeric != 0:
			return "0"
		}
	case *types.Pointer, *types.Slice, *types.Map, *types.Interface, *types.Signature, *types.Chan:
		return "nil"
	}
	return ""
}

// inPlace drops a statement, changes its place, and puts others before it.
func (g *goEdits) inPlace(s ast.Stmt) {
	start, end := g.offset(s.Pos()), g.offset(s.End())
	switch s.(type) {
	case *ast.ExprStmt, *ast.AssignStmt, *ast.IncDecStmt, *ast.IfStmt, *ast.DeferStmt, *ast.BranchStmt, *ast.ForStmt, *ast.RangeStmt:
		if !declares(s) {
			g.add(start, end, "", "statement dropped", .5)
		}
	}
	list, i := g.neighbours(s)
	if i+1 < len(list) && !declares(s) && !declares(list[i+1]) {
		next := list[i+1]
		g.otherwise(s, next)
		from, to := g.offset(next.Pos()), g.offset(next.End())
		if !jumps(s) && to-start < maxSite {
			src := string(g.file.src)
			g.pair(start, to, src[from:to]+src[end:from]+src[start:end])
		}
	}
	g.guards(s)
	n := 0
	for _, other := range g.pool.statements {
		if n < 2*maxPooled && other != s && g.means(other, s.Pos()) && (i == 0 || list[i-1] != other) {
			if _, jump := other.(*ast.BranchStmt); jump && !g.inLoop() {
				continue
			}
			n++
			g.insert(s, g.text(other), "statement copied", .3)
		}
	}
	for _, text := range g.donors(s.Pos(), maxPooled) {
		g.insert(s, text, "statement copied", .25)
	}
	for _, m := range g.missing(s.Pos(), list, i, g.where(1)) {
		g.insert(s, m.text, "statement learned", m.weight)
	}
	if i == len(list)-1 {
		g.append(s)
	}
}

// pair swaps two statements that stand beside each other.
func (g *goEdits) pair(start, end int, text string) {
	outer := g.stack
	g.stack = g.stack[:len(g.stack)-1]
	g.add(start, end, text, "statements swapped", .4)
	g.stack = outer
}

// fill puts one statement into a list that has none.
func (g *goEdits) fill(from, to token.Pos) {
	start, end := g.offset(from), g.offset(to)
	put := func(text, kind string, weight float64) { g.add(start, end, "\n"+text+"\n", kind, weight) }
	if _, whole := g.stack[len(g.stack)-1].(*ast.BlockStmt); whole { // no statement around it could choose
		put = func(text, kind string, weight float64) {
			g.add(start, start, "\n"+text+"\n", kind, weight)
			g.edits[len(g.edits)-1].site = site{form: insertion, start: start, end: start}
		}
	}
	for _, way := range g.ways() {
		put(way, "statement added", .5)
	}
	n := 0
	for _, s := range g.pool.statements {
		if _, jump := s.(*ast.BranchStmt); !jump && n < 2*maxPooled && g.means(s, from) {
			n++
			put(g.text(s), "statement copied", .4)
		}
	}
	for _, text := range g.donors(from, maxPooled) {
		put(text, "statement copied", .35)
	}
	where := "func"
	switch g.stack[len(g.stack)-1].(type) {
	case *ast.IfStmt:
		where = "if"
	case *ast.ForStmt, *ast.RangeStmt:
		where = "for"
	case *ast.CaseClause:
		where = "case"
	}
	for _, m := range g.missing(from, nil, 0, where) {
		put(m.text, "statement learned", m.weight+.1)
	}
}

// ways to leave: those of a loop, the first returns of the function, and a return of zero values.
func (g *goEdits) ways() []string {
	var ways []string
	if g.inLoop() {
		ways = append(ways, "continue", "break")
	}
	for i, r := range g.pool.returns {
		if i < maxLike/2 {
			ways = append(ways, r)
		}
	}
	if sig := g.signature(); sig != nil {
		var parts []string
		for v := range sig.Results().Variables() {
			if z := zero(v.Type()); z != "" {
				parts = append(parts, z)
			}
		}
		if bare := strings.TrimSpace("return " + strings.Join(parts, ", ")); len(parts) == sig.Results().Len() && !slices.Contains(ways, bare) {
			ways = append(ways, bare)
		}
		if n := len(parts) - 1; n >= 0 && len(parts) == sig.Results().Len() && slices.ContainsFunc(g.pool.names, func(v *types.Var) bool { return v.Name() == "err" }) &&
			types.Identical(sig.Results().At(n).Type(), types.Universe.Lookup("error").Type()) {
			parts[n] = "err"
			if fail := "return " + strings.Join(parts, ", "); !slices.Contains(ways, fail) {
				ways = append(ways, fail)
			}
		}
	}
	return ways
}

// otherwise puts the statement behind an if into its else.
func (g *goEdits) otherwise(s ast.Stmt, next ast.Stmt) {
	branch, ok := s.(*ast.IfStmt)
	if !ok || branch.Else != nil || declares(next) || g.offset(next.End())-g.offset(s.Pos()) > maxSite {
		return
	}
	if n := len(branch.Body.List); n > 0 && jumps(branch.Body.List[n-1]) {
		return
	}
	outer := g.stack
	g.stack = g.stack[:len(g.stack)-1]
	start, end := g.offset(s.Pos()), g.offset(next.End())
	g.add(start, end, string(g.file.src[start:g.offset(s.End())])+" else {\n"+g.text(next)+"\n}", "else added", .4)
	g.stack = outer
}

// append puts statements behind the last of a list.
func (g *goEdits) append(s ast.Stmt) {
	if jumps(s) {
		return
	}
	end := g.offset(s.End())
	line := strings.LastIndexByte(string(g.file.src[:g.offset(s.Pos())]), '\n') + 1
	indent := string(g.file.src[line:g.offset(s.Pos())])
	if strings.TrimSpace(indent) != "" {
		return
	}
	n := 0
	for _, other := range g.pool.statements {
		if n < maxPooled && other != s && g.means(other, s.Pos()) {
			if _, jump := other.(*ast.BranchStmt); jump && !g.inLoop() {
				continue
			}
			n++
			g.add(end, end, "\n"+indent+g.text(other), "statement copied", .3)
		}
	}
	for _, way := range g.ways() {
		g.add(end, end, "\n"+indent+way, "statement added", .3)
	}
	for _, text := range g.donors(s.End(), maxPooled) {
		g.add(end, end, "\n"+indent+text, "statement copied", .25)
	}
	list, i := g.neighbours(s)
	for _, m := range g.missing(s.End(), list, i+1, g.where(1)) {
		g.add(end, end, "\n"+indent+m.text, "statement learned", m.weight)
	}
}

func (g *goEdits) neighbours(s ast.Stmt) ([]ast.Stmt, int) {
	var list []ast.Stmt
	switch p := g.parent(1).(type) {
	case *ast.BlockStmt:
		list = p.List
	case *ast.CaseClause:
		list = p.Body
	case *ast.CommClause:
		list = p.Body
	}
	return list, slices.Index(list, s)
}

func jumps(s ast.Stmt) bool {
	switch s.(type) {
	case *ast.ReturnStmt, *ast.BranchStmt:
		return true
	}
	return false
}

func (g *goEdits) inLoop() bool {
	for i := len(g.stack) - 2; i >= 0; i-- {
		switch g.stack[i].(type) {
		case *ast.ForStmt, *ast.RangeStmt:
			return true
		case *ast.FuncLit:
			return false
		}
	}
	return false
}

// guards leave before a statement where a usual check of its names says so.
func (g *goEdits) guards(s ast.Stmt) {
	ways := g.ways()
	checks := g.checks(s)
	for _, c := range g.pool.conditions {
		if len(checks) < maxNames+maxLike && !slices.Contains(checks, c) {
			checks = append(checks, c)
		}
	}
	for _, c := range checks {
		if t := g.typeAt(s.Pos(), c); t == nil || !types.AssignableTo(t, types.Typ[types.Bool]) {
			continue
		}
		weight := .2
		if c == "err != nil" {
			weight = .5
		}
		for _, way := range ways {
			g.insert(s, "if "+c+" {\n"+way+"\n}", "check added", weight)
		}
	}
}
