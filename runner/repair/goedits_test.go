package repair

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"strings"
	"testing"
)

// everywhere makes every place of a file suspicious.
func everywhere(path string) *Spectrum {
	return &Spectrum{Failing: 1, Spans: []Span{{Path: path, Line: 1, Column: 1, EndLine: 1 << 20, Failed: 1}}}
}

func noExports(string) (io.ReadCloser, error) { return nil, errors.New("none") }

func load(t *testing.T, src string) *GoPackage {
	t.Helper()
	p, err := LoadGo("x", "", map[string][]byte{"x.go": []byte(src)}, noExports)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Each bug, a slip of a known kind in one line, is mended by one of the edits.
func TestGoEdits_mend(t *testing.T) {
	const before = "package x\n\ntype point struct{ x, y int }\n\nconst (\n\tred = iota\n\tgreen\n)\n\nfunc less(a, b int) bool { return a < b }\n\nfunc clip(s string) string { return s }\n\n" +
		"func other(s string, p *point) (int, bool) {\n if p == nil {\n return 7, false\n}\n s = clip(\"cheese\")\n return 0, true\n}\n\n" +
		"func f(list []int, p *point, s string, n, m int) (int, bool) {\n"
	for _, c := range []struct{ name, bug, fix string }{
		{"bound", "for i := 0; i <= n; i++ {\n m += i }", "for i := 0; i < n; i++ {\n m += i }"},
		{"start", "for i := 1; i < n; i++ {\n m += i }", "for i := 0; i < n; i++ {\n m += i }"},
		{"index", "m = list[n]", "m = list[n-1]"},
		{"index too much", "m = list[n-1]", "m = list[n]"},
		{"operator", "m = n - m", "m = n + m"},
		{"connective", "if n > 0 || m > 0 {\n m++ }", "if n > 0 && m > 0 {\n m++ }"},
		{"negation", "if !less(n, m) {\n m++ }", "if less(n, m) {\n m++ }"},
		{"no negation", "if less(n, m) {\n m++ }", "if !less(n, m) {\n m++ }"},
		{"condition missing", "if p.x > 0 {\n m++ }", "if p.x > 0 && p != nil {\n m++ }"},
		{"condition too much", "if n > 0 && m > 3 {\n m++ }", "if n > 0 {\n m++ }"},
		{"check missing", "m = p.x", "if p == nil {\n return 0, false\n}\n m = p.x"},
		{"arguments", "if less(n, m) {\n m++ }", "if less(m, n) {\n m++ }"},
		{"variable", "m = n", "m = m"},
		{"field", "m = p.x", "m = p.y"},
		{"declared constant", "m = red", "m = green"},
		{"constant", "m = n + 7", "m = n + 8"},
		{"step", "m -= n", "m += n"},
		{"statement too much", "m = n\n m++", "m = n"},
		{"order", "m = n\n m++", "m++\n m = n"},
		{"jump", "for n < m {\n n++\n if n == 3 {\n break } }", "for n < m {\n n++\n if n == 3 {\n continue } }"},
		{"return", "if n > m {\n return m, true }", "if n > m {\n return n, true }"},
		{"return value", "if n > m {\n return m, true }", "if n > m {\n return m, false }"},
		{"hidden", "if n > 0 {\n m := n\n _ = m }", "if n > 0 {\n m = n\n _ = m }"},
		{"slice", "s = s[n:]", "s = s[:n]"},
		{"call missing", "s = s[1:]\n _ = clip(s)", "s = clip(s[1:])\n _ = clip(s)"},
		{"call too much", "s = clip(s)", "s = s"},
		{"grouping", "m = (n + m) * n", "m = n + m*n"},
		{"statement missing", "m++\n if n > m {\n n-- }", "n--\n m++\n if n > m {\n n-- }"},
		{"statement of an empty branch", "if n > m {\n }", "if n > m {\n return 0, false\n }"},
		{"statement of an empty loop", "for _, v := range list {\n }\n m += n", "for _, v := range list {\n m += n\n }\n m += n"},
		{"return missing", "if n > m {\n n-- }", "if n > m {\n n--\n return 0, false\n }"},
		{"else missing", "if n > m {\n n-- }\n m++", "if n > m {\n n-- } else {\n m++\n }"},
		{"text mistyped", "s = \"chees\"", "s = \"cheese\""},
		{"check of a neighbour", "n++", "if p == nil {\n return 7, false\n}\n n++"},
		{"call of a neighbour", "s = s[1:]", "s = clip(s[1:])"},
		{"case too much", "switch n {\n case 1, 2:\n m++ }", "switch n {\n case 1:\n m++ }"},
	} {
		t.Run(c.name, func(t *testing.T) {
			const after = "\n return m, s == \"\"\n}\n"
			p := load(t, before+c.bug+after)
			want := spaceless(before + c.fix + after)
			all := p.Edits(everywhere("x.go"))
			for _, e := range all {
				if spaceless(string(e.Apply([]byte(before+c.bug+after)))) == want {
					return
				}
			}
			t.Errorf("none of %d edits makes\n%s\nof\n%s", len(all), c.fix, c.bug)
		})
	}
}

func spaceless(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(text, "+", " + ")), "")
}

const sample = `package x

type list struct {
	items []int
	limit int
}

func (l *list) add(n int) bool {
	if l.limit > 0 && len(l.items) >= l.limit {
		return false
	}
	l.items = append(l.items, n)
	return true
}

func (l *list) sum(from, to int) (total int) {
	for i := from; i < to; i++ {
		switch v := l.items[i]; {
		case v < 0:
			continue
		default:
			total += v
		}
	}
	return total
}

func Run(a, b int) int {
	l := &list{limit: 3}
	for _, n := range []int{a, b, a * b, 4} {
		if !l.add(n) {
			return l.sum(0, len(l.items)) * 100
		}
	}
	return l.sum(0, 1)
}
`

// Nearly all edits compile: a test run is dear, a type is cheap. What does not is a variable or a return that is missed.
func TestGoEdits_compile(t *testing.T) {
	p := load(t, sample)
	all := Order(p.Edits(everywhere("x.go")), 1<<20)
	broken := 0
	for _, e := range all {
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, "x.go", e.Apply([]byte(sample)), 0)
		if err != nil {
			t.Fatalf("%s: %v", e.Words([]byte(sample)), err)
		}
		config := types.Config{Error: func(error) {}}
		if _, err := config.Check("x", fset, []*ast.File{f}, nil); err != nil {
			broken++
		}
	}
	if len(all) < 100 || broken*20 > len(all) {
		t.Errorf("%d of %d edits do not compile", broken, len(all))
	}
}

func TestOrder(t *testing.T) {
	a := Edit{Path: "a", Start: 4, End: 9, Was: "x < y", Text: "x > y", Score: .5}
	same := Edit{Path: "a", Start: 6, End: 7, Was: "<", Text: ">", Score: .4}
	better := Edit{Path: "a", Start: 4, End: 9, Was: "x < y", Text: "x == y", Score: .9}
	got := Order([]Edit{same, a, better}, 9)
	if len(got) != 2 || got[0].Text != "x == y" || got[1].Text != "x > y" {
		t.Errorf("%v", got)
	}
	if got := Order([]Edit{a, better}, 1); len(got) != 1 || got[0].Text != "x == y" {
		t.Errorf("%v", got)
	}
}

func TestOchiai(t *testing.T) {
	for _, c := range []struct {
		failed, passed, failing int
		want                    float64
	}{{1, 0, 1, 1}, {0, 5, 1, 0}, {1, 3, 1, .5}, {1, 1, 2, .5}, {2, 0, 2, 1}, {0, 0, 0, 0}} {
		if got := Ochiai(c.failed, c.passed, c.failing); got != c.want {
			t.Errorf("%v: %v", c, got)
		}
	}
	s := Spectrum{Failing: 1, Passing: 3, Spans: []Span{
		{Path: "a", Line: 1, Column: 1, EndLine: 9, EndColumn: 1, Failed: 1, Passed: 3},
		{Path: "a", Line: 3, Column: 2, EndLine: 3, EndColumn: 20, Failed: 1},
		{Path: "a", Line: 5, Column: 2, EndLine: 5, EndColumn: 20, Passed: 2}}}
	if ranked := s.Ranked(); len(ranked) != 2 || ranked[0].Line != 3 {
		t.Errorf("ranked %v", ranked)
	}
	for _, c := range []struct {
		line, column int
		want         float64
		in           bool
	}{{3, 4, 1, true}, {5, 4, 0, true}, {4, 1, .5, true}, {12, 1, 0, false}} {
		if got, in := s.At("a", c.line, c.column); got != c.want || in != c.in {
			t.Errorf("at %d:%d: %v, %v", c.line, c.column, got, in)
		}
	}
}
