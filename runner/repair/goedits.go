package repair

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"slices"
	"strings"
)

// Edits are the type-correct edits of the package at places that failing tests ran, in no order.
func (p *GoPackage) Edits(spectrum *Spectrum) []Edit {
	var all []Edit
	heat := p.declared(spectrum)
	for _, f := range p.files {
		pools := p.gatherFile(f)
		for _, d := range f.syntax.Decls {
			g := &goEdits{GoPackage: p, file: f, spectrum: spectrum, heat: heat}
			if fn, ok := d.(*ast.FuncDecl); ok {
				if fn.Body == nil {
					continue
				}
				g.fn, g.place = fn, fn.Name.Name
				g.pool = g.gather(fn)
				g.nearby = g.combine(pools)
			}
			g.walk(d)
			all = append(all, g.edits...)
		}
	}
	return all
}

// gatherFile collects the parts of the functions of a file.
func (p *GoPackage) gatherFile(f *goFile) []pool {
	var pools []pool
	for _, d := range f.syntax.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			pools = append(pools, p.gather(fn))
		}
	}
	return pools
}

// combine joins what the other functions have and this one has not.
func (g *goEdits) combine(pools []pool) pool {
	var all pool
	add := func(list *[]string, own, more []string) {
		for _, text := range more {
			if !slices.Contains(own, text) && !slices.Contains(*list, text) {
				*list = append(*list, text)
			}
		}
	}
	for _, b := range pools {
		if b.from != g.fn {
			add(&all.conditions, g.pool.conditions, b.conditions)
			add(&all.literals, g.pool.literals, b.literals)
			add(&all.wraps, g.pool.wraps, b.wraps)
		}
	}
	return all
}

// goEdits makes the edits of one declaration.
type goEdits struct {
	*GoPackage
	file      *goFile
	fn        *ast.FuncDecl
	place     string
	spectrum  *Spectrum
	heat      map[types.Object]float64 // suspicion of what is declared outside of functions
	pool      pool
	nearby    pool // of the rest of the file
	others    []*ast.FuncDecl
	unused    map[*types.Var]bool // parameters that nothing uses, once they were asked for
	fixed     []*types.Var        // local variables that nothing sets again, likewise
	relatives []cousin
	stack     []ast.Node // from the declaration to the node that is looked at
	at        float64    // its suspicion
	edits     []Edit
}

// declared gives what stands outside of functions, which coverage does not see, the suspicion of the places that use it.
func (p *GoPackage) declared(spectrum *Spectrum) map[types.Object]float64 {
	heat := map[types.Object]float64{}
	for id, obj := range p.info.Uses {
		if obj.Parent() != p.pkg.Scope() {
			continue
		}
		pos := p.fset.Position(id.Pos())
		if s, ok := spectrum.At(pos.Filename, pos.Line, pos.Column); ok {
			heat[obj] = max(heat[obj], s*0.8)
		}
	}
	return heat
}

func (g *goEdits) walk(root ast.Node) {
	at := []float64{0}
	ast.Inspect(root, func(n ast.Node) bool {
		if n == nil {
			g.stack, at = g.stack[:len(g.stack)-1], at[:len(at)-1]
			return true
		}
		g.stack = append(g.stack, n)
		g.at = g.suspicion(n, at[len(at)-1])
		at = append(at, g.at)
		if g.at > 0 {
			switch n := n.(type) {
			case ast.Expr:
				g.expr(n)
			case ast.Stmt:
				g.stmt(n)
			}
		}
		return true
	})
}

// suspicion of a node: of the span that holds its beginning, else that of what it stands in.
func (g *goEdits) suspicion(n ast.Node, above float64) float64 {
	pos := g.fset.Position(n.Pos())
	if s, ok := g.spectrum.At(pos.Filename, pos.Line, pos.Column); ok {
		return s
	}
	if v, ok := n.(*ast.ValueSpec); ok && g.fn == nil {
		s := 0.0
		for _, name := range v.Names {
			s = max(s, g.heat[g.info.Defs[name]])
		}
		return s
	}
	if c, ok := n.(*ast.CaseClause); ok && len(c.Body) > 0 {
		first := g.fset.Position(c.Body[0].Pos())
		s, _ := g.spectrum.At(first.Filename, first.Line, first.Column)
		return max(s, above)
	}
	return above
}

func (g *goEdits) offset(pos token.Pos) int { return g.fset.Position(pos).Offset }

func (g *goEdits) text(n ast.Node) string {
	return string(g.file.src[g.offset(n.Pos()):g.offset(n.End())])
}

// parent is the node above the one that is looked at; 1 is the next above.
func (g *goEdits) parent(up int) ast.Node {
	if i := len(g.stack) - 1 - up; i >= 0 {
		return g.stack[i]
	}
	return nil
}

func (g *goEdits) typeOf(e ast.Expr) types.Type {
	if t := g.info.TypeOf(e); t != nil {
		return types.Default(t)
	}
	return types.Typ[types.Invalid]
}

// instead replaces an expression by text of a type that fits, and tells whether it does.
func (g *goEdits) instead(e ast.Expr, text, kind string, weight float64) bool {
	tv, ok := g.info.Types[e]
	if !ok || !tv.IsValue() || text == g.text(e) {
		return false
	}
	if want := types.Default(tv.Type); want != types.Typ[types.Invalid] && !g.fits(e.Pos(), text, want) {
		return false
	}
	g.add(g.offset(e.Pos()), g.offset(e.End()), text, kind, weight)
	return true
}

// some replaces an expression by the first texts of a list that fit, at most as many as most.
func (g *goEdits) some(e ast.Expr, list []string, most int, kind string, weight float64, text func(string) string) {
	const looked = 60
	for _, t := range list[:min(looked, len(list))] {
		if most > 0 && g.instead(e, text(t), kind, weight) {
			most--
		}
	}
}

// fits tells whether text, at a position, is a value that can be assigned to a type.
func (g *goEdits) fits(pos token.Pos, text string, want types.Type) bool {
	t := g.typeAt(pos, text)
	return t != nil && types.AssignableTo(t, want)
}

// typeAt is the type of the value that text is at a position, nil where it is none.
func (g *goEdits) typeAt(pos token.Pos, text string) types.Type {
	e, err := parser.ParseExpr(text)
	if err != nil {
		return nil
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	if types.CheckExpr(g.fset, g.pkg, pos, e, info) != nil {
		return nil
	}
	if tv := info.Types[e]; tv.IsValue() {
		return tv.Type
	}
	return nil
}

// add makes an edit of the bytes start to end, which lie in the node that is looked at.
func (g *goEdits) add(start, end int, text, kind string, weight float64) {
	was := string(g.file.src[start:end])
	if text != "" && start > 0 && strings.IndexByte("+-&", text[0]) >= 0 && g.file.src[start-1] == text[0] {
		return // --1 is no number
	}
	g.edits = append(g.edits, Edit{Path: g.file.path, Start: start, End: end, Text: text, Kind: kind, Was: was, Place: g.place,
		Line: 1 + strings.Count(string(g.file.src[:start]), "\n"), Score: g.at * weight, site: g.findSite()})
}

// insert adds a statement before the one that is looked at, which stands in a list of statements.
func (g *goEdits) insert(before ast.Stmt, text, kind string, weight float64) {
	start := g.offset(before.Pos())
	line := strings.LastIndexByte(string(g.file.src[:start]), '\n') + 1
	indent := string(g.file.src[line:start])
	if strings.TrimSpace(indent) != "" {
		indent = " "
	}
	g.edits = append(g.edits, Edit{Path: g.file.path, Start: start, End: start, Text: strings.TrimSpace(text) + "\n" + indent, Kind: kind,
		Place: g.place, Line: g.fset.Position(before.Pos()).Line, Score: g.at * weight, site: site{form: insertion, start: start, end: start}})
}
