package repair

import (
	"go/ast"
	"go/types"
)

// name puts another variable or constant of the same type in the place of one.
func (g *goEdits) name(e *ast.Ident) {
	switch obj := g.info.Uses[e].(type) {
	case *types.Var:
		if obj.IsField() {
			return
		}
		n := 0
		for _, v := range g.inScope(e.Pos()) {
			if v != obj && n < maxNames && types.Identical(v.Type(), obj.Type()) {
				n++
				weight := .6
				if v.Parent() == g.pkg.Scope() {
					weight = .4
				}
				g.instead(e, v.Name(), "variable", weight)
			}
		}
		g.parts(e, obj)
	case *types.Const:
		if obj.Name() == "true" {
			g.instead(e, "false", "constant", .7)
		}
		if obj.Name() == "false" {
			g.instead(e, "true", "constant", .7)
		}
		if obj.Parent() == g.pkg.Scope() {
			g.constants(e, obj, "")
		}
	case *types.Func:
		if sig, ok := obj.Type().(*types.Signature); ok && obj.Parent() == g.pkg.Scope() {
			g.functions(e, obj.Name(), sig, g.pkg.Scope(), "")
		}
	case *types.Builtin:
		switch obj.Name() {
		case "min":
			g.replaceName(e, "max", "function", .8)
		case "max":
			g.replaceName(e, "min", "function", .8)
		}
	}
}

// replaceName puts a name in the place of one that is no value of its own, the function of a call.
func (g *goEdits) replaceName(e ast.Expr, text, kind string, weight float64) {
	g.add(g.offset(e.Pos()), g.offset(e.End()), text, kind, weight)
}

// parts puts a field of another variable of the function in the place of a variable: v where it should be x.f.
func (g *goEdits) parts(e *ast.Ident, obj *types.Var) {
	n := 0
	for _, v := range g.inScope(e.Pos()) {
		s, ok := deref(v.Type()).Underlying().(*types.Struct)
		if !ok || v.Parent() == g.pkg.Scope() {
			continue
		}
		for f := range s.Fields() {
			if n < maxLike && types.Identical(f.Type(), obj.Type()) && (f.Exported() || f.Pkg() == g.pkg) {
				n++
				g.instead(e, v.Name()+"."+f.Name(), "variable", .3)
			}
		}
	}
}

func deref(t types.Type) types.Type {
	if p, ok := t.Underlying().(*types.Pointer); ok {
		return p.Elem()
	}
	return t
}

// constants puts the neighbours of a declared constant in its place: those of its type that stand nearest.
func (g *goEdits) constants(e ast.Expr, obj *types.Const, prefix string) {
	var before, after []*types.Const
	scope := obj.Parent()
	for _, name := range scope.Names() {
		c, ok := scope.Lookup(name).(*types.Const)
		switch {
		case !ok || c == obj || !types.Identical(c.Type(), obj.Type()) || prefix != "" && !c.Exported():
		case c.Pos() < obj.Pos():
			before = append(before, c)
		default:
			after = append(after, c)
		}
	}
	near := func(list []*types.Const, sign int) {
		for range min(maxLike, len(list)) {
			best := 0
			for i, c := range list {
				if sign*int(c.Pos()-list[best].Pos()) < 0 {
					best = i
				}
			}
			g.instead(e, prefix+list[best].Name(), "constant", .5)
			list = append(list[:best:best], list[best+1:]...)
		}
	}
	near(before, -1)
	near(after, 1)
}

// functions puts others of the same signature in the place of one.
func (g *goEdits) functions(e ast.Expr, name string, sig *types.Signature, scope *types.Scope, prefix string) {
	var names []string
	for _, other := range scope.Names() {
		f, ok := scope.Lookup(other).(*types.Func)
		if ok && (prefix == "" || f.Exported()) && types.Identical(f.Type(), sig) {
			names = append(names, other)
		}
	}
	if prefix != "" || len(names) > maxLike {
		names = like(name, names)
	}
	for _, other := range names {
		if other != name {
			g.instead(e, prefix+other, "function", .5)
		}
	}
}

// selector puts another field, method, function or constant in the place of one.
func (g *goEdits) selector(e *ast.SelectorExpr) {
	x := g.text(e.X) + "."
	if s := g.info.Selections[e]; s != nil {
		g.member(e, s, x)
		return
	}
	id, ok := e.X.(*ast.Ident)
	if !ok {
		return
	}
	if pkg, ok := g.info.Uses[id].(*types.PkgName); ok {
		switch obj := g.info.Uses[e.Sel].(type) {
		case *types.Func:
			g.functions(e, obj.Name(), obj.Type().(*types.Signature), pkg.Imported().Scope(), x)
		case *types.Const:
			g.constants(e, obj, x)
		}
	}
}

func (g *goEdits) member(e *ast.SelectorExpr, s *types.Selection, x string) {
	switch s.Kind() {
	case types.FieldVal:
		if t, ok := deref(s.Recv()).Underlying().(*types.Struct); ok {
			n := 0
			for f := range t.Fields() {
				if f != s.Obj() && n < maxNames && types.Identical(f.Type(), s.Type()) {
					n++
					g.instead(e, x+f.Name(), "field", .6)
				}
			}
		}
		n := 0
		for _, v := range g.inScope(e.Pos()) {
			if n < maxLike && v.Parent() != g.pkg.Scope() && types.Identical(v.Type(), s.Type()) {
				n++
				g.instead(e, v.Name(), "variable", .4)
			}
		}
	case types.MethodVal:
		set := types.NewMethodSet(s.Recv())
		if _, pointer := s.Recv().Underlying().(*types.Pointer); !pointer && !types.IsInterface(s.Recv()) {
			set = types.NewMethodSet(types.NewPointer(s.Recv()))
		}
		n := 0
		for m := range set.Methods() {
			if m.Obj() != s.Obj() && n < maxLike && types.Identical(m.Type(), s.Type()) {
				n++
				g.instead(e, x+m.Obj().Name(), "function", .5)
			}
		}
	}
}

// call swaps arguments, and drops the call where an argument can stand for it.
func (g *goEdits) call(e *ast.CallExpr) {
	src := string(g.file.src)
	start, end := g.offset(e.Pos()), g.offset(e.End())
	for i := range e.Args {
		for j := i + 1; j < len(e.Args); j++ {
			a, b := e.Args[i], e.Args[j]
			if !types.AssignableTo(g.typeOf(a), g.typeOf(b)) || g.text(a) == g.text(b) {
				continue
			}
			text := src[start:g.offset(a.Pos())] + g.text(b) + src[g.offset(a.End()):g.offset(b.Pos())] + g.text(a) + src[g.offset(b.End()):end]
			if g.typeAt(e.Pos(), text) != nil || g.isVoid(e) {
				g.add(start, end, text, "arguments swapped", .8)
			}
		}
		g.instead(e, g.text(e.Args[i]), "call dropped", .4)
	}
	if sel, ok := e.Fun.(*ast.SelectorExpr); ok && g.info.Selections[sel] != nil {
		g.instead(e, g.text(sel.X), "call dropped", .4)
	}
}

func (g *goEdits) isVoid(e ast.Expr) bool {
	tv := g.info.Types[e]
	_, tuple := tv.Type.(*types.Tuple)
	return tv.IsVoid() || tuple
}

// wrap puts a value through a function that the function calls elsewhere on one argument.
func (g *goEdits) wrap(e ast.Expr) {
	switch g.parent(1).(type) {
	case *ast.CallExpr, *ast.ReturnStmt, *ast.AssignStmt, *ast.BinaryExpr, *ast.IndexExpr, *ast.RangeStmt:
	default:
		return
	}
	if tv := g.info.Types[e]; !tv.IsValue() || tv.Value != nil {
		return
	}
	if call, ok := g.parent(1).(*ast.CallExpr); ok && call.Fun == e {
		return
	}
	call := func(f string) string { return f + "(" + g.text(e) + ")" }
	for i, f := range g.pool.wraps {
		if i < maxPooled && f != "append" && f != "panic" {
			g.instead(e, call(f), "call added", .3)
		}
	}
	g.some(e, g.nearby.wraps, maxLike, "call added", .2, call)
}
