package repair

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
	"unicode"
)

// Packages repeat themselves: Int16VarP is StringVarP with other words. A cousin is a function whose name differs by some words alone;
// with those words exchanged its statements tell what may be gone here.

// maxCousins bounds the functions that are looked at.
const maxCousins = 3

// words takes a name apart at its capitals.
func words(name string) []string {
	var list []string
	from := 0
	for i, r := range name {
		if i > from && unicode.IsUpper(r) && (!unicode.IsUpper(rune(name[i-1])) || i+1 < len(name) && unicode.IsLower(rune(name[i+1]))) {
			list = append(list, name[from:i])
			from = i
		}
	}
	return append(list, name[from:])
}

// exchange is what makes one name of another: the words in the middle; false where the names have nothing in common, or one has none there.
func exchange(from, to string) (old, new string, ok bool) {
	a, b := words(from), words(to)
	head, tail := 0, 0
	for head < min(len(a), len(b)) && a[head] == b[head] {
		head++
	}
	for tail < min(len(a), len(b))-head && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	old, new = strings.Join(a[head:len(a)-tail], ""), strings.Join(b[head:len(b)-tail], "")
	return old, new, old != "" && new != "" && head+tail > 0
}

// cousin is a statement of another function, with its words exchanged, and the neighbours that it has there.
type cousin struct {
	stmt          ast.Stmt
	text          string
	before, after string
}

// cousins are the statements of functions of the package whose names differ from that of this one by some words.
func (g *goEdits) cousins() []cousin {
	if g.relatives != nil || g.fn == nil {
		return g.relatives
	}
	g.relatives = []cousin{}
	type relative struct {
		fn       *ast.FuncDecl
		file     *goFile
		old, new string
		size     int
	}
	var list []relative
	here := receiver(g.fn)
	for _, f := range g.files {
		for _, d := range f.syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil || fn == g.fn || (fn.Recv == nil) != (g.fn.Recv == nil) {
				continue
			}
			there := receiver(fn)
			old, new, ok := exchange(fn.Name.Name, g.fn.Name.Name)
			if there != here {
				if fn.Name.Name != g.fn.Name.Name {
					continue
				}
				if old, new, ok = exchange(there, here); !ok {
					old, new = there, here
					ok = true
				}
			}
			if ok {
				list = append(list, relative{fn, f, old, new, max(len(fn.Body.List)-len(g.fn.Body.List), len(g.fn.Body.List)-len(fn.Body.List))})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b relative) int { return a.size - b.size })
	for _, r := range list[:min(len(list), maxCousins)] {
		o := &goEdits{GoPackage: g.GoPackage, file: r.file, fn: r.fn}
		text := func(n ast.Node) string { return exchanged(o.text(n), r.old, r.new) }
		o.eachList(r.fn, func(stmts []ast.Stmt, where string) {
			for i, s := range stmts {
				if s.End()-s.Pos() > 2*maxPattern || declares(s) {
					continue
				}
				c := cousin{stmt: s, text: text(s), before: where, after: where}
				if i > 0 {
					c.before = bare(text(stmts[i-1]))
				}
				if i+1 < len(stmts) {
					c.after = bare(text(stmts[i+1]))
				}
				g.relatives = append(g.relatives, c)
			}
		})
	}
	return g.relatives
}

// bare is text without white space.
func bare(text string) string { return strings.Join(strings.Fields(text), "") }

// receiver is the name of the type that a method is of.
func receiver(fn *ast.FuncDecl) string {
	if fn.Recv == nil || len(fn.Recv.List) == 0 {
		return ""
	}
	t := fn.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// exchanged replaces a word of names, as it is written and in small letters.
func exchanged(text, old, new string) string {
	small := func(s string) string { return strings.ToLower(s[:1]) + s[1:] }
	large := func(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
	const mark = "\x00"
	text = strings.ReplaceAll(text, large(old), mark)
	text = strings.ReplaceAll(text, small(old), small(new))
	return strings.ReplaceAll(text, mark, large(new))
}

// relatedTo are the statements of cousins that stand between the same neighbours there, or at one of them.
func (g *goEdits) relatedTo(pos token.Pos, list []ast.Stmt, i int, where string) []suggestion {
	before, after := where, where
	if i > 0 && i-1 < len(list) {
		before = bare(g.text(list[i-1]))
	}
	if i < len(list) {
		after = bare(g.text(list[i]))
	}
	var found []suggestion
	for _, c := range g.cousins() {
		weight := 0.0
		switch {
		case c.before == before && c.after == after:
			weight = .7
		case c.before == before && before != where, c.after == after && after != where:
			weight = .4
		}
		if weight > 0 && bare(c.text) != before && bare(c.text) != after && len(found) < maxLike && g.sound(c.text, pos) {
			found = append(found, suggestion{c.text, weight})
		}
	}
	return found
}

// sound tells whether a statement that declares nothing means something at a position, as far as its expressions do.
func (g *goEdits) sound(text string, pos token.Pos) bool {
	f, err := parser.ParseFile(token.NewFileSet(), "", "package p\nfunc f() {\n"+text+"\n}", parser.SkipObjectResolution)
	if err != nil {
		return false
	}
	fn, ok := f.Decls[0].(*ast.FuncDecl)
	return ok && len(fn.Body.List) == 1 && g.wellTyped(fn.Body.List[0], pos)
}

// wellTyped checks one statement.
func (g *goEdits) wellTyped(s ast.Stmt, pos token.Pos) bool {
	typeOf := func(e ast.Expr) (types.Type, bool) {
		info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
		if types.CheckExpr(g.fset, g.pkg, pos, e, info) != nil {
			return nil, false
		}
		return info.Types[e].Type, true
	}
	switch s := s.(type) {
	case *ast.ExprStmt:
		_, call := s.X.(*ast.CallExpr)
		_, ok := typeOf(s.X)
		return ok && call
	case *ast.DeferStmt:
		_, ok := typeOf(s.Call)
		return ok
	case *ast.IncDecStmt:
		_, ok := typeOf(s.X)
		return ok
	case *ast.BranchStmt:
		return s.Label == nil && g.inLoop()
	case *ast.AssignStmt:
		if s.Tok == token.DEFINE {
			return false
		}
		for i, l := range s.Lhs {
			want, ok := typeOf(l)
			if !ok {
				return false
			}
			if len(s.Rhs) != len(s.Lhs) {
				continue
			}
			if have, ok := typeOf(s.Rhs[i]); !ok || s.Tok == token.ASSIGN && !assignable(have, want) {
				return false
			}
		}
		return true
	case *ast.ReturnStmt:
		sig := g.signature()
		if sig == nil || sig.Results().Len() != len(s.Results) {
			return false
		}
		for i, e := range s.Results {
			if have, ok := typeOf(e); !ok || !assignable(have, sig.Results().At(i).Type()) {
				return false
			}
		}
		return true
	case *ast.IfStmt:
		if s.Else != nil || s.Init != nil {
			return false
		}
		if t, ok := typeOf(s.Cond); !ok || !assignable(t, types.Typ[types.Bool]) {
			return false
		}
		for _, b := range s.Body.List {
			if !g.wellTyped(b, pos) {
				return false
			}
		}
		return true
	}
	return false
}

// assignable tells whether a value can be assigned, with constants and nil as they are.
func assignable(have, want types.Type) bool {
	if have == nil || want == nil {
		return false
	}
	if b, ok := have.(*types.Basic); ok && b.Info()&types.IsUntyped != 0 {
		if b.Kind() == types.UntypedNil {
			return zero(want) == "nil"
		}
		w, ok := want.Underlying().(*types.Basic)
		const kinds = types.IsBoolean | types.IsNumeric | types.IsString
		return !ok || b.Info()&w.Info()&kinds != 0
	}
	return types.AssignableTo(have, want)
}
