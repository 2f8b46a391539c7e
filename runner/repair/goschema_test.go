package repair

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// goProgram builds files below a main that prints what the sample does, and returns its path.
func goProgram(t *testing.T, files map[string][]byte) string {
	t.Helper()
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command")
	}
	dir := t.TempDir()
	files["go.mod"] = []byte("module m\n\ngo 1.12\n")
	files["cmd/main.go"] = []byte("package main\n\nimport \"m\"\n\nfunc main() { println(x.Run(2, 5), x.Run(-1, 3)) }\n")
	for name, text := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(tool, "build", "-o", "program", "./cmd")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "program")
}

func output(program string, env ...string) string {
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "failed"
	}
	return string(out)
}

// A schema does with each edit what the program with that edit does, and without one what the program does.
func TestSchema_asAlone(t *testing.T) {
	p := load(t, sample)
	edits := Order(p.Edits(everywhere("x.go")), 400)
	s, err := p.Schema(edits, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Site)*10 < len(edits)*8 {
		t.Errorf("only %d of %d edits can be compiled together", len(s.Site), len(edits))
	}
	program := goProgram(t, s.Files)
	plain := output(goProgram(t, map[string][]byte{"x.go": []byte(sample)}))
	if got := output(program); got != plain {
		t.Errorf("without an edit %q, want %q", got, plain)
	}
	differ := map[string]bool{}
	compared := 0
	for id := 0; id < len(edits) && compared < 4; id += 1 + len(edits)/9 {
		site, ok := s.Site[id]
		if !ok {
			continue
		}
		got := output(program, SchemaSite+"="+strconv.Itoa(site), SchemaEdit+"="+strconv.Itoa(id))
		want := output(goProgram(t, map[string][]byte{"x.go": edits[id].Apply([]byte(sample))}))
		if got != want {
			t.Errorf("%s: %q, alone %q", edits[id].Words([]byte(sample)), got, want)
		}
		compared++
		differ[got] = true
	}
	if compared < 3 || len(differ) < 2 {
		t.Errorf("%d edits were compared, %d outcomes", compared, len(differ))
	}
}

// A program writes what it runs, also when it panics.
func TestTraceGo(t *testing.T) {
	const src = "package x\n\nfunc Run(a, b int) int {\n\tif a > 0 {\n\t\treturn b\n\t}\n\tvar none []int\n\tempty(b); switch b {\n\t}\n\treturn none[b]\n}\n\nfunc empty(n int) {\n}\n"
	files, spans, err := TraceGo(map[string][]byte{"x.go": []byte(src)}, 0)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "trace")
	if got := output(goProgram(t, files), TraceFile+"="+file); got != "failed" {
		t.Fatalf("said %q", got)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, word := range strings.Fields(string(text)) {
		n, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, spans[n].Line)
	}
	if !slices.Equal(lines, []int{4, 5, 7, 8, 13, 8, 10}) { // of a function without statements its body
		t.Errorf("ran lines %v", lines)
	}
}

// What may be gone from a function that has nothing left is tried in the program of all edits, too.
func TestSchema_empty(t *testing.T) {
	p := load(t, "package x\n\ntype list []int\n\nfunc (l list) Swap(i, j int) {\n\t// nothing\n}\n\nfunc Run(a, b int) int {\n\tl := list{a, b}\n\tl.Swap(0, 1)\n\treturn l[0]\n}\n")
	edits := p.Edits(everywhere("x.go"))
	s, err := p.Schema(edits, nil)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(edits, func(e Edit) bool { return strings.Contains(e.Text, "l[i], l[j] = l[j], l[i]") })
	if i < 0 || s.Site[i] == 0 {
		t.Fatalf("edit %d of %d, site %d", i, len(edits), s.Site[i])
	}
	program := goProgram(t, s.Files)
	if got := output(program); got != "2 -1\n" {
		t.Errorf("without an edit: %s", got)
	}
	if got := output(program, fmt.Sprintf("%s=%d", SchemaSite, s.Site[i]), fmt.Sprintf("%s=%d", SchemaEdit, i)); got != "5 3\n" {
		t.Errorf("with the edit: %s", got)
	}
}

// A constant that is suspicious (a real module has a limit that every failing test uses) once became a call, which no compiler takes
// for a constant, and the whole repair ended with that.
func TestSchema_constants(t *testing.T) {
	p := load(t, `package x

const (
	limit = 16
	twice = limit * 2
)

var table [limit + 1]int

func Run(a, b int) int {
	const near = 3
	if a > limit+near {
		return table[a%twice]
	}
	return a + b
}
`)
	edits := p.Edits(everywhere("x.go"))
	s, err := p.Schema(edits, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Site) == 0 {
		t.Error("no edit is in the schema")
	}
	goProgram(t, s.Files)
}

// A part of a constant once got a type of its own (the 1 of a rune -1 that of an int), and an empty interface the name that a module of an
// older version of the language does not have: either ended the whole repair.
func TestSchema_types(t *testing.T) {
	p := load(t, `package x

func sign(a int, list []interface{}) rune {
	if a < 0 || list[0] == nil {
		return -1
	}
	return 'x'
}

func Run(a, b int) int {
	var v interface{} = a
	return b + int(sign(a, []interface{}{v}))
}
`)
	edits := p.Edits(everywhere("x.go"))
	s, err := p.Schema(edits, nil)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(s.Files["x.go"]); strings.Contains(text, " any ") {
		t.Error("it names any")
	}
	if len(s.Site)*10 < len(edits)*8 {
		t.Errorf("only %d of %d edits can be compiled together", len(s.Site), len(edits))
	}
	goProgram(t, s.Files)
}

// Where the compiler refuses what the checker let through, the edits at that place are to blame, or those nearest behind it.
func TestSchema_blame(t *testing.T) {
	p := load(t, sample)
	edits := Order(p.Edits(everywhere("x.go")), 50)
	s, err := p.Schema(edits, nil)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(s.Files["x.go"]), "\n")
	checked := 0
	for i, line := range lines {
		if m := strings.TrimPrefix(strings.TrimSpace(line), "case "); m != strings.TrimSpace(line) && strings.Contains(m, ": return ") {
			want, err := strconv.Atoi(m[:strings.IndexByte(m, ':')])
			if err != nil {
				continue
			}
			if got := s.Blame("x.go", i+1, 1+strings.Index(line, "return ")+len("return ")); len(got) != 1 || got[0] != want {
				t.Errorf("%s: blamed %v", line, got)
			}
			checked++
		}
	}
	if first := s.Blame("x.go", 1, 1); checked == 0 || len(first) == 0 {
		t.Errorf("%d places; the beginning is laid on %v", checked, first)
	}
	if len(s.Blame("y.go", 1, 1)) > 0 {
		t.Error("a file without edits")
	}
}

// An edit that loops without end is stopped by the processor time that it was given.
func TestSchema_endless(t *testing.T) {
	p := load(t, "package x\n\nfunc Run(a, b int) int {\n\tfor i := 0; ; i++ {\n\t\tif i < 0 {\n\t\t\treturn a + b\n\t\t}\n\t\ta = a ^ i\n\t}\n}\n")
	s, err := p.Schema(p.Edits(everywhere("x.go")), nil)
	if err != nil {
		t.Fatal(err)
	}
	program := goProgram(t, s.Files)
	start := time.Now()
	if got := output(program, SchemaCPU+"=50"); got != "failed" {
		t.Errorf("said %q", got)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}
