package repair

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path"
	"slices"
	"strings"
)

// addedFile is what a schema or a trace adds to a package.
const addedFile = "zz_jitos_repair.go"

// Variables of the environment that choose an edit of a schema: its site, and its number among all.
const (
	SchemaSite = "JITOS_REPAIR_SITE"
	SchemaEdit = "JITOS_REPAIR_EDIT"
)

// Schema is a package whose sites choose among edits when they run.
type Schema struct {
	Files map[string][]byte // of the package, by path, with the one that is added
	Site  map[int]int       // site of each edit that is in it, by the edit's index
}

// Schema makes one program of the edits of this package, as many as can be compiled together. An edit is named by its index
// in edits; those of other packages are left out.
func (p *GoPackage) Schema(edits []Edit) (Schema, error) {
	left := map[int]bool{}
	for i, e := range edits {
		if e.site.form != alone && p.file(e.Path) != nil {
			left[i] = true
		}
	}
	for {
		s, owners := p.compose(edits, left)
		wrong, err := p.wrong(s.Files, owners)
		if err != nil {
			return s, err
		}
		if len(wrong) == 0 {
			return s, nil
		}
		for i := range wrong {
			delete(left, i)
		}
	}
}

// added is the path of the file that is added to the package.
func (p *GoPackage) added() string { return path.Join(path.Dir(p.files[0].path), addedFile) }

func (p *GoPackage) file(name string) *goFile {
	for _, f := range p.files {
		if f.path == name {
			return f
		}
	}
	return nil
}

// owner is a part of a composed file that an edit brought: its own text, or the site that chooses it among others.
type owner struct {
	start, end int
	edit       int
}

func (p *GoPackage) compose(edits []Edit, left map[int]bool) (Schema, map[string][]owner) {
	s := Schema{Files: map[string][]byte{}, Site: map[int]int{}}
	owners := map[string][]owner{}
	number := 0
	for _, f := range p.files {
		c := &composer{src: f.src, edits: edits, number: &number, site: s.Site}
		sites := map[site][]int{}
		for i := range edits {
			if left[i] && edits[i].Path == f.path {
				sites[edits[i].site] = append(sites[edits[i].site], i)
			}
		}
		for where, list := range sites {
			c.sites = append(c.sites, chooser{where, list})
		}
		c.sites = append(c.sites, p.ends(f)...)
		// The outer before the inner; what is inserted before what stands there.
		slices.SortFunc(c.sites, func(a, b chooser) int {
			if a.start != b.start {
				return a.start - b.start
			}
			if a.form == insertion || b.form == insertion {
				return int(b.form) - int(a.form)
			}
			if a.end != b.end {
				return b.end - a.end
			}
			return int(b.form) - int(a.form)
		})
		c.write(0, len(f.src))
		s.Files[f.path], owners[f.path] = []byte(c.out.String()), c.owners
	}
	s.Files[p.added()] = fmt.Appendf(nil, `package %s

import "os"

var jitosSite, jitosEdit = jitosNumber(os.Getenv(%q)), jitosNumber(os.Getenv(%q))

func jitosNumber(text string) (n int) {
	for _, c := range text {
		n = 10*n + int(c-'0')
	}
	return n
}
`, p.pkg.Name(), SchemaSite, SchemaEdit)
	return s, owners
}

// ends are where functions with results end. There a panic is put, since an edit may have taken the last return away.
func (p *GoPackage) ends(f *goFile) []chooser {
	var list []chooser
	end := func(t *ast.FuncType, body *ast.BlockStmt) {
		if t.Results != nil && body != nil {
			at := p.fset.Position(body.Rbrace).Offset
			list = append(list, chooser{site: site{form: ending, start: at, end: at}})
		}
	}
	ast.Inspect(f.syntax, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			end(n.Type, n.Body)
		case *ast.FuncLit:
			end(n.Type, n.Body)
		}
		return true
	})
	return list
}

type chooser struct {
	site
	edits []int
}

// composer writes a file with its sites.
type composer struct {
	src    []byte
	edits  []Edit
	sites  []chooser // not written yet, in order
	number *int
	site   map[int]int
	out    strings.Builder
	owners []owner
}

// write copies the bytes from start to end, with the sites that begin there.
func (c *composer) write(start, end int) {
	for len(c.sites) > 0 && c.sites[0].start < end {
		s := c.sites[0]
		c.sites = c.sites[1:]
		c.out.Write(c.src[start:s.start])
		start = s.end
		from := c.out.Len()
		*c.number++
		for _, i := range s.edits {
			c.site[i] = *c.number
		}
		switch s.form {
		case expression:
			c.expression(s)
		case statement:
			c.statement(s)
		case ending:
			c.out.WriteString("\npanic(\"no return\")\n")
		case insertion:
			for _, i := range s.edits {
				fmt.Fprintf(&c.out, "if jitosEdit == %d {\n", i)
				c.alternative(s, i)
				c.out.WriteString("\n}\n")
			}
		}
		for _, i := range s.edits { // behind those of the parts, so that a part is blamed before the whole
			c.owners = append(c.owners, owner{from, c.out.Len(), i})
		}
	}
	c.out.Write(c.src[start:end])
}

func (c *composer) expression(s chooser) {
	fmt.Fprintf(&c.out, "func() %s { if jitosSite == %d { switch jitosEdit {\n", s.result, *c.number)
	for _, i := range s.edits {
		fmt.Fprintf(&c.out, "case %d: return ", i)
		c.alternative(s, i)
		c.out.WriteString("\n")
	}
	c.out.WriteString("} }; return ")
	c.write(s.start, s.end)
	c.out.WriteString(" }()")
}

func (c *composer) statement(s chooser) {
	for _, i := range s.edits {
		fmt.Fprintf(&c.out, "if jitosEdit == %d {\n", i)
		c.alternative(s, i)
		c.out.WriteString("\n} else ")
	}
	c.out.WriteString("{\n")
	c.write(s.start, s.end)
	c.out.WriteString("\n}")
}

// alternative writes the text of a site with one edit.
func (c *composer) alternative(s chooser, i int) {
	e := c.edits[i]
	from := c.out.Len()
	c.out.Write(c.src[s.start:e.Start])
	c.out.WriteString(e.Text)
	c.out.Write(c.src[e.End:s.end])
	c.owners = append(c.owners, owner{from, c.out.Len(), i})
}

// wrong finds the edits that do not compile. Where the rest does not either, no edit is to blame: that is an error.
func (p *GoPackage) wrong(sources map[string][]byte, owners map[string][]owner) (map[int]bool, error) {
	fset := token.NewFileSet()
	var syntax []*ast.File
	for name, src := range sources {
		if name == p.added() { // its import may be none of the package's
			src = fmt.Appendf(nil, "package %s\n\nvar jitosSite, jitosEdit int\n", p.pkg.Name())
		}
		f, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("edits of %s put together: %w", p.Path, err)
		}
		syntax = append(syntax, f)
	}
	wrong := map[int]bool{}
	var others []error
	config := types.Config{Importer: imported(p.pkg.Imports()), Error: func(err error) {
		e, ok := err.(types.Error)
		if !ok || e.Soft && !strings.Contains(e.Msg, "declared and not used") {
			return
		}
		at := e.Fset.Position(e.Pos)
		blamed := owner{end: -1}
		for _, o := range owners[at.Filename] {
			switch {
			case blamed.end < 0 && at.Offset >= o.start && at.Offset <= o.end:
				blamed = o
				wrong[o.edit] = true
			case o.start == blamed.start && o.end == blamed.end: // a place that cannot choose takes all of its edits along
				wrong[o.edit] = true
			}
		}
		if blamed.end < 0 {
			others = append(others, err)
		}
	}}
	_, _ = config.Check(p.Path, fset, syntax, nil)
	if len(wrong) == 0 && len(others) > p.errors {
		return nil, fmt.Errorf("edits of %s put together: %w", p.Path, others[0])
	}
	return wrong, nil
}

// imported finds again the packages that a package imports.
type imported []*types.Package

func (list imported) Import(path string) (*types.Package, error) {
	for _, p := range list {
		if p.Path() == path {
			return p, nil
		}
	}
	if path == "unsafe" {
		return types.Unsafe, nil
	}
	return nil, fmt.Errorf("package %s is not imported", path)
}
