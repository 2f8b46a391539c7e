package repair

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
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
	// SchemaCPU is the processor time, in milliseconds, at which the program ends itself with exit 1: an edit may make a loop without
	// end. (The limits of the system count in seconds.)
	SchemaCPU = "JITOS_REPAIR_CPU"
)

// Schema is a package whose sites choose among edits when they run.
type Schema struct {
	Files  map[string][]byte // of the package, by path, with the one that is added
	Site   map[int]int       // site of each edit that is in it, by the edit's index
	owners map[string][]owner
}

// Schema makes one program of the edits of this package, as many as can be compiled together. An edit is named by its index
// in edits; those of other packages are left out, and those that without holds.
func (p *GoPackage) Schema(edits []Edit, without map[int]bool) (Schema, error) {
	left := map[int]bool{}
	for i, e := range edits {
		if e.site.form != alone && p.file(e.Path) != nil && !without[i] {
			left[i] = true
		}
	}
	for {
		s := p.compose(edits, left)
		wrong, err := p.wrong(s)
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

// Blame gives the edits that an error at a place of a composed file is to be laid on: that of the smallest part that holds the place,
// with all edits of the site where it is one that cannot choose, else of the next part behind it. It is empty where the file has none.
func (s Schema) Blame(path string, line, column int) []int {
	offset := 0
	for text := s.Files[path]; line > 1; line-- {
		i := bytes.IndexByte(text[offset:], '\n')
		if i < 0 {
			break
		}
		offset += i + 1
	}
	return s.blame(path, offset+column-1)
}

func (s Schema) blame(path string, offset int) []int {
	var blamed *owner
	behind := func(o owner) bool { return o.start > offset && (blamed == nil || o.start < blamed.start) }
	before := func(o owner) bool { return o.end < offset && (blamed == nil || o.end > blamed.end) }
	holds := func(o owner) bool { return blamed == nil && offset >= o.start && offset <= o.end }
	for _, fits := range []func(owner) bool{holds, behind, before} {
		for i, o := range s.owners[path] {
			if fits(o) {
				blamed = &s.owners[path][i]
			}
		}
		if blamed != nil {
			break
		}
	}
	var edits []int
	for _, o := range s.owners[path] {
		if blamed != nil && o.start == blamed.start && o.end == blamed.end {
			edits = append(edits, o.edit)
		}
	}
	return edits
}

func (p *GoPackage) compose(edits []Edit, left map[int]bool) Schema {
	s := Schema{Files: map[string][]byte{}, Site: map[int]int{}, owners: map[string][]owner{}}
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
		s.Files[f.path], s.owners[f.path] = []byte(c.out.String()), c.owners
	}
	s.Files[p.added()] = fmt.Appendf(nil, schemaText, p.pkg.Name(), SchemaSite, SchemaEdit, SchemaCPU)
	return s
}

const schemaText = `package %s

import (
	"os"
	"syscall"
	"time"
)

var jitosSite, jitosEdit = jitosNumber(os.Getenv(%q)), jitosNumber(os.Getenv(%q))

func jitosNumber(text string) (n int) {
	for _, c := range text {
		n = 10*n + int(c-'0')
	}
	return n
}

func init() {
	most := time.Duration(jitosNumber(os.Getenv(%q))) * time.Millisecond
	if most == 0 {
		return
	}
	go func() {
		for {
			time.Sleep(5 * time.Millisecond)
			var used syscall.Rusage
			if syscall.Getrusage(syscall.RUSAGE_SELF, &used) == nil && time.Duration(used.Utime.Nano()+used.Stime.Nano()) > most {
				os.Exit(1)
			}
		}
	}()
}
`

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
func (p *GoPackage) wrong(s Schema) (map[int]bool, error) {
	fset := token.NewFileSet()
	var syntax []*ast.File
	wrong := map[int]bool{}
	blame := func(at token.Position) {
		for _, i := range s.blame(at.Filename, at.Offset) {
			wrong[i] = true
		}
	}
	for name, src := range s.Files {
		if name == p.added() { // its import may be none of the package's
			src = fmt.Appendf(nil, "package %s\n\nvar jitosSite, jitosEdit int\n", p.pkg.Name())
		}
		f, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
		if list, ok := err.(scanner.ErrorList); ok {
			blame(list[0].Pos) // what follows may come of it
		}
		if err != nil && len(wrong) == 0 {
			return nil, fmt.Errorf("edits of %s put together: %w", p.Path, err)
		}
		syntax = append(syntax, f)
	}
	if len(wrong) > 0 {
		return wrong, nil
	}
	var found []types.Error
	config := types.Config{Importer: imported(p.pkg.Imports()), GoVersion: p.version, Error: func(err error) {
		if e, ok := err.(types.Error); ok && (!e.Soft || strings.Contains(e.Msg, "declared and not used")) {
			found = append(found, e)
		}
	}}
	_, _ = config.Check(p.Path, fset, syntax, nil)
	if len(found) <= p.errors { // as many as without edits, which come from what cannot be imported
		return nil, nil
	}
	for _, e := range found {
		blame(e.Fset.Position(e.Pos))
	}
	if len(wrong) == 0 {
		return nil, fmt.Errorf("edits of %s put together: %w", p.Path, found[0])
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
