package jitos_test

import (
	"os"
	"os/exec"
	"path"
	"strings"
	"testing"
)

// Every arrow between packages points down: this is the whole list of those that may exist. A package that is not here
// fails the test, so that its place is decided and not drifted into.
var mayImport = map[string][]string{
	"":           {},
	"warpgit":    {""},
	"overlay":    {"", "warpgit"},
	"methods":    {""},
	"planner":    {"", "methods"},
	"runner":     {"", "warpgit", "overlay", "planner", "methods", "runner/repair", "runner/sandbox", "runner/secret"},
	"server":     {"", "warpgit", "overlay", "planner", "methods"},
	"cmd/jitos":  {"", "warpgit", "overlay", "planner", "methods", "runner", "runner/secret", "server", "cmd/internal"},
	"cmd/jitosd": {"", "warpgit", "overlay", "planner", "methods", "runner", "runner/secret", "server", "cmd/internal"},
	// What the commands share: the wiring.
	"cmd/internal": {"", "warpgit", "overlay", "planner", "methods", "runner", "runner/secret"},
	// What the worker repair knows of languages; it runs nothing and knows nothing of the rest.
	"runner/repair": {},
	// What shuts a job in; it knows nothing of jobs.
	"runner/sandbox": {},
	// What finds, hides and keeps secrets; it knows nothing of jobs.
	"runner/secret": {""},
	// A template for workers of others: it knows nothing but the protocol.
	"runner/template": {},
	// A command that measures the store; it stands beside what it measures.
	"warpgit/bench": {"", "warpgit", "overlay", "planner", "methods", "runner"},
}

const module = "github.com/jitos/jitos"

func TestLayers(t *testing.T) {
	goTool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command")
	}
	cmd := exec.Command(goTool, "list", "-e", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "./...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		pkg := strings.TrimPrefix(strings.TrimPrefix(words[0], module), "/")
		allowed, known := mayImport[place(pkg)]
		if !known {
			t.Errorf("package %q has no place in the layers", pkg)
			continue
		}
		for _, imp := range words[1:] {
			if imp != module && !strings.HasPrefix(imp, module+"/") {
				if pkg == "" && strings.Contains(imp, ".") {
					t.Errorf("the root package imports %s: it may import only the standard library", imp)
				}
				continue
			}
			to := place(strings.TrimPrefix(strings.TrimPrefix(imp, module), "/"))
			if to != place(pkg) && !contains(allowed, to) {
				t.Errorf("%s imports %s: that arrow does not point down", words[0], imp)
			}
		}
	}
}

// The top level is what a newcomer sees first: it has these folders and no others.
func TestTopLevel(t *testing.T) {
	allowed := []string{"cmd", "methods", "overlay", "planner", "runner", "server", "testdata", "warpgit"}
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !contains(allowed, e.Name()) {
			t.Errorf("the folder %s has no place at the top", e.Name())
		}
	}
}

// place is the package of the list that a package belongs to: itself, or the nearest one whose folder it is in.
func place(pkg string) string {
	for p := pkg; p != "."; p = path.Dir(p) {
		if _, own := mayImport[p]; own {
			return p
		}
	}
	return pkg
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}
