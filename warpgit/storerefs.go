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

	gitconfig "github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	formatcfg "github.com/go-git/go-git/v5/plumbing/format/config"
	"github.com/go-git/go-git/v5/plumbing/format/index"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage"

	"github.com/jitos/jitos"
)

// What a go-git storer does with refs, and with the files beside them.

// ofWorktree tells whether a ref belongs to one worktree alone: HEAD and its like, and what gitrepository-layout(5) names.
func ofWorktree(name string) bool {
	for _, prefix := range []string{"refs/bisect/", "refs/worktree/", "refs/rewritten/"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return name != "" && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_-") == ""
}

// Reference reads a ref without following it.
func (g *gogit) Reference(name plumbing.ReferenceName) (*plumbing.Reference, error) {
	id, target, err := g.one(string(name))
	switch {
	case isNotFound(err), errors.Is(err, jitos.ErrInvalid):
		return nil, plumbing.ErrReferenceNotFound // go-git tries names out
	case err != nil:
		return nil, err
	case target != "":
		return plumbing.NewSymbolicReference(name, plumbing.ReferenceName(target)), nil
	}
	return plumbing.NewHashReference(name, id), nil
}

func (g *gogit) one(name string) (plumbing.Hash, string, error) {
	if !ofWorktree(name) {
		return g.repo.refs.one(name)
	}
	text, err := os.ReadFile(filepath.Join(g.repo.GitDir, filepath.FromSlash(name)))
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

// IterReferences yields HEAD and all refs that the worktrees share.
func (g *gogit) IterReferences() (storer.ReferenceIter, error) {
	packed, err := g.repo.refs.packed()
	if err != nil {
		return nil, err
	}
	list, err := g.repo.refs.list("refs/")
	if err != nil {
		return nil, err
	}
	var all []*plumbing.Reference
	if head, err := g.Reference(plumbing.HEAD); err == nil {
		all = append(all, head)
	}
	for _, ref := range list {
		if ofWorktree(ref.name) {
			continue
		}
		found := plumbing.NewHashReference(plumbing.ReferenceName(ref.name), ref.id)
		if packed[ref.name] != ref.id { // loose, so it may be symbolic
			if found, err = g.Reference(plumbing.ReferenceName(ref.name)); errors.Is(err, plumbing.ErrReferenceNotFound) {
				continue
			} else if err != nil {
				return nil, err
			}
		}
		all = append(all, found)
	}
	return storer.NewReferenceSliceIter(all), nil
}

// SetReference sets a ref whatever it is at.
func (g *gogit) SetReference(ref *plumbing.Reference) error {
	if ref == nil {
		return nil
	}
	name := string(ref.Name())
	for try := 0; ; try++ {
		old, target, err := g.one(name)
		if err != nil && !isNotFound(err) {
			return err
		}
		err = g.set(ref, old, target)
		if !errors.Is(err, jitos.ErrStale) || try == 20 {
			return err
		}
	}
}

// CheckAndSetReference sets a ref that stands at old; without old it is SetReference.
func (g *gogit) CheckAndSetReference(ref, old *plumbing.Reference) error {
	if ref == nil || old == nil {
		return g.SetReference(ref)
	}
	id, target, err := g.one(string(old.Name()))
	if err != nil && !isNotFound(err) {
		return err
	}
	if id != old.Hash() || target != string(old.Target()) || old.Name() != ref.Name() {
		return storage.ErrReferenceHasChanged
	}
	err = g.set(ref, id, target)
	if errors.Is(err, jitos.ErrStale) {
		return storage.ErrReferenceHasChanged
	}
	return err
}

// set moves a ref from what it was read as. Symbolic refs, and those of a worktree, are moved by git.
func (g *gogit) set(ref *plumbing.Reference, old plumbing.Hash, target string) error {
	ctx, name := context.Background(), string(ref.Name())
	if ref.Type() == plumbing.SymbolicReference {
		if checkRef(string(ref.Target())) != nil {
			return fmt.Errorf("ref %s to %s: %w", name, ref.Target(), jitos.ErrInvalid)
		}
		_, err := g.repo.Git(ctx, "symbolic-ref", name, string(ref.Target()))
		return err
	}
	if target == "" && !ofWorktree(name) {
		return g.publishHash(name, old, ref.Hash())
	}
	if err := g.HasEncodedObject(ref.Hash()); err != nil {
		return fmt.Errorf("ref %s to %s: %w", name, ref.Hash(), err)
	}
	f, err := g.objects().flush(ctx, nil, ref.Hash())
	if err != nil {
		return err
	}
	args := []string{"update-ref", "--no-deref", name, ref.Hash().String()}
	if target == "" {
		args = append(args, old.String())
	}
	_, err = g.repo.Git(ctx, args...)
	if said(err, "but expected") || said(err, "reference already exists") {
		err = fmt.Errorf("%w: %w", jitos.ErrStale, err)
	}
	return errors.Join(err, g.objects().settle(f, err == nil))
}

// RemoveReference removes a ref whatever it is at. One that is not there is no error.
func (g *gogit) RemoveReference(name plumbing.ReferenceName) error {
	for try := 0; ; try++ {
		old, target, err := g.one(string(name))
		if isNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if target != "" || ofWorktree(string(name)) {
			_, err = g.repo.Git(context.Background(), "update-ref", "--no-deref", "-d", string(name))
			return err
		}
		err = g.repo.refs.move(context.Background(), string(name), old, plumbing.ZeroHash)
		if !errors.Is(err, jitos.ErrStale) || try == 20 {
			return err
		}
	}
}

func (g *gogit) CountLooseRefs() (int, error) {
	n := 0
	err := filepath.WalkDir(filepath.Join(g.repo.Common, "refs"), func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !strings.HasSuffix(path, ".lock") {
			n++
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return n, err
}

func (g *gogit) PackRefs() error {
	_, err := g.repo.Git(context.Background(), "pack-refs", "--all")
	return err
}

// Config reads the repository's own configuration. go-git refuses extensions that it does not know, and those that this
// package knows are its own business, so they are left out.
func (g *gogit) Config() (*gitconfig.Config, error) {
	data, err := os.ReadFile(filepath.Join(g.repo.Common, "config"))
	if err != nil {
		return nil, err
	}
	cfg, err := gitconfig.ReadConfig(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	cfg.Raw.RemoveSection("extensions")
	return cfg, nil
}

// SetConfig writes the configuration. Its extensions stay as they are.
func (g *gogit) SetConfig(cfg *gitconfig.Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	return g.repo.rewrite(filepath.Join(g.repo.Common, "config"), func(old []byte) ([]byte, error) {
		was := formatcfg.New()
		if err := formatcfg.NewDecoder(bytes.NewReader(old)).Decode(was); err != nil {
			return nil, err
		}
		if _, err := cfg.Marshal(); err != nil { // brings cfg.Raw up to date
			return nil, err
		}
		raw := formatcfg.New()
		for _, s := range cfg.Raw.Sections {
			if !s.IsName("extensions") {
				raw.Sections = append(raw.Sections, s)
			}
		}
		if was.HasSection("extensions") {
			raw.Sections = append(raw.Sections, was.Section("extensions"))
		}
		var out bytes.Buffer
		err := formatcfg.NewEncoder(&out).Encode(raw)
		return out.Bytes(), err
	})
}

// Index reads the index of the worktree; without one it is empty.
func (g *gogit) Index() (*index.Index, error) {
	idx := &index.Index{Version: 2}
	f, err := os.Open(filepath.Join(g.repo.GitDir, "index"))
	if errors.Is(err, fs.ErrNotExist) {
		return idx, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return idx, index.NewDecoder(f).Decode(idx)
}

func (g *gogit) SetIndex(idx *index.Index) error {
	return g.repo.rewrite(filepath.Join(g.repo.GitDir, "index"), func([]byte) ([]byte, error) {
		var out bytes.Buffer
		err := index.NewEncoder(&out).Encode(idx)
		return out.Bytes(), err
	})
}

func (g *gogit) Shallow() ([]plumbing.Hash, error) { return g.repo.shallow() }

func (g *gogit) SetShallow(ids []plumbing.Hash) error {
	return g.repo.rewrite(filepath.Join(g.repo.Common, "shallow"), func([]byte) ([]byte, error) {
		var out bytes.Buffer
		for _, id := range ids {
			fmt.Fprintln(&out, id)
		}
		return out.Bytes(), nil
	})
}

// Module opens the repository of a submodule that git has fetched; it is closed with this one.
func (g *gogit) Module(name string) (storage.Storer, error) {
	if !filepath.IsLocal(name) {
		return nil, fmt.Errorf("submodule %q: %w", name, jitos.ErrInvalid)
	}
	dir := filepath.Join(g.repo.Common, "modules", name)
	if !exists(filepath.Join(dir, "HEAD")) {
		return nil, jitos.Hint(fmt.Errorf("submodule %s: %w: it was not fetched", name, jitos.ErrNotFound), "git submodule update --init fetches it")
	}
	inner := &Repo{GitDir: dir, Common: dir}
	if err := inner.open(); err != nil {
		return nil, fmt.Errorf("submodule %s: %w", name, err)
	}
	g.repo.modules.Lock()
	g.repo.opened = append(g.repo.opened, inner)
	g.repo.modules.Unlock()
	return inner.Storer(), nil
}

// rewrite changes a file of git's under git's own lock, durably. An empty file goes.
func (r *Repo) rewrite(path string, change func(old []byte) ([]byte, error)) error {
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
		return syncDir(filepath.Dir(path))
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
