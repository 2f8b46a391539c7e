package repair

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/format"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"slices"
)

// GoPackage is a Go package with its types.
type GoPackage struct {
	Path  string
	fset  *token.FileSet
	files []*goFile
	pkg   *types.Package
	info  *types.Info

	learned *lore    // what its statements teach, once that was asked for
	texts   []string // its string literals, as written, once they were asked for
	version string   // of the language: "go1.17", "" for the newest
	errors  int      // of the files as they are, by what could not be imported
}

type goFile struct {
	path   string
	src    []byte
	syntax *ast.File
}

// LoadGo parses and checks the files of a package, by their paths. version is that of the language ("go1.17", "" for the newest); exports opens the export data of what it imports; where it
// fails, what depends on that import has no type and gets fewer edits. A file that cannot be parsed is an error.
func LoadGo(path, version string, sources map[string][]byte, exports func(path string) (io.ReadCloser, error)) (*GoPackage, error) {
	p := &GoPackage{Path: path, version: version, fset: token.NewFileSet(), info: &types.Info{Types: map[ast.Expr]types.TypeAndValue{},
		Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Selections: map[*ast.SelectorExpr]*types.Selection{}}}
	var syntax []*ast.File
	var names []string
	for name := range sources {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f, err := parser.ParseFile(p.fset, name, sources[name], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse: %w", err)
		}
		p.files = append(p.files, &goFile{name, sources[name], f})
		syntax = append(syntax, f)
	}
	config := types.Config{Importer: lenient{importer.ForCompiler(p.fset, "gc", exports)}, GoVersion: version, Error: func(error) { p.errors++ }}
	p.pkg, _ = config.Check(path, p.fset, syntax, p.info)
	return p, nil
}

// Sound tells whether the package is without errors as it is.
func (p *GoPackage) Sound() bool { return p.errors == 0 }

// lenient imports a package that cannot be read as an empty one.
type lenient struct{ types.Importer }

func (l lenient) Import(path string) (pkg *types.Package, err error) {
	defer func() {
		if recover() != nil { // export data of another version may be read up to anywhere
			pkg, err = nil, fmt.Errorf("import %s: the export data cannot be read", path)
		}
	}()
	return l.Importer.Import(path)
}

// Format returns the edited file, formatted where the file was.
func (e Edit) Format(src []byte) []byte {
	now := e.Apply(src)
	if was, err := format.Source(src); err != nil || !bytes.Equal(was, src) {
		return now
	}
	if formatted, err := format.Source(now); err == nil {
		return formatted
	}
	return now
}
