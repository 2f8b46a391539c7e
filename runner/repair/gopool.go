package repair

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// pool is what a function is made of, from which edits are mixed.
type pool struct {
	conditions []string     // of its branches and loops, and their operands
	statements []ast.Stmt   // that stand in a list and declare nothing
	returns    []string     // its return statements
	literals   []string     // by their text
	wraps      []string     // calls of one argument, by the text before it: "strings.ToLower"
	names      []*types.Var // variables that it declares, in order

	from *ast.FuncDecl
}

// Bounds of what is tried at one place.
const (
	maxNames  = 8
	maxPooled = 8
	maxLike   = 6
)

// gather collects the parts of a function, each once, in order.
func (p *GoPackage) gather(fn *ast.FuncDecl) pool {
	b := pool{from: fn}
	g := goEdits{GoPackage: p, file: p.file(p.fset.Position(fn.Pos()).Filename)}
	once := func(list *[]string, text string) {
		if len(text) <= 120 && !slices.Contains(*list, text) {
			*list = append(*list, text)
		}
	}
	var condition func(e ast.Expr)
	condition = func(e ast.Expr) {
		if e == nil {
			return
		}
		once(&b.conditions, g.text(e))
		if x, ok := ast.Unparen(e).(*ast.BinaryExpr); ok && (x.Op == token.LAND || x.Op == token.LOR) {
			condition(x.X)
			condition(x.Y)
		}
	}
	ast.Inspect(fn, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IfStmt:
			condition(n.Cond)
		case *ast.ForStmt:
			condition(n.Cond)
		case *ast.ReturnStmt:
			once(&b.returns, g.text(n))
		case *ast.BasicLit:
			once(&b.literals, n.Value)
		case *ast.CallExpr:
			if len(n.Args) == 1 && !n.Ellipsis.IsValid() {
				once(&b.wraps, g.text(n.Fun))
			}
		case *ast.Ident:
			if v, ok := p.info.Defs[n].(*types.Var); ok && n.Name != "_" {
				b.names = append(b.names, v)
			}
		case *ast.BlockStmt:
			b.take(n.List)
		case *ast.CaseClause:
			b.take(n.Body)
		}
		return true
	})
	return b
}

func (b *pool) take(list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.AssignStmt, *ast.IncDecStmt, *ast.ExprStmt, *ast.BranchStmt:
			if !declares(s) {
				b.statements = append(b.statements, s)
			}
		}
	}
}

// maxDonor bounds the text of a statement that is taken from another function.
const maxDonor = 160

// donors are small statements of other functions of the file, those of the nearest first, that would mean something at a position: each
// of their names is there too, with the same type. Checks that leave are among them, and returns of the same results.
func (g *goEdits) donors(pos token.Pos, most int) []string {
	var list []string
	for _, fn := range g.around() {
		ast.Inspect(fn, func(n ast.Node) bool {
			s, ok := n.(ast.Stmt)
			if !ok || len(list) >= most {
				return len(list) < most
			}
			switch s := s.(type) {
			case *ast.AssignStmt:
				ok = !declares(s)
			case *ast.ExprStmt, *ast.IncDecStmt:
			case *ast.IfStmt:
				ok = s.Else == nil && s.Init == nil && len(s.Body.List) == 1 && jumps(s.Body.List[0])
			case *ast.ReturnStmt:
			default:
				ok = false
			}
			if !ok || s.End()-s.Pos() > maxDonor || !g.transplants(s, fn, pos) {
				return true
			}
			if text := g.text(s); !slices.Contains(list, text) {
				list = append(list, text)
			}
			return false
		})
	}
	return list
}

// around are the other functions of the file, the nearest first.
func (g *goEdits) around() []*ast.FuncDecl {
	if g.fn == nil || g.others != nil {
		return g.others
	}
	for _, d := range g.file.syntax.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil && fn != g.fn {
			g.others = append(g.others, fn)
		}
	}
	away := func(fn *ast.FuncDecl) int { return max(int(fn.Pos()-g.fn.Pos()), int(g.fn.Pos()-fn.Pos())) }
	slices.SortStableFunc(g.others, func(a, b *ast.FuncDecl) int { return away(a) - away(b) })
	return g.others
}

// transplants tells whether a statement of another function would mean something at a position.
func (g *goEdits) transplants(s ast.Stmt, fn *ast.FuncDecl, pos token.Pos) bool {
	scope := g.pkg.Scope().Innermost(pos)
	fits := scope != nil
	ast.Inspect(s, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			fits = false
		case *ast.ReturnStmt:
			obj := g.info.Defs[fn.Name]
			if obj == nil {
				return false
			}
			there, _ := obj.Type().(*types.Signature)
			here := g.signature()
			fits = fits && there != nil && here != nil && types.Identical(there.Results(), here.Results())
		case *ast.BranchStmt:
			fits = fits && n.Label == nil && g.inLoop()
		case *ast.Ident:
			obj := g.info.Uses[n]
			if v, ok := obj.(*types.Var); obj == nil || ok && v.IsField() || obj.Parent() == nil || !fits {
				break // a part of something
			}
			_, found := scope.LookupParent(n.Name, pos)
			if obj.Parent() == types.Universe || obj.Parent() == g.pkg.Scope() {
				fits = found == obj
				break
			}
			if p, ok := obj.(*types.PkgName); ok {
				q, ok := found.(*types.PkgName)
				fits = ok && q.Imported() == p.Imported()
				break
			}
			v, ok := found.(*types.Var)
			fits = ok && types.Identical(v.Type(), obj.Type())
		}
		return fits
	})
	return fits
}

// inScope are the variables of the function that can be named at a position, nearest declaration first, and then those of
// the package.
func (g *goEdits) inScope(pos token.Pos) []*types.Var {
	var list []*types.Var
	scope := g.pkg.Scope().Innermost(pos)
	if scope == nil {
		return nil
	}
	for i := len(g.pool.names) - 1; i >= 0; i-- {
		v := g.pool.names[i]
		if _, found := scope.LookupParent(v.Name(), pos); found == v {
			list = append(list, v)
		}
	}
	for _, name := range g.pkg.Scope().Names() {
		v, ok := g.pkg.Scope().Lookup(name).(*types.Var)
		if _, found := scope.LookupParent(name, pos); ok && found == v {
			list = append(list, v)
		}
	}
	return list
}

// means tells whether all names in a node mean at a position what they mean where it stands.
func (g *goEdits) means(n ast.Node, pos token.Pos) bool {
	scope := g.pkg.Scope().Innermost(pos)
	same := scope != nil
	ast.Inspect(n, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			ast.Inspect(sel.X, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && g.info.Uses[id] != nil && same {
					_, found := scope.LookupParent(id.Name, pos)
					same = found == g.info.Uses[id]
				}
				return same
			})
			return false
		}
		if _, ok := n.(*ast.FuncLit); ok {
			same = false
		}
		if id, ok := n.(*ast.Ident); ok && same {
			if obj := g.info.Uses[id]; obj != nil && obj.Parent() != types.Universe {
				_, found := scope.LookupParent(id.Name, pos)
				same = found == obj
			}
		}
		return same
	})
	return same
}

// like finds names that are close to one: with the same first or last three letters.
func like(name string, all []string) []string {
	var list []string
	for _, other := range all {
		if other != name && len(list) < maxLike && (affine(name, other) || affine(other, name)) {
			list = append(list, other)
		}
	}
	return list
}

func affine(a, b string) bool {
	const letters = 3
	n := min(letters, len(a))
	return strings.HasPrefix(b, a[:n]) || strings.HasSuffix(b, a[len(a)-n:])
}
