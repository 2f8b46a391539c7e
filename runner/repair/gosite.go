package repair

import (
	"go/ast"
	"go/token"
	"go/types"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// maxSite bounds the text that is copied for each edit of a site.
const maxSite = 4 << 10

// awkward is what cannot be copied into a branch or a closure: recover looks at its caller, a label would be there twice.
var awkward = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\brecover\(|\bgoto\b|(?m)^\s*\w+:\s*$`) })

// findSite looks from the current node upwards for the first expression or statement that can choose at run time.
func (g *goEdits) findSite() site {
	for i := len(g.stack) - 1; i > 0; i-- {
		n := g.stack[i]
		start, end := g.offset(n.Pos()), g.offset(n.End())
		if end-start > maxSite || awkward().Match(g.file.src[start:end]) {
			return site{}
		}
		switch n := n.(type) {
		case *ast.GenDecl:
			if n.Tok == token.CONST {
				return site{}
			}
		case *ast.ArrayType, *ast.Field:
			return site{}
		case ast.Expr:
			if fixed(g.stack[:i]) {
				return site{}
			}
			if result, ok := g.chooses(n, g.stack[i-1], g.stack[:i]); ok {
				return site{expression, start, end, result}
			}
		case ast.Stmt:
			if inList(n, g.stack[i-1]) && !declares(n) {
				return site{statement, start, end, ""}
			}
		}
	}
	return site{}
}

// fixed tells whether the compiler wants a constant below these nodes: the value of one, or the length of an array.
func fixed(above []ast.Node) bool {
	for i := len(above) - 1; i >= 0; i-- {
		switch n := above[i].(type) {
		case *ast.ArrayType:
			return true
		case *ast.GenDecl:
			return n.Tok == token.CONST
		case *ast.FuncLit, ast.Stmt:
			return false
		}
	}
	return false
}

// inList tells whether a node stands in a list of statements, in which others may be put.
func inList(n, parent ast.Node) bool {
	switch n.(type) {
	case *ast.CaseClause, *ast.CommClause:
		return false
	}
	switch p := parent.(type) {
	case *ast.BlockStmt:
		return true
	case *ast.CaseClause:
		return slices.ContainsFunc(p.Body, func(s ast.Stmt) bool { return s == n })
	case *ast.CommClause:
		return p.Comm != n
	}
	return false
}

// declares tells whether a statement gives names to what follows it.
func declares(s ast.Stmt) bool {
	switch s := s.(type) {
	case *ast.DeclStmt, *ast.LabeledStmt:
		return true
	case *ast.AssignStmt:
		return s.Tok == token.DEFINE
	}
	return false
}

// chooses tells whether an expression may become the call of a closure, and the text of its type.
func (g *goEdits) chooses(e ast.Expr, parent ast.Node, above []ast.Node) (string, bool) {
	tv, ok := g.info.Types[e]
	if !ok || !tv.IsValue() || tv.IsNil() || tv.Type == types.Typ[types.Invalid] {
		return "", false
	}
	switch p := parent.(type) {
	case *ast.SelectorExpr, *ast.StarExpr, *ast.ExprStmt, *ast.DeferStmt, *ast.GoStmt, *ast.IncDecStmt, *ast.LabeledStmt:
		return "", false
	case *ast.IndexExpr:
		if p.X == e {
			return "", false
		}
	case *ast.SliceExpr:
		if p.X == e {
			return "", false
		}
	case *ast.UnaryExpr:
		if p.Op == token.AND || p.Op == token.ARROW {
			return "", false
		}
	case *ast.CallExpr:
		if p.Fun == e {
			return "", false
		}
	case *ast.KeyValueExpr:
		if p.Key == e {
			return "", false
		}
	case *ast.RangeStmt:
		if p.X != e {
			return "", false
		}
	case *ast.TypeSwitchStmt, *ast.TypeAssertExpr:
		return "", false
	case *ast.AssignStmt:
		for _, l := range p.Lhs {
			if l == e {
				return "", false
			}
		}
	}
	if stored(e, above) {
		return "", false
	}
	if up, ok := parent.(ast.Expr); ok && tv.Value != nil && g.info.Types[up].Value != nil {
		return "", false // a part of a constant has no type of its own: the 1 of the rune -1
	}
	if lit, ok := e.(*ast.CompositeLit); ok && lit.Type == nil {
		return "", false
	}
	if tuple, ok := tv.Type.(*types.Tuple); ok {
		if _, call := e.(*ast.CallExpr); !call || tuple.Len() == 0 {
			return "", false
		}
		var parts []string
		for v := range tuple.Variables() {
			text, ok := g.typeText(e.Pos(), v.Type())
			if !ok {
				return "", false
			}
			parts = append(parts, text)
		}
		return "(" + strings.Join(parts, ", ") + ")", true
	}
	return g.typeText(e.Pos(), types.Default(tv.Type))
}

// stored tells whether an expression is part of what is assigned to, or whose address is taken.
func stored(e ast.Expr, above []ast.Node) bool {
	var n ast.Node = e
	for i := len(above) - 1; i >= 0; i-- {
		switch p := above[i].(type) {
		case *ast.ParenExpr, *ast.SelectorExpr, *ast.StarExpr:
			n = p
			continue
		case *ast.IndexExpr:
			if p.X != n {
				return false
			}
			n = p
			continue
		case *ast.UnaryExpr:
			return p.Op == token.AND
		case *ast.IncDecStmt:
			return true
		case *ast.RangeStmt:
			return p.X != n
		case *ast.AssignStmt:
			for _, l := range p.Lhs {
				if l == n {
					return true
				}
			}
		}
		return false
	}
	return false
}

// anyName is a name that older versions of the language do not have.
var anyName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\bany\b`) })

// typeText writes a type as it is named at a position; false where it cannot be.
func (g *goEdits) typeText(pos token.Pos, t types.Type) (string, bool) {
	known := true
	text := anyName().ReplaceAllString(types.TypeString(t, func(p *types.Package) string {
		if p == g.pkg {
			return ""
		}
		for _, spec := range g.file.syntax.Imports {
			if name, _ := strconv.Unquote(spec.Path.Value); name == p.Path() {
				switch {
				case spec.Name == nil:
					return p.Name()
				case spec.Name.Name == ".":
					return ""
				case spec.Name.Name != "_":
					return spec.Name.Name
				}
			}
		}
		known = false
		return path.Base(p.Path())
	}), "interface{}")
	if !known {
		return "", false
	}
	if _, basic := t.(*types.Basic); basic && g.fn == nil {
		return text, true
	}
	now, err := types.Eval(g.fset, g.pkg, pos, text)
	return text, err == nil && now.IsType() && types.Identical(now.Type, t)
}
