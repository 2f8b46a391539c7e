package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// stream prints the last commits of the system line as what git fast-import needs to make the same ones, object for object:
// the files that each sets, their contents and its message. Nodes must stand where they stood before the first of them.
func stream(w *work, args []int) error {
	head, err := w.store.Head(w.ctx, jitos.SystemRef)
	if err != nil {
		return err
	}
	line := make([]jitos.Commit, 0, args[0]+1)
	for c, err := range w.store.Log(w.ctx, head) {
		if err != nil {
			return err
		}
		if line = append(line, c); len(line) > args[0] {
			break
		}
	}
	base := line[len(line)-1]
	paths, err := w.nodePaths(base.ID)
	if err != nil {
		return err
	}
	fmt.Fprintf(w.out, "reset %s\nfrom %s\n\n", systemBranch, base.ID)
	for i := len(line) - 2; i >= 0; i-- {
		if err := w.streamCommit(line[i], paths); err != nil {
			return err
		}
		if done := len(line) - 1 - i; args[1] > 0 && done%args[1] == 0 {
			fmt.Fprint(w.out, "checkpoint\n\n")
		}
	}
	fmt.Fprint(w.out, "done\n")
	return nil
}

func (w *work) streamCommit(c jitos.Commit, paths map[string]string) error {
	commit, err := w.store.Objects.Commit(w.ctx, plumbing.NewHash(string(c.ID)))
	if err != nil {
		return err
	}
	who := func(role string, s object.Signature) {
		fmt.Fprintf(w.out, "%s %s <%s> %d %s\n", role, s.Name, s.Email, s.When.Unix(), s.When.Format("-0700"))
	}
	fmt.Fprintf(w.out, "commit %s\n", systemBranch)
	who("author", commit.Author)
	who("committer", commit.Committer)
	fmt.Fprintf(w.out, "data %d\n%s\n", len(commit.Message), commit.Message)
	for item, blob := range c.Record.Set {
		p, ok := paths[string(item)]
		if !ok {
			return fmt.Errorf("%s is in no tree before", item)
		}
		if err := w.streamFile(p, plumbing.NewHash(string(blob))); err != nil {
			return err
		}
	}
	root, err := w.store.Objects.Tree(w.ctx, commit.TreeHash)
	if err != nil {
		return err
	}
	fabric, err := w.store.Objects.Tree(w.ctx, entry(root, ".jitos"))
	if err != nil {
		return err
	}
	return w.streamFile(".jitos/rewrite.json", entry(fabric, "rewrite.json"))
}

func (w *work) streamFile(p string, blob plumbing.Hash) error {
	data, err := w.store.Objects.Blob(w.ctx, blob)
	if err == nil {
		_, err = fmt.Fprintf(w.out, "M 100644 inline %s\ndata %d\n%s\n", p, len(data), data)
	}
	return err
}

func entry(tree []object.TreeEntry, name string) plumbing.Hash {
	for _, e := range tree {
		if e.Name == name {
			return e.Hash
		}
	}
	return plumbing.ZeroHash
}

// nodePaths asks git where each node stands in a commit.
func (w *work) nodePaths(id jitos.CommitID) (map[string]string, error) {
	cmd := exec.Command("git", "ls-tree", "-r", "--name-only", string(id), ".jitos/nodes/"+kind+"/")
	cmd.Dir = w.repo.Worktree
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git ls-tree: %w", err)
	}
	paths := map[string]string{}
	for p := range bytes.Lines(out) {
		p := strings.TrimSpace(string(p))
		paths[kind+"/"+strings.TrimSuffix(path.Base(p), ".json")] = p
	}
	return paths, nil
}
