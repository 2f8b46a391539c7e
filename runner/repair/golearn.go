package repair

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// A statement that is gone leaves no text to edit. What could have stood there is learned from the package: a statement without the
// names of its variables is a pattern, and of each pattern it is known between which neighbours it stands, and how often. A check of an
// error follows the calls that it follows elsewhere, an Unlock the Lock, a step ends the loops that it ends elsewhere.

// Bounds of what is learned and tried.
const (
	maxPattern  = 200 // bytes of a statement
	maxCommon   = 150 // patterns that are looked at wherever a place is
	maxLearned  = 10  // statements that are tried at one place
	maxVariants = 4   // of one pattern, by its variables
)

// pattern is a statement with holes for the variables of its function.
type pattern struct {
	parts   []string     // the text around the holes
	holes   []int        // each a variable, by its index
	vars    []patternVar // in order
	loop    bool         // it leaves the step of a loop
	results *types.Tuple // of the function that it returns from, nil where it does not
	imports []types.Object
	count   int
	after   map[string]int // neighbours before it
	before  map[string]int // and behind it
	guard   bool           // parts and holes are those of a condition alone, behind which the function returns
}

type patternVar struct {
	name string
	typ  types.Type
}

// lore is what a package teaches.
type lore struct {
	patterns []*pattern // most frequent first
	byBefore map[string][]*pattern
	byAfter  map[string][]*pattern
	seen     map[string]int // neighbours, "<" before a place and ">" behind it: how often
}

// lore learns, once.
func (p *GoPackage) lore() *lore {
	if p.learned != nil {
		return p.learned
	}
	l := &lore{byBefore: map[string][]*pattern{}, byAfter: map[string][]*pattern{}, seen: map[string]int{}}
	known := map[string]*pattern{}
	for _, f := range p.files {
		for _, d := range f.syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			g := &goEdits{GoPackage: p, file: f, fn: fn}
			g.eachList(fn, func(list []ast.Stmt, where string) {
				for i, s := range list {
					g.learn(l, known, s, neighbour(g, list, i-1, where), neighbour(g, list, i+1, where))
				}
			})
		}
	}
	slices.SortStableFunc(l.patterns, func(a, b *pattern) int { return cmp.Compare(b.count, a.count) })
	for _, t := range l.patterns {
		for key := range t.after {
			l.byAfter[key] = append(l.byAfter[key], t)
		}
		for key := range t.before {
			l.byBefore[key] = append(l.byBefore[key], t)
		}
	}
	p.learned = l
	return l
}

// eachList yields the lists of statements of a function, with what they are the body of.
func (g *goEdits) eachList(fn *ast.FuncDecl, yield func(list []ast.Stmt, where string)) {
	yield(fn.Body.List, "func")
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			yield(n.Body.List, "func")
		case *ast.IfStmt:
			yield(n.Body.List, "if")
			if e, ok := n.Else.(*ast.BlockStmt); ok {
				yield(e.List, "if")
			}
		case *ast.ForStmt:
			yield(n.Body.List, "for")
		case *ast.RangeStmt:
			yield(n.Body.List, "for")
		case *ast.CaseClause:
			yield(n.Body, "case")
		case *ast.CommClause:
			yield(n.Body, "case")
		}
		return true
	})
}

// learn takes in a statement between two neighbours, and the check that it is, for functions with other results.
func (g *goEdits) learn(l *lore, known map[string]*pattern, s ast.Stmt, before, behind string) {
	l.seen["<"+before]++
	l.seen[">"+behind]++
	add := func(t *pattern) {
		key := fmt.Sprint(t.guard, t.parts, t.holes, t.results)
		for _, v := range t.vars {
			key += "\x00" + v.typ.String()
		}
		if was := known[key]; was != nil {
			t = was
		} else {
			known[key] = t
			l.patterns = append(l.patterns, t)
		}
		t.count++
		t.after[before]++
		t.before[behind]++
	}
	switch s := s.(type) {
	case *ast.AssignStmt:
		if s.Tok == token.DEFINE {
			return
		}
	case *ast.ExprStmt, *ast.IncDecStmt, *ast.DeferStmt, *ast.ReturnStmt:
	case *ast.BranchStmt:
		if s.Label != nil {
			return
		}
	case *ast.IfStmt:
		if s.Else != nil || len(s.Body.List) == 0 {
			return
		}
		if ret, ok := s.Body.List[len(s.Body.List)-1].(*ast.ReturnStmt); ok && len(s.Body.List) == 1 && s.Init == nil && len(ret.Results) > 0 {
			if t := g.pattern(s.Cond); t != nil {
				t.guard = true
				add(t)
			}
		}
	default:
		return
	}
	if t := g.pattern(s); t != nil {
		add(t)
	}
}

// pattern makes one of a node; nil where it declares functions, jumps to a label, or is long.
func (g *goEdits) pattern(n ast.Node) *pattern {
	if n.End()-n.Pos() > maxPattern {
		return nil
	}
	t := &pattern{after: map[string]int{}, before: map[string]int{}}
	text, from, ok := g.text(n), g.offset(n.Pos()), true
	at := 0
	index := map[types.Object]int{}
	selected := map[*ast.Ident]bool{}
	ast.Inspect(n, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit, *ast.LabeledStmt:
			ok = false
		case *ast.BranchStmt:
			t.loop, ok = true, ok && n.Label == nil
		case *ast.ReturnStmt:
			sig, found := g.info.Defs[g.fn.Name].(*types.Func)
			if ok = ok && found; ok {
				t.results = sig.Type().(*types.Signature).Results()
			}
		case *ast.SelectorExpr:
			selected[n.Sel] = true
		case *ast.KeyValueExpr:
			if id, isName := n.Key.(*ast.Ident); isName {
				selected[id] = true
			}
		case *ast.Ident:
			obj := g.info.Uses[n]
			if obj == nil || selected[n] || !ok {
				break
			}
			v, isVar := obj.(*types.Var)
			switch {
			case isVar && !v.IsField() && v.Parent() != g.pkg.Scope() && v.Parent() != types.Universe:
				if g.declaredWithin(v, from, from+len(text)) {
					break // by the statement itself
				}
				i, seen := index[obj]
				if !seen {
					i = len(t.vars)
					index[obj] = i
					t.vars = append(t.vars, patternVar{v.Name(), v.Type()})
				}
				off := g.offset(n.Pos()) - from
				t.parts = append(t.parts, text[at:off])
				t.holes = append(t.holes, i)
				at = off + len(n.Name)
			case obj.Parent() != types.Universe:
				t.imports = append(t.imports, obj)
			}
		}
		return ok
	})
	if !ok || len(t.vars) > 5 {
		return nil
	}
	t.parts = append(t.parts, text[at:])
	return t
}

// declaredWithin tells whether a variable is declared in a part of the file.
func (g *goEdits) declaredWithin(v *types.Var, from, to int) bool {
	at := g.fset.Position(v.Pos())
	return at.Filename == g.file.path && at.Offset >= from && at.Offset < to
}

// neighbour names what stands at an index of a list, so that what is alike has one name.
func neighbour(g *goEdits, list []ast.Stmt, i int, where string) string {
	if i < 0 || i >= len(list) {
		return where
	}
	return g.head(list[i])
}

// head is what a statement is about: what it calls, else what it sets or asks.
func (g *goEdits) head(s ast.Stmt) string {
	callee := func(e ast.Expr) string {
		call, ok := ast.Unparen(e).(*ast.CallExpr)
		if !ok {
			return ""
		}
		switch f := call.Fun.(type) {
		case *ast.Ident:
			return f.Name
		case *ast.SelectorExpr:
			if fn, ok := g.info.Uses[f.Sel].(*types.Func); ok {
				return fn.FullName()
			}
			return f.Sel.Name
		}
		return ""
	}
	kindOf := func(e ast.Expr) string {
		if sel, ok := e.(*ast.SelectorExpr); ok {
			return "." + sel.Sel.Name
		}
		return g.typeOf(e).String()
	}
	switch s := s.(type) {
	case *ast.ExprStmt:
		return "call " + callee(s.X)
	case *ast.DeferStmt:
		return "defer " + callee(s.Call)
	case *ast.AssignStmt:
		if f := callee(s.Rhs[0]); f != "" && f != "append" && f != "len" {
			return "= " + f
		}
		return s.Tok.String() + " " + kindOf(s.Lhs[0])
	case *ast.IncDecStmt:
		return s.Tok.String() + kindOf(s.X)
	case *ast.IfStmt:
		if t := g.pattern(s.Cond); t != nil {
			return "if " + strings.Join(t.parts, "_")
		}
		return "if"
	case *ast.ReturnStmt:
		return "return " + strconv.Itoa(len(s.Results))
	case *ast.BranchStmt:
		return s.Tok.String()
	case *ast.ForStmt, *ast.RangeStmt:
		return "loop"
	}
	return fmt.Sprintf("%T", s)
}

// suggestion is a statement for a place, and how likely it stood there.
type suggestion struct {
	text   string
	weight float64
}

// suggest makes the likeliest statements for a place between two neighbours.
func (g *goEdits) suggest(pos token.Pos, before, behind string) []suggestion {
	l := g.lore()
	candidates := l.byAfter[before]
	candidates = append(candidates[:len(candidates):len(candidates)], l.byBefore[behind]...)
	candidates = append(candidates, l.patterns[:min(len(l.patterns), maxCommon)]...)
	chance := func(t *pattern) float64 {
		a := float64(t.after[before]) / float64(l.seen["<"+before]+1)
		b := float64(t.before[behind]) / float64(l.seen[">"+behind]+1)
		return .1 + .5*max(a, b) + .3*min(a, b) + .01*min(float64(t.count), 10)
	}
	slices.SortStableFunc(candidates, func(a, b *pattern) int { return cmp.Compare(chance(b), chance(a)) })
	scope := g.inScope(pos)
	seen := map[*pattern]bool{}
	var list []suggestion
	for _, t := range candidates {
		if len(list) >= 2*maxLearned || seen[t] {
			continue
		}
		seen[t] = true
		list = append(list, g.fillIn(t, pos, scope, chance(t))...)
	}
	slices.SortStableFunc(list, func(a, b suggestion) int { return cmp.Compare(b.weight, a.weight) })
	return list[:min(len(list), maxLearned)]
}

// fillIn puts variables that can be named at a position into the holes of a pattern: of the same names first, then one of them another.
func (g *goEdits) fillIn(t *pattern, pos token.Pos, scope []*types.Var, weight float64) []suggestion {
	if t.loop && !g.inLoop() || !g.meant(t, pos) {
		return nil
	}
	sig := g.signature()
	if t.results != nil && (sig == nil || !types.Identical(t.results, sig.Results())) {
		return nil
	}
	fits := make([][]*types.Var, len(t.vars))
	for i, v := range t.vars {
		for _, o := range scope {
			if types.Identical(o.Type(), v.typ) {
				fits[i] = append(fits[i], o)
			}
		}
		if len(fits[i]) == 0 {
			return nil
		}
		slices.SortStableFunc(fits[i], func(a, b *types.Var) int {
			return cmp.Compare(g.affinity(b, v.name), g.affinity(a, v.name))
		})
	}
	first := make([]*types.Var, len(fits))
	for i := range fits {
		for _, o := range fits[i] {
			if first[i] = o; !slices.Contains(first[:i], o) {
				break
			}
		}
	}
	choices := [][]*types.Var{first}
	for i := range fits {
		for _, o := range fits[i][:min(len(fits[i]), 3)] {
			if o != first[i] && len(choices) < maxVariants {
				other := slices.Clone(first)
				other[i] = o
				choices = append(choices, other)
			}
		}
	}
	var list []suggestion
	for _, c := range choices {
		text := t.with(c)
		w := weight
		for i, o := range c {
			if o.Name() != t.vars[i].name {
				w -= .02
			}
			if g.idle(o) {
				w += .15
			}
		}
		if !t.guard {
			list = append(list, suggestion{text, w})
			continue
		}
		for i, way := range g.ways() {
			if strings.HasPrefix(way, "return") && i < 4 {
				list = append(list, suggestion{"if " + text + " {\n" + way + "\n}", w - .03*float64(i)})
			}
		}
	}
	return list
}

func (t *pattern) with(vars []*types.Var) string {
	var b strings.Builder
	for i, part := range t.parts {
		b.WriteString(part)
		if i < len(t.holes) {
			b.WriteString(vars[t.holes[i]].Name())
		}
	}
	return b.String()
}

// meant tells whether the names of a pattern that are no holes mean at a position what they mean where it was learned.
func (g *goEdits) meant(t *pattern, pos token.Pos) bool {
	scope := g.pkg.Scope().Innermost(pos)
	if scope == nil {
		return false
	}
	for _, obj := range t.imports {
		_, found := scope.LookupParent(obj.Name(), pos)
		if p, ok := obj.(*types.PkgName); ok {
			if q, ok := found.(*types.PkgName); !ok || p.Imported() != q.Imported() {
				return false
			}
		} else if found != obj {
			return false
		}
	}
	return true
}

// affinity of a variable to a name: the same, then one that nothing uses, then one declared in this function.
func (g *goEdits) affinity(v *types.Var, name string) int {
	switch {
	case v.Name() == name:
		return 3
	case g.idle(v):
		return 2
	case v.Parent() != g.pkg.Scope():
		return 1
	}
	return 0
}

// missing are the statements that may be gone from a list before index i, which may be its end.
func (g *goEdits) missing(pos token.Pos, list []ast.Stmt, i int, where string) []suggestion {
	if g.fn == nil {
		return nil
	}
	all := g.suggest(pos, neighbour(g, list, i-1, where), neighbour(g, list, i, where))
	all = append(all, g.setters(pos, len(g.fn.Body.List) <= 2)...)
	all = append(all, g.relatedTo(pos, list, i, where)...)
	all = append(all, g.steps(pos)...)
	if i == 0 && len(g.fn.Body.List) > 0 && len(list) > 0 && list[0] == g.fn.Body.List[0] {
		all = append(all, g.entries(pos)...)
	}
	for _, j := range []int{i - 1, i} {
		if j >= 0 && j < len(list) {
			all = append(all, g.siblings(list[j])...)
			all = append(all, g.mirrors(list[j])...)
		}
	}
	return all
}

// where names what a list of statements is the body of.
func (g *goEdits) where(up int) string {
	switch g.parent(up).(type) {
	case *ast.CaseClause, *ast.CommClause:
		return "case"
	}
	switch g.parent(up + 1).(type) {
	case *ast.IfStmt:
		return "if"
	case *ast.ForStmt, *ast.RangeStmt:
		return "for"
	}
	return "func"
}
