package warpgit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// Where the user's git signs commits (commit.gpgsign), the last commit of each move of the system line is signed, and each that
// another clone may count on by itself (Rewrite.Sign), by the programs and keys that git would use. A signature vouches for all ancestors back to the one before it, for a commit names its parents by
// their hashes. A commit is signed as git does: over its bytes, and stored with the signature as one more header.

// signing is how the user signs.
type signing struct {
	format  string // "openpgp", "x509", "ssh"
	program string
	key     string // user.signingKey, "" where it goes by the committer
	choose  string // gpg.ssh.defaultKeyCommand
}

// signing reads the settings, once; nil where nothing is to be signed. It starts git only where they are spread over files that
// include others.
func (r *Repo) signing(ctx context.Context) (*signing, error) {
	r.identity.Lock()
	defer r.identity.Unlock()
	if r.signs.read {
		return r.signs.how, nil
	}
	all, ok := r.plainConfig()
	if !ok {
		out, err := r.Git(ctx, "config", "-z", "--get-regexp", `^(commit\.gpgsign|user\.signingkey|gpg\..*)$`)
		if err != nil && exitCode(err) != 1 {
			return nil, err
		}
		all = nil
		for _, entry := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
			key, value, has := strings.Cut(entry, "\n")
			all = append(all, setting{name: key, value: value, alone: !has})
		}
	}
	r.signs.read = true
	if on, found := all.last("commit.gpgsign"); !found || on.isFalse() {
		return nil, nil
	}
	how := &signing{format: all.value("gpg.format"), key: all.value("user.signingkey"), choose: all.value("gpg.ssh.defaultkeycommand")}
	switch how.format {
	case "", "openpgp":
		how.format, how.program = "openpgp", first(all.value("gpg.openpgp.program"), all.value("gpg.program"), "gpg")
	case "x509":
		how.program = first(all.value("gpg.x509.program"), "gpgsm")
	case "ssh":
		how.program = first(all.value("gpg.ssh.program"), "ssh-keygen")
	default:
		return nil, fmt.Errorf("gpg.format = %s: %w: want openpgp, x509 or ssh", how.format, jitos.ErrInvalid)
	}
	how.program, how.key = r.homely(how.program), r.homely(how.key)
	r.signs.how = how
	return how, nil
}

func first(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

// homely puts the user's home in the place of "~/".
func (r *Repo) homely(path string) string {
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return path
}

// sign returns the signature over the bytes of a commit, nil where the user does not sign.
func (r *Repo) sign(ctx context.Context, payload []byte) ([]byte, error) {
	how, err := r.signing(ctx)
	if err != nil || how == nil {
		return nil, err
	}
	var signature []byte
	if how.format == "ssh" {
		signature, err = how.ssh(ctx, r.anyDir(), payload)
	} else {
		key := how.key
		if key == "" {
			if key, err = r.who(ctx); err != nil {
				return nil, err
			}
		}
		signature, err = runProgram(ctx, r.anyDir(), payload, how.program, "--status-fd=2", "-bsau", key)
	}
	if err == nil && !bytes.HasPrefix(signature, []byte("-----BEGIN ")) {
		err = fmt.Errorf("%s gave no signature", how.program)
	}
	if err != nil {
		return nil, jitos.Hint(fmt.Errorf("sign: %w", err), "git signs commits here (commit.gpgsign, gpg.format %s), so jitos does; `git commit -S` should work first", how.format)
	}
	return signature, nil
}

// ssh signs by ssh-keygen, which reads and writes files.
func (how *signing) ssh(ctx context.Context, dir string, payload []byte) ([]byte, error) {
	tmp, err := os.MkdirTemp("", "jitos-sign-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	key := how.key
	if key == "" && how.choose != "" {
		out, err := runProgram(ctx, dir, nil, "sh", "-c", how.choose)
		if err != nil {
			return nil, err
		}
		line, _, _ := strings.Cut(string(out), "\n")
		key = strings.TrimSpace(line)
	}
	if key == "" {
		return nil, errors.New("there is no key: set user.signingKey")
	}
	args := []string{"-Y", "sign", "-n", "git"}
	literal, isLiteral := strings.CutPrefix(key, "key::")
	if isLiteral || strings.HasPrefix(key, "ssh-") { // a public key, whose private one an agent holds
		if key = filepath.Join(tmp, "key.pub"); !isLiteral {
			literal = how.key
		}
		if err := os.WriteFile(key, []byte(literal+"\n"), 0o600); err != nil {
			return nil, err
		}
		args = append(args, "-U")
	}
	file := filepath.Join(tmp, "commit")
	if err := os.WriteFile(file, payload, 0o600); err != nil {
		return nil, err
	}
	if _, err := runProgram(ctx, dir, nil, how.program, append(args, "-f", key, file)...); err != nil {
		return nil, err
	}
	signature, err := os.ReadFile(file + ".sig")
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s wrote no signature", how.program)
	}
	return signature, err
}

func runProgram(ctx context.Context, dir string, input []byte, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(input)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(said.String()))
	}
	return out.Bytes(), nil
}

// signTip signs the last commit of a chain. Its staged twin without a signature is left to be forgotten: what it leads to is
// among the roots instead.
func (s *Store) signTip(ctx context.Context, c *chain) error {
	was := c.tip.id
	raw, err := c.layer.typed(ctx, was, plumbing.CommitObject)
	if err != nil || signed(raw) {
		return err
	}
	with, err := s.signedBytes(ctx, raw)
	if err != nil || len(with) == len(raw) {
		return err
	}
	commit, err := decodeCommit(raw)
	if err != nil {
		return err
	}
	if c.tip.id, err = c.layer.putOwn(plumbing.CommitObject, with, was); err != nil {
		return err
	}
	c.roots = append(append(c.roots, commit.TreeHash), commit.ParentHashes...)
	if n := len(c.ids); n > 0 {
		c.ids[n-1] = commitID(c.tip.id)
	} else {
		c.ids = []jitos.CommitID{commitID(c.tip.id)}
	}
	return nil
}

// signedBytes are the bytes of a commit with a signature, as they were where the user does not sign.
func (s *Store) signedBytes(ctx context.Context, commit []byte) ([]byte, error) {
	signature, err := s.sign(ctx, commit)
	if err != nil || signature == nil {
		return commit, err
	}
	return withSignature(commit, signature), nil
}

// withSignature puts a signature behind the headers of a commit, as git does.
func withSignature(commit, signature []byte) []byte {
	end := bytes.Index(commit, []byte("\n\n")) + 1
	header := "gpgsig " + strings.ReplaceAll(strings.TrimRight(string(signature), "\n"), "\n", "\n ") + "\n"
	return append(append(append(make([]byte, 0, len(commit)+len(header)), commit[:end]...), header...), commit[end:]...)
}

// Signature is what git says of the signature of a commit, read off its bytes.
type Signature struct {
	Commit jitos.CommitID `json:"commit"`
	Good   bool           `json:"good"`
	Signer string         `json:"signer,omitempty"` // the principal, or the fingerprint of the key
	Why    string         `json:"why,omitempty"`    // not good
}

// signed tells whether a commit bears a signature.
func signed(raw []byte) bool {
	head, _, _ := bytes.Cut(raw, []byte("\n\n"))
	return bytes.Contains(head, []byte("\ngpgsig "))
}

// Signature checks the signature of a commit against the signers that are allowed here: those of <git dir>/jitos/signers, where
// there is that file, else those of gpg.ssh.allowedSignersFile. A line is one of ssh's allowed signers, or "gpg" and the fingerprint of
// a key. found is false where the commit bears none.
func (r *Repo) Signature(ctx context.Context, id jitos.CommitID) (s Signature, found bool, err error) {
	hash, err := parseID(id)
	if err != nil {
		return s, false, err
	}
	raw, err := r.Store.Objects.typed(ctx, hash, plumbing.CommitObject)
	if err != nil || !signed(raw) {
		return s, false, err
	}
	s.Commit = id
	own, err := os.ReadFile(r.local("signers"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, true, err
	}
	args := []string{"verify-commit", "--raw", string(id)}
	if err == nil {
		args = append([]string{"-c", "gpg.ssh.allowedSignersFile=" + r.local("signers")}, args...)
	}
	c := gitCommand{env: []string{"GIT_NO_REPLACE_OBJECTS=1"}, args: args}
	said, err := r.gitSaid(ctx, c)
	if ctx.Err() != nil {
		return s, true, ctx.Err()
	}
	s.judge(said, err == nil, own)
	return s, true, nil
}

var _ jitos.Notary = (*Repo)(nil)

// Signer implements jitos.Notary.
func (r *Repo) Signer(ctx context.Context, id jitos.CommitID) (string, error) {
	s, found, err := r.Signature(ctx, id)
	if err != nil || !found || !s.Good {
		return "", err
	}
	return s.Signer, nil
}

// judge reads what git said: lines of GnuPG's status, or a sentence of ssh-keygen's.
func (s *Signature) judge(said string, good bool, own []byte) {
	for line := range strings.Lines(said) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "[GNUPG:] VALIDSIG "); ok {
			keys := strings.Fields(rest)
			s.Signer = keys[len(keys)-1] // of the primary key
			if s.Good = good && allowsKey(own, s.Signer); !s.Good {
				s.Why = "key " + s.Signer + " is not among the allowed signers"
			}
			return
		}
		if rest, ok := strings.CutPrefix(line, `Good "git" signature for `); ok {
			s.Signer, _, _ = strings.Cut(rest, " with ")
			if s.Good = good; !good {
				s.Why = "git does not take it for good"
			}
			return
		}
		if strings.HasPrefix(line, `Good "git" signature with `) {
			s.Why = "its key is not among the allowed signers: " + strings.TrimPrefix(line, `Good "git" signature with `)
			return
		}
	}
	s.Why = "it is no good signature of these bytes"
	if strings.Contains(said, "allowedSignersFile") {
		s.Why = "there is no list of allowed signers"
	}
}

func allowsKey(own []byte, fingerprint string) bool {
	for line := range strings.Lines(string(own)) {
		if words := strings.Fields(line); len(words) >= 2 && words[0] == "gpg" && strings.EqualFold(words[1], fingerprint) {
			return true
		}
	}
	return false
}
