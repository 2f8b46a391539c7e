package warpgit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/jitos/jitos"
)

// Outgoing is a piece of what a push would send: a file that a commit brings in, or the commit itself.
type Outgoing struct {
	Commit  jitos.CommitID
	Path    string    // "" for the commit: its message, author and committer
	Content io.Reader // to be read before the next piece comes
}

// Outgoing yields what a push of refs would send to a remote, each blob once: the commits that the remote is not known to have, by
// what was fetched from it, and what they have that none of their parents has. Where nothing is known the remote is
// asked. It ends with the first error of yield.
func (r *Repo) Outgoing(ctx context.Context, remote string, refs []string, yield func(Outgoing) error) error {
	err := r.outgoing(ctx, remote, refs, yield)
	if err != nil {
		return fmt.Errorf("what a push to %s sends: %w", remote, err)
	}
	return nil
}

func (r *Repo) outgoing(ctx context.Context, remote string, refs []string, yield func(Outgoing) error) error {
	var ask bytes.Buffer
	for _, ref := range refs {
		id, err := r.refs.read(ref)
		if err != nil {
			return err
		}
		fmt.Fprintln(&ask, id)
	}
	known, err := r.knownThere(ctx, remote)
	if err != nil {
		return err
	}
	for _, id := range known {
		fmt.Fprintln(&ask, "^"+id)
	}
	commits, err := r.git(ctx, gitCommand{args: []string{"rev-list", "--ignore-missing", "--stdin"}, input: ask.Bytes(), plain: true})
	if err != nil {
		return err
	}
	raw, err := r.git(ctx, gitCommand{args: []string{"diff-tree", "--stdin", "-r", "-c", "--root", "--no-renames", "--raw", "-z", "--no-abbrev"}, input: commits, plain: true})
	if err != nil {
		return err
	}
	pieces, err := broughtIn(raw)
	if err != nil {
		return err
	}
	for _, id := range strings.Fields(string(commits)) {
		pieces = append(pieces, piece{object: id, commit: id})
	}
	return r.contents(ctx, pieces, yield)
}

// knownThere lists commits that a remote had when it was last seen, or has now.
func (r *Repo) knownThere(ctx context.Context, remote string) ([]string, error) {
	remembered, err := r.Remembered(remote)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, ref := range remembered {
		ids = append(ids, string(ref.New))
	}
	names, err := r.git(ctx, gitCommand{args: []string{"remote"}})
	if err != nil {
		return nil, err
	}
	if slices.Contains(strings.Fields(string(names)), remote) {
		tracked, err := r.git(ctx, gitCommand{args: []string{"for-each-ref", "--format=%(objectname)", "refs/remotes/" + remote + "/"}})
		if err != nil {
			return nil, err
		}
		ids = append(ids, strings.Fields(string(tracked))...)
	}
	if len(ids) > 0 {
		return ids, nil
	}
	there, err := r.git(ctx, gitCommand{args: []string{"ls-remote", "-q", "--", remote}})
	if err != nil {
		return nil, remoteError(err)
	}
	for line := range strings.Lines(string(there)) {
		if id, _, ok := strings.Cut(line, "\t"); ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// piece is an object to look at, with the commit that brought it in, and its path there; "" for the commit.
type piece struct{ object, commit, path string }

// broughtIn reads what diff-tree says, each blob once.
func broughtIn(raw []byte) ([]piece, error) {
	var list []piece
	seen := map[string]bool{}
	commit := ""
	fields := strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00")
	for i := 0; i < len(fields); i++ {
		head := fields[i]
		parents := len(head) - len(strings.TrimLeft(head, ":"))
		if parents == 0 {
			commit = head
			continue
		}
		// :MODE… MODE OLD… NEW STATUS, of each parent one mode and object
		words := strings.Fields(head[parents:])
		if i++; len(words) != 2*parents+3 || i == len(fields) {
			return nil, fmt.Errorf("diff-tree said %q", head)
		}
		mode, object := words[parents], words[2*parents+1]
		if mode == "000000" || mode == "160000" || seen[object] { // gone; a commit of another repository
			continue
		}
		seen[object] = true
		list = append(list, piece{object, commit, fields[i]})
	}
	return list, nil
}

// contents yields the contents of objects, by one git that streams them.
func (r *Repo) contents(ctx context.Context, pieces []piece, yield func(Outgoing) error) (err error) {
	if len(pieces) == 0 {
		return nil
	}
	var ask bytes.Buffer
	for _, p := range pieces {
		fmt.Fprintln(&ask, p.object)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, "git", append(slices.Clone(fixed), "cat-file", "--batch")...)
	cmd.Dir, cmd.Stdin = r.anyDir(), &ask
	cmd.Env = append(gitEnv("GIT_DIR="+r.GitDir), bare...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		cancel()
		_ = cmd.Wait() // it was told to end, unless it had
	}()
	in := bufio.NewReaderSize(out, 64<<10)
	for _, p := range pieces {
		head, err := in.ReadString('\n')
		if err != nil {
			return fmt.Errorf("object %s: %w", p.object, errors.Join(err, ctx.Err()))
		}
		words := strings.Fields(head) // OBJECT TYPE SIZE
		if len(words) != 3 {
			return fmt.Errorf("object %s: %w: %s", p.object, jitos.ErrCorrupt, strings.TrimSpace(head))
		}
		size, err := strconv.ParseInt(words[2], 10, 64)
		if err != nil {
			return fmt.Errorf("object %s: %w", p.object, err)
		}
		content := io.LimitReader(in, size)
		if err := yield(Outgoing{jitos.CommitID(p.commit), p.path, content}); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			return fmt.Errorf("object %s: %w", p.object, err)
		}
		if _, err := in.Discard(1); err != nil { // the newline after it
			return fmt.Errorf("object %s: %w", p.object, err)
		}
	}
	return nil
}
