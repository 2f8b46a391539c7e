package runner

import (
	"strings"
	"testing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/secret"
)

// minted is what a script calls to get something with the shape of a token: none stands in this file, nor in a plan.
const minted = `mint() { printf 'gh''p_'; echo "$1" | sha256sum | cut -c1-36; }; `

// A secret in what a job would have committed stops it, and is nowhere in what is kept; the place and the kind are.
func TestExecute_secrets(t *testing.T) {
	e, m := newPlain(t)
	token := strings.TrimSpace(run(t, e, "", minted+`mint a | rev`).Output)
	token = reversed(token)
	tree := put(t, m, files{"a": "1\n2\n", "old": "key: " + token + "\n"})
	for name, c := range map[string]struct{ script, want string }{
		"a file":             {"mkdir d; { echo; echo x; mint b; } >d/new", "d/new:3: a GitHub token"},
		"a changed file":     {"{ cat a; mint b; } >b; mv b a", "a:3: a GitHub token"},
		"a second secret":    {"mint b >>old", "old:2: a GitHub token"},
		"output":             {"echo first; mint b", "output:2: a GitHub token"},
		"an artifact":        {"mint b >$JITOS_OUT/log", "artifact log:1: a GitHub token"},
		"a name":             {"touch x-$(mint b)", "the name of a file: a GitHub token"},
		"a reason":           {"mint b >&2; exit 3", "output:1: a GitHub token"},
		"several":            {"for i in 1 2 3 4 5; do mint $i >f$i; done", "f1:1: a GitHub token, f2:1: a GitHub token, f3:1: a GitHub token and 2 more"},
		"what was there":     {"echo more >>old", ""},
		"what was moved":     {"mv old new; echo 1 >b", ""},
		"what is marked":     {"echo $(mint b) '# " + secret.Marker + "' >c", ""},
		"what is taken away": {"rm old", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := run(t, e, tree, minted+c.script)
			if c.want == "" {
				wantVerdict(t, r, jitos.Pass, "")
				return
			}
			wantVerdict(t, r, jitos.Fail, "denied: it would commit a secret: "+c.want)
			if r.Tree != tree || len(r.Findings) != 1 || r.Findings[0].About != jitos.AboutDenied {
				t.Errorf("tree %s, findings %+v", r.Tree, r.Findings)
			}
			all := r.Output + r.Reason + r.Findings[0].Text + r.Findings[0].Data["secrets"] + r.Artifacts["log"]
			if strings.Contains(all, "gh"+"p_") {
				t.Errorf("the value was kept: %s", all)
			}
		})
	}
	e.Allowed = func(string) bool { return true }
	r := run(t, e, tree, minted+"mint b >c")
	wantVerdict(t, r, jitos.Pass, "")
	e.Allowed = nil
	r = run(t, e, tree, minted+"mint b; exit 1", func(a *jitos.Action) { a.Step.Gate = &jitos.GateRef{Gate: "g"} })
	wantVerdict(t, r, jitos.CouldNot, "denied: it would commit a secret: output:1")
}

func reversed(s string) string {
	b := []byte(s)
	for i := range len(b) / 2 {
		b[i], b[len(b)-1-i] = b[len(b)-1-i], b[i]
	}
	return string(b)
}
