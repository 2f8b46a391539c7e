package warpgit

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

// signers are the ways to sign that this machine has: each sets git up to sign, and returns the line that allows the key.
var signers = map[string]func(t *testing.T, dir string) string{
	"ssh": func(t *testing.T, dir string) string {
		if _, err := exec.LookPath("ssh-keygen"); err != nil {
			t.Skip("ssh-keygen is not here")
		}
		key := filepath.Join(t.TempDir(), "key")
		program(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "ada", "-f", key)
		public, err := os.ReadFile(key + ".pub")
		if err != nil {
			t.Fatal(err)
		}
		run(t, dir, "config", "gpg.format", "ssh")
		run(t, dir, "config", "user.signingKey", key)
		return "ada@example.org " + string(public)
	},
	"gpg": func(t *testing.T, dir string) string {
		if _, err := exec.LookPath("gpg"); err != nil {
			t.Skip("gpg is not here")
		}
		home, err := os.MkdirTemp("/tmp", "gpg") // its agent's socket wants a short path
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("GNUPGHOME", home)
		t.Cleanup(func() {
			exec.Command("gpgconf", "--kill", "gpg-agent").Run()
			os.RemoveAll(home)
		})
		program(t, "gpg", "-q", "--batch", "--pinentry-mode", "loopback", "--passphrase", "", "--quick-generate-key", "Ada <ada@example.org>", "ed25519", "sign", "never")
		for line := range strings.Lines(program(t, "gpg", "--batch", "--with-colons", "--list-keys")) {
			if print, ok := strings.CutPrefix(line, "fpr:::::::::"); ok {
				print = strings.TrimSuffix(strings.TrimSpace(print), ":")
				run(t, dir, "config", "user.signingKey", print)
				return "gpg " + print
			}
		}
		t.Fatal("no key was made")
		return ""
	},
}

func program(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Fatalf("%s %s: %v", name, strings.Join(args, " "), err)
	}
	return string(out)
}

// A commit is signed by itself where its rewrite says so, at whatever place of a chain and once. Its signer is known where the
// key is allowed here, and of these very bytes alone.
func TestSigner(t *testing.T) {
	for kind, set := range signers {
		t.Run(kind, func(t *testing.T) {
			dir := newDir(t)
			line := set(t, dir)
			run(t, dir, "config", "commit.gpgsign", "true")
			r := openDir(t, dir)
			signer := func(id jitos.CommitID) string {
				t.Helper()
				who, err := r.Signer(ctx, id)
				if err != nil {
					t.Fatal(err)
				}
				return who
			}
			birth := born(t, r.Store)
			signs := func(name string) jitos.Rewrite {
				rw := collapseRule(node("thing", name))
				rw.Sign = true
				return rw
			}
			const ws jitos.Ref = "refs/heads/jitos/sws/x"
			ids, err := r.Store.Append(ctx, ws, "", birth, signs("a"), collapseRule(node("thing", "b")), signs("c"), collapseRule(node("thing", "d")))
			if err != nil {
				t.Fatal(err)
			}
			if got := signer(ids[0]); got != "" {
				t.Errorf("nobody is allowed to sign, and it is signed by %q", got)
			}
			if err := os.WriteFile(r.local("signers"), []byte(line), 0o600); err != nil {
				t.Fatal(err)
			}
			who := signer(ids[0])
			if who == "" || signer(ids[2]) != who || signer(ids[1]) != "" || signer(ids[3]) != "" {
				t.Errorf("signed by %q %q %q %q", who, signer(ids[1]), signer(ids[2]), signer(ids[3]))
			}

			// What is signed by itself is not signed again as the tip of the system line.
			staged, err := r.Store.Stage(ctx, birth, signs("e"))
			if err != nil {
				t.Fatal(err)
			}
			ids, err = r.Store.Append(ctx, jitos.SystemRef, birth, staged.Commit().ID)
			if err != nil {
				t.Fatal(err)
			}
			head, err := r.Store.Head(ctx, jitos.SystemRef)
			if err != nil || head != staged.Commit().ID || signer(head) != who {
				t.Errorf("%v: head %s, staged %s, signed by %q: %v", ids, head, staged.Commit().ID, signer(head), err)
			}

			// The same signature on other bytes is none, nor is one whose key is allowed no more.
			raw := run(t, dir, "cat-file", "commit", string(head)) + "\n"
			write(t, dir, "forged", strings.Replace(raw, "collapse", "collapsed", 1))
			forged := run(t, dir, "hash-object", "-t", "commit", "-w", "forged")
			if got := signer(jitos.CommitID(forged)); got != "" {
				t.Errorf("a forged commit is signed by %q", got)
			}
			run(t, dir, "replace", forged, string(head))
			if got := signer(jitos.CommitID(forged)); got != "" {
				t.Errorf("a forged commit that is shown as another one is signed by %q", got)
			}
			if err := os.WriteFile(r.local("signers"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if got := signer(head); got != "" {
				t.Errorf("a signer who was dropped: %q", got)
			}
		})
	}
}

// What git does not take for good is not, whatever the program that looked at it said.
func TestSignature_judge(t *testing.T) {
	const said = "Good \"git\" signature for ada@example.org with ED25519 key SHA256:x\n"
	for _, good := range []bool{true, false} {
		var s Signature
		if s.judge(said, good, nil); s.Good != good || s.Signer != "ada@example.org" || good != (s.Why == "") {
			t.Errorf("git takes it for good, %v: %+v", good, s)
		}
	}
}
