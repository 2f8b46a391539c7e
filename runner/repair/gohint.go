package repair

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// Hints are what a function itself tells about a statement that it lacks: a parameter that nothing uses, a variable that nothing changes,
// a field beside one that is set, a relation beside another.

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
