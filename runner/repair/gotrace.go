package repair

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strings"
)

// TraceFile is the variable of the environment that names the file to which a traced program writes what it runs: for each
// statement, when it is run for the first time, its number and a newline. (Go's own coverage is lost when a test panics.)
const TraceFile = "JITOS_REPAIR_TRACE"

// TraceGo makes the files of a package trace themselves. Its statements are numbered from first on; the spans are theirs.
func TraceGo(sources map[string][]byte, first int) (traced map[string][]byte, spans []Span, err error) {
	traced = map[string][]byte{}
	var names []string
	for name := range sources {
		names = append(names, name)
	}
	slices.Sort(names)
	pkg := ""
	for _, name := range names {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, sources[name], parser.SkipObjectResolution)
		if err != nil {
			return nil, nil, fmt.Errorf("parse: %w", err)
		}
		pkg = f.Name.Name
		var marks []int                      // offsets of statements, as found
		choices := map[*ast.BlockStmt]bool{} // bodies of switches and selects
		mark := func(list []ast.Stmt) {
			for _, s := range list {
				from, to := fset.PositionFor(s.Pos(), false), fset.PositionFor(s.End(), false)
				marks = append(marks, from.Offset)
				spans = append(spans, Span{Path: name, Line: from.Line, Column: from.Column, EndLine: to.Line, EndColumn: to.Column})
			}
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SwitchStmt:
				choices[n.Body] = true
			case *ast.TypeSwitchStmt:
				choices[n.Body] = true
			case *ast.SelectStmt:
				choices[n.Body] = true
			case *ast.BlockStmt:
				if !clauses(n) {
					mark(n.List)
				}
				if len(n.List) == 0 && !choices[n] { // what stood there may be gone
					from, to := fset.PositionFor(n.Lbrace, false), fset.PositionFor(n.Rbrace+1, false)
					marks = append(marks, from.Offset+1)
					spans = append(spans, Span{Path: name, Line: from.Line, Column: from.Column, EndLine: to.Line, EndColumn: to.Column})
				}
			case *ast.CaseClause:
				mark(n.Body)
			case *ast.CommClause:
				mark(n.Body)
			}
			return true
		})
		traced[name] = marked(sources[name], marks, first+len(spans)-len(marks))
	}
	if pkg != "" {
		traced[path.Join(path.Dir(names[0]), addedFile)] = fmt.Appendf(nil, traceText, pkg, first, len(spans), TraceFile)
	}
	return traced, spans, nil
}

// clauses tells whether a block is the body of a switch or select.
func clauses(b *ast.BlockStmt) bool {
	if len(b.List) == 0 {
		return false
	}
	switch b.List[0].(type) {
	case *ast.CaseClause, *ast.CommClause:
		return true
	}
	return false
}

// marked puts a call before the statements at the offsets; the first of them has the number first.
func marked(src []byte, marks []int, first int) []byte {
	order := make([]int, len(marks))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return marks[a] - marks[b] })
	var out strings.Builder
	last := 0
	for _, i := range order {
		out.Write(src[last:marks[i]])
		fmt.Fprintf(&out, "jitosRan(%d);", first+i)
		last = marks[i]
	}
	out.Write(src[last:])
	return []byte(out.String())
}

const traceText = `package %s

import (
	"os"
	"strconv"
)

const jitosFirst = %d

var jitosSeen [%d]bool

var jitosTrace, _ = os.OpenFile(os.Getenv(%q), os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0600)

func jitosRan(n int) {
	if !jitosSeen[n-jitosFirst] {
		jitosSeen[n-jitosFirst] = true
		jitosTrace.WriteString(strconv.Itoa(n) + "\n")
	}
}
`
