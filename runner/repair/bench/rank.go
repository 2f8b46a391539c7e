package main

import (
	"errors"
	"fmt"
	"go/ast"
	goparser "go/parser"
	"go/token"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jitos/jitos/runner/repair"
)

// ranked is where the true fix of a bug stands among the edits that are made in its function, as if no test told its statements apart;
// 0 where it is none of them.
type ranked struct {
	module, kind, what string
	rank, edits        int
}

// goDir is the directory of a package, with what is needed to check its types.
type goDir struct {
	path, version string
	files         map[string][]byte
	exports       map[string]string
}

func (d goDir) export(path string) (io.ReadCloser, error) {
	if d.exports[path] == "" {
		return nil, errors.New("no export data of " + path)
	}
	return os.Open(d.exports[path])
}

// goDirs lists the packages of a module.
func goDirs(dir string) ([]goDir, error) {
	const form = `{{.ImportPath}}|{{.Dir}}|{{.Export}}|{{with .Module}}{{if .Main}}main{{end}}{{end}}|{{with .Module}}{{.GoVersion}}{{end}}|{{len .CgoFiles}}|{{join .GoFiles "|"}}`
	cmd := exec.Command("go", "list", "-e", "-export", "-deps", "-f", form, "./...")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the packages of %s: %w", dir, err)
	}
	var list []goDir
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		f := strings.Split(strings.TrimSpace(line), "|")
		if len(f) < 7 {
			continue
		}
		exports[f[0]] = f[2]
		if f[3] != "main" || f[5] != "0" {
			continue
		}
		d := goDir{path: f[0], files: map[string][]byte{}, exports: exports}
		if f[4] != "" {
			d.version = "go" + f[4]
		}
		for _, name := range f[6:] {
			if d.files[name], err = os.ReadFile(filepath.Join(f[1], name)); err != nil {
				return nil, err
			}
		}
		list = append(list, d)
	}
	return list, nil
}

// lost are the statements and checks of a function that may be gone without a trace, each with the name of its kind.
func lost(fn *ast.FuncDecl) (list []ast.Stmt, kinds []string) {
	take := func(stmts []ast.Stmt) {
		for _, s := range stmts {
			kind := ""
			switch s := s.(type) {
			case *ast.IfStmt:
				if n := len(s.Body.List); s.Else == nil && s.Init == nil && n > 0 {
					switch s.Body.List[n-1].(type) {
					case *ast.ReturnStmt, *ast.BranchStmt:
						kind = "check lost"
					default:
						kind = "branch lost"
					}
				}
			case *ast.ReturnStmt, *ast.BranchStmt:
				kind = "jump lost"
			case *ast.ExprStmt, *ast.IncDecStmt, *ast.DeferStmt:
				kind = "statement lost"
			case *ast.AssignStmt:
				if s.Tok != token.DEFINE {
					kind = "assignment lost"
				}
			}
			if kind != "" {
				list, kinds = append(list, s), append(kinds, kind)
			}
		}
	}
	ast.Inspect(fn.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BlockStmt:
			take(n.List)
		case *ast.CaseClause:
			take(n.Body)
		}
		return true
	})
	return list, kinds
}

// slipIn takes a statement out of a function of a file, or makes a slip of another kind.
func slipIn(src string, fset *token.FileSet, fn *ast.FuncDecl, others bool, random *rand.Rand) (slipped, bool) {
	if others {
		s := &goSlips{src: src, fset: fset}
		ast.Inspect(fn, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				s.members = append(s.members, n.Sel.Name)
			case *ast.Ident:
				if n.Name != "_" && n.Name != "nil" {
					s.names = append(s.names, n.Name)
				}
			}
			return true
		})
		ast.Inspect(fn.Body, func(n ast.Node) bool { s.look(n); return true })
		kinds := slices.DeleteFunc(s.kinds, func(kind string) bool { return strings.HasSuffix(kind, " lost") && kind != "conjunct lost" })
		if len(kinds) == 0 {
			return slipped{}, false
		}
		kind := kinds[random.Intn(len(kinds))]
		slip := s.slips[kind][random.Intn(len(s.slips[kind]))]
		return slipped{src[:slip.start] + slip.text(random) + src[slip.end:], kind, src[slip.start:slip.end]}, true
	}
	list, kinds := lost(fn)
	if len(list) == 0 {
		return slipped{}, false
	}
	i := random.Intn(len(list))
	from, to := fset.Position(list[i].Pos()).Offset, fset.Position(list[i].End()).Offset
	return slipped{src[:from] + src[to:], kinds[i], src[from:to]}, true
}

// ranks makes bugs in the functions of a module, and looks up the true fix among the edits; nothing is run.
func ranks(name string, bugs int, others bool, random *rand.Rand) ([]ranked, error) {
	dirs, err := goDirs(name)
	if err != nil || len(dirs) == 0 {
		return nil, err
	}
	var list []ranked
	for range 20 * bugs {
		if len(list) == bugs {
			break
		}
		d := dirs[random.Intn(len(dirs))]
		var names []string
		for file := range d.files {
			names = append(names, file)
		}
		slices.Sort(names)
		file := names[random.Intn(len(names))]
		src := string(d.files[file])
		fset := token.NewFileSet()
		tree, err := goparser.ParseFile(fset, file, src, goparser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		var fns []*ast.FuncDecl
		for _, decl := range tree.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Body != nil {
				fns = append(fns, fn)
			}
		}
		if len(fns) == 0 {
			continue
		}
		fn := fns[random.Intn(len(fns))]
		slip, ok := slipIn(src, fset, fn, others, random)
		if !ok || tidyGo(slip.text) == tidyGo(src) {
			continue
		}
		d.files[file] = []byte(slip.text)
		r, ok, err := d.rank(file, src, fset.Position(fn.Pos()).Line, fset.Position(fn.End()).Line)
		d.files[file] = []byte(src)
		if err != nil {
			return nil, err
		}
		if ok {
			r.module, r.kind, r.what = filepath.Base(name), slip.kind, file+": "+strings.Join(strings.Fields(slip.what), " ")
			list = append(list, r)
		}
	}
	return list, nil
}

// rank finds the edit that gives the source back; false where the package is none with the slip.
func (d goDir) rank(file, want string, from, to int) (ranked, bool, error) {
	p, err := repair.LoadGo(d.path, d.version, d.files, d.export)
	if err != nil || !p.Sound() {
		return ranked{}, false, nil
	}
	src := d.files[file]
	spectrum := &repair.Spectrum{Failing: 1, Spans: []repair.Span{{Path: file, Line: from, Column: 1, EndLine: to, EndColumn: 1 << 20, Failed: 1}}}
	edits := repair.Order(p.Edits(spectrum), 1<<20)
	bare := func(text string) string { return strings.Join(strings.Fields(text), "") }
	goal, size := bare(want), len(bare(string(src)))
	for i, e := range edits {
		if e.Path == file && size-len(bare(e.Was))+len(bare(e.Text)) == len(goal) && bare(string(e.Apply(src))) == goal {
			return ranked{rank: i + 1, edits: len(edits)}, true, nil
		}
	}
	return ranked{edits: len(edits)}, true, nil
}

// rankTable prints how many true fixes are among the first edits, by kind.
func rankTable(w io.Writer, list []ranked) {
	bounds := []int{30, 100, 300, 1000, 1 << 30}
	byKind := map[string][]ranked{}
	for _, r := range list {
		byKind[r.kind] = append(byKind[r.kind], r)
		byKind["all"] = append(byKind["all"], r)
	}
	var kinds []string
	for kind := range byKind {
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	fmt.Fprintln(w, "| kind | bugs | true fix first | in 30 | 100 | 300 | 1000 | at all | edits, median |\n|---|---|---|---|---|---|---|---|---|")
	for _, kind := range kinds {
		var edits []int
		first, counts := 0, make([]int, len(bounds))
		for _, r := range byKind[kind] {
			edits = append(edits, r.edits)
			if r.rank == 1 {
				first++
			}
			for i, most := range bounds {
				if r.rank > 0 && r.rank <= most {
					counts[i]++
				}
			}
		}
		slices.Sort(edits)
		fmt.Fprintf(w, "| %s | %d | %d |", kind, len(edits), first)
		for _, n := range counts {
			fmt.Fprintf(w, " %d |", n)
		}
		fmt.Fprintf(w, " %d |\n", edits[len(edits)/2])
	}
}
