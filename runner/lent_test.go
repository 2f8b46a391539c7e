package runner

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/secret"
)

// A job has the secrets that it needs and no others; what it says of them comes out without their values, and nothing of
// them is left where anybody could find it.
func TestExecute_lends(t *testing.T) {
	e, m := newExecutor(t)
	e.Secrets = secret.Store{Dir: filepath.Join(t.TempDir(), "secrets")}
	const value, key = "0pen-s3same", "line one of a key\nline two of a key\n"
	if err := e.Secrets.Set("WORD", value); err != nil {
		t.Fatal(err)
	}
	if err := e.Secrets.Set("KEY", key); err != nil {
		t.Fatal(err)
	}
	needs := func(list ...string) func(*jitos.Action) {
		return func(a *jitos.Action) { a.Step.Needs = append(list, writeAll...) }
	}
	tree := put(t, m, files{"a": "a"})
	script := `test "$WORD" = 0pen-s3same; test -z "$KEY"; echo "it is $WORD"; printf 0pen; sleep 0.05; echo -s3same; printf "u:$WORD" | base64
		echo $WORD >&2; ! tr '\0' '\n' </proc/1/environ 2>/dev/null | grep WORD`
	r := run(t, e, tree, script, needs("secret:WORD"))
	wantVerdict(t, r, jitos.Pass, "")
	if strings.Contains(r.Output, value) || strings.Count(r.Output, "[secret:WORD]") != 4 {
		t.Errorf("it said\n%s", r.Output)
	}
	r = run(t, e, tree, `echo "$KEY" >copy`, needs("secret:KEY"))
	wantVerdict(t, r, jitos.Fail, "denied: it would commit a secret: copy:1: the secret KEY")
	if r = run(t, e, tree, `test -z "$WORD$KEY" && ! ls /run/secrets`); r.Verdict != jitos.Pass {
		t.Errorf("a job that needs none: %s\n%s", r.Reason, r.Output)
	}
	r = run(t, e, tree, "echo no", needs("secret:OTHER"))
	wantVerdict(t, r, jitos.Fail, "denied: secret OTHER: not found in this clone; `jitos secret set OTHER`")
	if len(r.Findings) != 1 || r.Findings[0].About != jitos.AboutDenied {
		t.Errorf("findings %+v", r.Findings)
	}
	asFile := func(a *jitos.Action) { needs("secret:KEY")(a); a.Step.Secrets = "file" }
	if how, _, err := e.Sandboxed(t.Context()); err != nil || how == "" {
		if _, err := e.Execute(t.Context(), jitos.Action{Step: jitos.Step{Name: "x", Worker: "shell", Run: "true", Needs: []string{"secret:KEY"}, Secrets: "file"}, Tree: tree}, nil); err == nil {
			t.Error("a secret as a file outside of a sandbox")
		}
		return
	}
	r = run(t, e, tree, `test "$KEY_FILE" = /run/secrets/KEY; test -z "$KEY"; cmp -s $KEY_FILE - <<X
line one of a key
line two of a key
X
		cat $KEY_FILE; ! { echo x >$KEY_FILE; } 2>/dev/null; ! touch /run/secrets/y 2>/dev/null; stat -f -c %T /run/secrets`, asFile)
	wantVerdict(t, r, jitos.Pass, "")
	if r.Output != "[secret:KEY]tmpfs\n" {
		t.Errorf("it said\n%s", r.Output)
	}
	if found := grepBelow(t, filepath.Dir(e.Cache), e.Secrets.Dir, "line two", "s3same"); found != "" {
		t.Errorf("a value was left in %s", found)
	}
}

// grepBelow names a file below dir, and not in but, that holds one of the texts; "" for none.
func grepBelow(t *testing.T, dir, but string, texts ...string) (found string) {
	t.Helper()
	_ = filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if err != nil || p == but {
			return filepath.SkipDir
		}
		if raw, err := os.ReadFile(p); err == nil {
			for _, text := range texts {
				if strings.Contains(string(raw), text) {
					found = p
				}
			}
		}
		return nil
	})
	return found
}
