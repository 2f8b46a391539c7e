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
}

// Bounds of what is tried at one place.
const (
	maxNames  = 8
	maxPooled = 8
	maxLike   = 6
)

// gather collects the parts of a function, each once, in order.
func (p *GoPackage) gather(fn *ast.FuncDecl) pool {
	var b pool
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
