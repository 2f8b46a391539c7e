package warpgit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// ofWorktree tells whether a ref belongs to one worktree alone: HEAD and its like, and what gitrepository-layout(5) names.
func ofWorktree(name string) bool {
	for _, prefix := range []string{"refs/bisect/", "refs/worktree/", "refs/rewritten/"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-") == ""
}

// Ref reads a ref without following it: its hash, or the name that a symbolic one has for its target. The error Is
// jitos.ErrNotFound where there is none.
func (w Raw) Ref(name string) (plumbing.Hash, string, error) {
	if !ofWorktree(name) {
		return w.repo.refs.one(name)
	}
	text, err := os.ReadFile(filepath.Join(w.repo.GitDir, filepath.FromSlash(name)))
	if errors.Is(err, fs.ErrNotExist) || notDir(err) {
		return plumbing.ZeroHash, "", fmt.Errorf("ref %s: %w", name, jitos.ErrNotFound)
	}
	if err != nil {
		return plumbing.ZeroHash, "", err
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if name == "FETCH_HEAD" { // hash, tab, what it is for
		line, _, _ = bytes.Cut(line, []byte("\t"))
	}
	return parseRef(name, line)
}

// RawRef is a ref: a hash, or the name of another one.
type RawRef struct {
	Name   string
	ID     plumbing.Hash
	Target string
}

// Refs lists HEAD and all refs that the worktrees share.
func (w Raw) Refs() ([]RawRef, error) {
	packed, err := w.repo.refs.packed()
	if err != nil {
		return nil, err
	}
	list, err := w.repo.refs.list("refs/")
	if err != nil {
		return nil, err
	}
	var all []RawRef
	if id, target, err := w.Ref("HEAD"); err == nil {
		all = append(all, RawRef{"HEAD", id, target})
	}
	for _, ref := range list {
		if ofWorktree(ref.name) {
			continue
		}
		found := RawRef{Name: ref.name, ID: ref.id}
		if packed[ref.name] != ref.id { // loose, so it may be symbolic
			found.ID, found.Target, err = w.Ref(ref.name)
			if isNotFound(err) || errors.Is(err, jitos.ErrInvalid) {
				continue
			}
			if err != nil {
				return nil, err
			}
		}
		all = append(all, found)
	}
	return all, nil
}

// LinkRef makes a ref one that follows another. git moves it.
func (w Raw) LinkRef(name, target string) error {
	if checkRef(target) != nil {
		return fmt.Errorf("ref %s to %s: %w", name, target, jitos.ErrInvalid)
	}
	_, err := w.repo.Git(context.Background(), "symbolic-ref", name, target)
	return err
}

// MoveRef moves a ref from what it was read as to an object. What is staged becomes durable first, so a ref never names what is
// not there. The error Is jitos.ErrStale where it has moved since. Symbolic refs, and those of a worktree, are moved by git.
func (w Raw) MoveRef(was RawRef, id plumbing.Hash) error {
	ctx := context.Background()
	if _, _, err := w.Object(id); err != nil {
		return fmt.Errorf("ref %s to %s: %w", was.Name, id, err)
	}
	if was.Target == "" && !ofWorktree(was.Name) {
		return w.repo.Store.publish(ctx, was.Name, was.ID, id, nil, id)
	}
	f, err := w.objects().flush(ctx, nil, id)
	if err != nil {
		return err
	}
	args := []string{"update-ref", "--no-deref", was.Name, id.String()}
	if was.Target == "" {
		args = append(args, was.ID.String())
	}
	_, err = w.repo.Git(ctx, args...)
	if said(err, "but expected") || said(err, "reference already exists") {
		err = fmt.Errorf("%w: %w", jitos.ErrStale, err)
	}
	return errors.Join(err, w.objects().settle(f, err == nil))
}

// DropRef removes a ref that was read. The error Is jitos.ErrStale where it has moved since.
func (w Raw) DropRef(was RawRef) error {
	if was.Target != "" || ofWorktree(was.Name) {
		_, err := w.repo.Git(context.Background(), "update-ref", "--no-deref", "-d", was.Name)
		return err
	}
	return w.repo.refs.move(context.Background(), was.Name, was.ID, plumbing.ZeroHash)
}

// Shallow lists the commits behind which the history is cut off.
func (w Raw) Shallow() ([]plumbing.Hash, error) { return w.repo.shallow() }

// Module opens the repository of a submodule that git has fetched; it is closed with this one.
func (w Raw) Module(name string) (*Repo, error) {
	if !filepath.IsLocal(name) {
		return nil, fmt.Errorf("submodule %q: %w", name, jitos.ErrInvalid)
	}
	r := w.repo
	dir := filepath.Join(r.Common, "modules", name)
	if !exists(filepath.Join(dir, "HEAD")) {
		return nil, jitos.Hint(fmt.Errorf("submodule %s: %w: it was not fetched", name, jitos.ErrNotFound), "git submodule update --init fetches it")
	}
	inner := &Repo{GitDir: dir, Common: dir}
	if err := inner.open(); err != nil {
		return nil, fmt.Errorf("submodule %s: %w", name, err)
	}
	r.modules.Lock()
	r.opened = append(r.opened, inner)
	r.modules.Unlock()
	return inner, nil
}

// Replace changes a file of git's under git's own lock, durably: the index, config, shallow. An empty file goes.
func (w Raw) Replace(path string, change func(old []byte) ([]byte, error)) error {
	r := w.repo
	if err := r.packs.start(); err != nil {
		return err
	}
	ctx := context.Background()
	own, err := waitLock(ctx, r.packs.perm, r.local("refs.lock"), patience)
	if err != nil {
		return err
	}
	defer own.Close()
	lock, err := r.refs.link(ctx, path+".lock", nil)
	if err != nil {
		return err
	}
	defer lock.drop()
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	data, err := change(old)
	if err != nil {
		return err
	}
	if len(data) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return lock.release()
	}
	f, err := os.OpenFile(lock.path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(lock.path, path); err != nil {
		return err
	}
	lock.path = ""
	return syncDir(filepath.Dir(path))
}
