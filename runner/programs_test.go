package runner

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
)

// A job that asks for programs starts no other; what it was refused is told with the capability that would let it.
func TestExecute_programs(t *testing.T) {
	t.Parallel()
	e, m := newExecutor(t)
	if how, _, err := e.Sandboxed(t.Context()); err != nil || how == "" {
		t.Skip("no sandbox here")
	}
	for _, name := range []string{"cat", "id", "awk", "chmod", "cp"} {
		if which(name) == "" {
			t.Skipf("no %s here", name)
		}
	}
	if which("cat") == which("id") {
		t.Skip("all programs of this system are one file")
	}
	e.Toolchain = func(name string) (methods.Toolchain, bool) {
		return methods.Toolchain{Name: "patterns", Words: []string{"awk"}}, name == "patterns" || name == "awk"
	}
	tree := put(t, m, files{"a": "a\n", "own.sh": "#!/bin/sh\necho own\n"})
	asks := func(asked []string, granted ...string) func(*jitos.Action) {
		return func(a *jitos.Action) {
			a.Starts.Asked = asked
			if granted != nil {
				a.Starts.Granted = [][]string{granted}
			}
		}
	}
	for _, tt := range []struct {
		what, script string
		starts       func(*jitos.Action)
		need         string // that is missing; "": it passes
	}{
		{"nothing in particular", "cat a; id; sh own.sh; chmod +x own.sh", asks(nil), ""},
		{"what it asks for", "cat a && echo yes", asks([]string{"cat"}), ""},
		{"another", "cat a; id", asks([]string{"cat"}), "exec:id"},
		{"by its path", "/usr/bin/id", asks([]string{"cat"}), "exec:id"},
		{"a copy of what it may not", "cat " + which("id") + " >b; chmod +x b; ./b", asks([]string{"cat", "chmod"}), "exec:id"},
		{"a copy of what it may", "cp " + which("cat") + " b; chmod +x b; ./b a", asks([]string{"cat", "chmod", "cp"}), "exec:./b"},
		{"a file of the repository", "chmod +x 'own.sh'; './own.sh'", asks([]string{"chmod"}), "exec:./own.sh"},
		{"one that it asks for", "chmod +x 'own.sh'; './own.sh'", asks([]string{"chmod", "./own.sh"}), ""},
		{"not what others did not grant", "cat a; id", asks([]string{"cat", "id"}, "cat", "sh"), "exec:id"},
		{"no toolchain asked for, all granted", "awk 1 a; id", asks([]string{"awk"}), ""},
		{"a toolchain that is granted", "awk 1 a; cat a; cp 'own.sh' b; chmod +x b; ./b", asks([]string{"patterns"}, "patterns"), ""},
		{"a pattern", "cat a; id", asks(nil, "ca?"), "exec:id"},
	} {
		r := run(t, e, tree, tt.script, tt.starts)
		if tt.need == "" {
			if r.Verdict != jitos.Pass {
				t.Errorf("%s: %+v", tt.what, r)
			}
			continue
		}
		if r.Verdict != jitos.Fail || !strings.Contains(r.Reason, "and has no "+tt.need) || len(r.Findings) != 1 || r.Findings[0].About != jitos.AboutDenied ||
			r.Findings[0].Data["capability"] != tt.need {
			t.Errorf("%s: %+v", tt.what, r)
		}
	}
}

// With a script comes its interpreter, through env and links too, and with a dynamic program its loader.
func TestInterpreters(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	sh := which("sh")
	at := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
		return p
	}
	if err := os.Symlink("plain", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	plain := at("plain", "#!/bin/sh\n")
	by := at("by-env", "#!/usr/bin/env -S A=1 sh -e\n")
	for name, want := range map[string][]string{
		plain: {plain, sh}, filepath.Join(dir, "link"): {plain, sh}, by: {by, which("env"), sh}, at("none", "text"): {filepath.Join(dir, "none")},
		at("loop", "#!"+filepath.Join(dir, "loop")+"\n"): {filepath.Join(dir, "loop")}, filepath.Join(dir, "gone"): nil,
	} {
		got := strings.Join(withInterpreters(name), " ")
		for _, w := range want {
			if real, err := filepath.EvalSymlinks(w); err != nil || !strings.Contains(" "+got+" ", " "+real+" ") {
				t.Errorf("%s: %s, want %s", name, got, w)
			}
		}
		if want == nil && got != "" {
			t.Errorf("%s: %s", name, got)
		}
	}
}
