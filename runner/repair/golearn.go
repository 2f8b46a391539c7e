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

// idle tells whether a parameter or result of the function is not used in it: what used it may be gone.
func (g *goEdits) idle(v *types.Var) bool {
	if g.fn == nil {
		return false
	}
	if g.unused == nil {
		g.unused = map[*types.Var]bool{}
		for _, fields := range []*ast.FieldList{g.fn.Recv, g.fn.Type.Params} {
			if fields == nil {
				continue
			}
			for _, f := range fields.List {
				for _, name := range f.Names {
					if v, ok := g.info.Defs[name].(*types.Var); ok {
						g.unused[v] = true
					}
				}
			}
		}
		ast.Inspect(g.fn.Body, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				if v, ok := g.info.Uses[id].(*types.Var); ok {
					delete(g.unused, v)
				}
			}
			return true
		})
	}
	return g.unused[v]
}

// setters give a field of a variable the value of another variable: one that nothing uses, or of the field's name.
func (g *goEdits) setters(pos token.Pos, small bool) []suggestion {
	var list []suggestion
	scope := g.inScope(pos)
	for _, v := range scope {
		if p, ok := v.Type().Underlying().(*types.Pointer); ok {
			for _, o := range scope {
				weight := .2
				if g.idle(o) {
					weight = .5
				}
				if types.Identical(o.Type(), p.Elem()) {
					list = append(list, suggestion{"*" + v.Name() + " = " + o.Name(), weight})
				}
				if slice, ok := p.Elem().Underlying().(*types.Slice); ok && types.Identical(slice.Elem(), o.Type()) {
					list = append(list, suggestion{"*" + v.Name() + " = append(*" + v.Name() + ", " + o.Name() + ")", weight})
				}
			}
		}
		if _, ok := v.Type().Underlying().(*types.Slice); ok && g.idle(v) {
			var at []string
			for _, o := range scope {
				if b, ok := o.Type().Underlying().(*types.Basic); ok && b.Info()&types.IsInteger != 0 && g.idle(o) {
					at = append(at, v.Name()+"["+o.Name()+"]")
				}
			}
			if len(at) == 2 { // sort.Interface
				list = append(list, suggestion{at[1] + ", " + at[0] + " = " + at[0] + ", " + at[1], .6},
					suggestion{at[0] + ", " + at[1] + " = " + at[1] + ", " + at[0], .6})
			}
		}
		s, ok := deref(v.Type()).Underlying().(*types.Struct)
		if !ok || v.Parent() == g.pkg.Scope() {
			continue
		}
		for f := range s.Fields() {
			if !f.Exported() && f.Pkg() != g.pkg || f.Name() == "_" {
				continue
			}
			if b, ok := f.Type().Underlying().(*types.Basic); ok && small && len(list) < maxNames {
				to := v.Name() + "." + f.Name()
				switch {
				case b.Info()&types.IsInteger != 0:
					list = append(list, suggestion{to + "++", .3}, suggestion{to + "--", .3})
				case b.Info()&types.IsBoolean != 0:
					list = append(list, suggestion{to + " = true", .3}, suggestion{to + " = false", .3})
				}
			}
			for _, o := range scope {
				named := strings.EqualFold(o.Name(), f.Name())
				if o == v || o.Parent() == g.pkg.Scope() || !named && !g.idle(o) {
					continue
				}
				weight := .25
				if named && g.idle(o) {
					weight = .6
				} else if named {
					weight = .3
				}
				to := v.Name() + "." + f.Name()
				if types.Identical(o.Type(), f.Type()) {
					list = append(list, suggestion{to + " = " + o.Name(), weight})
				}
				if slice, ok := f.Type().Underlying().(*types.Slice); ok && types.Identical(slice.Elem(), o.Type()) {
					list = append(list, suggestion{to + " = append(" + to + ", " + o.Name() + ")", weight})
				}
			}
		}
	}
	slices.SortStableFunc(list, func(a, b suggestion) int { return cmp.Compare(b.weight, a.weight) })
	return list[:min(len(list), maxNames)]
}

// steps set a local variable that is given a value once and never another: its step, or its change, may be gone.
func (g *goEdits) steps(pos token.Pos) []suggestion {
	var list []suggestion
	scope := g.inScope(pos)
	for _, v := range scope { // a mark that is set elsewhere
		b, ok := v.Type().Underlying().(*types.Basic)
		if ok && b.Info()&types.IsBoolean != 0 && v.Parent() != g.pkg.Scope() && len(list) < maxLike && !slices.Contains(g.constantOnes(), v) {
			list = append(list, suggestion{v.Name() + " = false", .2}, suggestion{v.Name() + " = true", .2})
		}
	}
	for _, v := range g.constantOnes() {
		if !slices.Contains(scope, v) {
			continue
		}
		b, ok := v.Type().Underlying().(*types.Basic)
		switch {
		case ok && b.Info()&types.IsInteger != 0:
			list = append(list, suggestion{v.Name() + "++", .4}, suggestion{v.Name() + "--", .25})
		case ok && b.Info()&types.IsBoolean != 0:
			list = append(list, suggestion{v.Name() + " = true", .4}, suggestion{v.Name() + " = false", .4})
		}
		n := 0
		for _, o := range scope {
			if o != v && n < 3 && o.Parent() != g.pkg.Scope() && types.Identical(o.Type(), v.Type()) {
				n++
				list = append(list, suggestion{v.Name() + " = " + o.Name(), .25})
				if ok && b.Info()&(types.IsNumeric|types.IsString) != 0 {
					list = append(list, suggestion{v.Name() + " += " + o.Name(), .25})
				}
			}
		}
	}
	return list[:min(len(list), 2*maxNames)]
}

// constantOnes are the local variables that are declared with a constant or nothing, and not set again, nor lent by their address.
func (g *goEdits) constantOnes() []*types.Var {
	if g.fixed != nil {
		return g.fixed
	}
	g.fixed = []*types.Var{}
	set := map[types.Object]bool{}
	root := func(e ast.Expr) {
		for {
			switch x := e.(type) {
			case *ast.ParenExpr:
				e = x.X
			case *ast.IndexExpr:
				e = x.X
			case *ast.SelectorExpr:
				e = x.X
			case *ast.Ident:
				set[g.info.Uses[x]] = true
				return
			default:
				return
			}
		}
	}
	declare := func(id *ast.Ident, value ast.Expr) {
		if v, ok := g.info.Defs[id].(*types.Var); ok && (value == nil || g.info.Types[value].Value != nil) {
			g.fixed = append(g.fixed, v)
		}
	}
	ast.Inspect(g.fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			for i, l := range n.Lhs {
				if id, ok := l.(*ast.Ident); ok && n.Tok == token.DEFINE && g.info.Defs[id] != nil && len(n.Rhs) == len(n.Lhs) {
					declare(id, n.Rhs[i])
				} else {
					root(l)
				}
			}
		case *ast.IncDecStmt:
			root(n.X)
		case *ast.UnaryExpr:
			if n.Op == token.AND {
				root(n.X)
			}
		case *ast.RangeStmt:
			if n.Key != nil {
				root(n.Key)
			}
			if n.Value != nil {
				root(n.Value)
			}
		case *ast.ValueSpec:
			for i, id := range n.Names {
				var value ast.Expr
				if i < len(n.Values) {
					value = n.Values[i]
				}
				declare(id, value)
			}
		case *ast.FuncType:
			if n.Results != nil {
				for _, f := range n.Results.List {
					for _, id := range f.Names {
						declare(id, nil)
					}
				}
			}
		}
		return true
	})
	g.fixed = slices.DeleteFunc(g.fixed, func(v *types.Var) bool { return set[v] })
	return g.fixed
}

// entries are checks of parameters at the beginning of a function, with an early return.
func (g *goEdits) entries(pos token.Pos) []suggestion {
	var list []suggestion
	ways := g.leaves()
	check := func(condition string, weight float64) {
		if t := g.typeAt(pos, condition); t == nil || !types.AssignableTo(t, types.Typ[types.Bool]) {
			return
		}
		for i, way := range ways {
			if strings.HasPrefix(way, "return") {
				list = append(list, suggestion{"if " + condition + " {\n" + way + "\n}", weight - .02*float64(i)})
			}
		}
	}
	params := g.signature()
	if params == nil {
		return nil
	}
	var vars []*types.Var
	if r := params.Recv(); r != nil {
		vars = append(vars, r)
	}
	for v := range params.Params().Variables() {
		vars = append(vars, v)
	}
	for i, v := range vars {
		if v.Name() == "" || v.Name() == "_" {
			continue
		}
		for _, c := range checksOf(v.Name(), v.Type()) {
			weight := .3
			if strings.HasSuffix(c, "> 0") || strings.Contains(c, "!=") {
				weight = .2
			}
			check(c, weight)
		}
		if b, ok := v.Type().Underlying().(*types.Basic); ok && b.Info()&types.IsString != 0 {
			check("len("+v.Name()+") == 0", .28)
		}
		for _, o := range vars[i+1:] {
			if types.Identical(o.Type(), v.Type()) && types.Comparable(v.Type()) {
				check(v.Name()+" == "+o.Name(), .3)
			}
		}
	}
	return list[:min(len(list), 4*maxNames)]
}

// leaves are the ways to leave, and the other value where there are but two or three: true beside false, 1 beside -1.
func (g *goEdits) leaves() []string {
	ways := g.ways()
	sig := g.signature()
	if sig == nil || sig.Results().Len() != 1 {
		return ways
	}
	if b, ok := sig.Results().At(0).Type().Underlying().(*types.Basic); ok && b.Info()&types.IsBoolean != 0 && !slices.Contains(ways, "return true") {
		ways = append(ways, "return true")
	}
	for one, other := range map[string]string{"return 1": "return -1", "return -1": "return 1"} {
		if slices.Contains(ways, one) && !slices.Contains(ways, other) {
			return append(ways, other)
		}
	}
	return ways
}

// mirrors are a check that leaves, with another relation and another value: beside less than there may have been greater than.
func (g *goEdits) mirrors(s ast.Stmt) []suggestion {
	check, ok := s.(*ast.IfStmt)
	if !ok || check.Else != nil || check.Init != nil || len(check.Body.List) != 1 {
		return nil
	}
	cond, ok := check.Cond.(*ast.BinaryExpr)
	if _, leaves := check.Body.List[0].(*ast.ReturnStmt); !ok || !leaves || !relation(cond.Op) {
		return nil
	}
	var list []suggestion
	was := g.text(check.Body.List[0])
	for _, op := range operators[cond.Op][:3] {
		for _, way := range g.leaves() {
			if way != was && strings.HasPrefix(way, "return") {
				list = append(list, suggestion{"if " + g.text(cond.X) + " " + op.text + " " + g.text(cond.Y) + " {\n" + way + "\n}", .25})
			}
		}
	}
	return list
}

// siblings are assignments like one, of another field or variable of the same type that the function does not set.
func (g *goEdits) siblings(s ast.Stmt) []suggestion {
	a, ok := s.(*ast.AssignStmt)
	if !ok || a.Tok == token.DEFINE || len(a.Lhs) != 1 || len(a.Rhs) != 1 {
		return nil
	}
	var list []suggestion
	offer := func(old, new string) {
		left, right := g.text(a.Lhs[0]), g.text(a.Rhs[0])
		left = strings.TrimSuffix(left, old) + new
		for _, r := range []string{replaceWord(right, old, new), right} {
			list = append(list, suggestion{left + " " + a.Tok.String() + " " + r, .35})
		}
	}
	set := g.text(g.fn.Body)
	switch left := a.Lhs[0].(type) {
	case *ast.SelectorExpr:
		sel := g.info.Selections[left]
		if sel == nil || sel.Kind() != types.FieldVal {
			return nil
		}
		if t, ok := deref(sel.Recv()).Underlying().(*types.Struct); ok {
			for f := range t.Fields() {
				if f != sel.Obj() && types.Identical(f.Type(), sel.Type()) && (f.Exported() || f.Pkg() == g.pkg) &&
					!strings.Contains(set, g.text(left.X)+"."+f.Name()+" "+a.Tok.String()) {
					offer(left.Sel.Name, f.Name())
				}
			}
		}
	case *ast.Ident:
		for _, v := range g.inScope(s.Pos()) {
			if v.Name() != left.Name && v.Parent() != g.pkg.Scope() && types.Identical(v.Type(), g.typeOf(left)) {
				offer(left.Name, v.Name())
			}
		}
	}
	return list[:min(len(list), maxNames)]
}

// replaceWord replaces a name, but no part of one.
func replaceWord(text, old, new string) string {
	var b strings.Builder
	letter := func(i int) bool {
		return i >= 0 && i < len(text) && (text[i] == '_' || text[i] >= '0' && text[i] <= '9' || text[i]|0x20 >= 'a' && text[i]|0x20 <= 'z')
	}
	for i := 0; i < len(text); {
		if strings.HasPrefix(text[i:], old) && !letter(i-1) && !letter(i+len(old)) {
			b.WriteString(new)
			i += len(old)
			continue
		}
		b.WriteByte(text[i])
		i++
	}
	return b.String()
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
