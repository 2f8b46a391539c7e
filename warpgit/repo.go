package warpgit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// Repo is a user's repository: its directories, its Store, and what jitos may do to the user's side of it.
type Repo struct {
	GitDir   string // of this worktree
	Common   string // shared by all worktrees: objects, refs, jitos/
	Worktree string // root of the working tree, "" in a bare repository
	Store    *Store

	Background Background // nil: Tidy does the work itself

	objects   *objectDirs
	packs     *packWriter
	refs      *diskRefs
	tending   maintenance
	precious  bool // extensions.preciousObjects: nothing may delete a pack
	packLimit int  // gc.autoPackLimit
	modes     bool // core.fileMode: the executable bit on the disk means something

	modules sync.Mutex
	opened  []*Repo // submodules, see Raw.Module

	witness witness

	identity sync.Mutex // guards what follows
	ident    string     // see who
	config   struct {   // see plainConfig
		read, ok bool
		all      config
	}
	signs struct { // see signing
		read bool
		how  *signing
	}
}

// Open finds the repository that dir is in, as git does (GIT_DIR counts), and takes away what a killed jitos left there. A
// repository that cannot be read rightly is refused with an error that Is jitos.ErrInvalid and names the reason; outside
// every repository the error Is jitos.ErrNotFound. Nothing is created before the first write.
func Open(dir string) (*Repo, error) {
	r, err := locate(context.Background(), dir)
	if err != nil {
		return nil, err
	}
	if err := r.open(); err != nil {
		return nil, fmt.Errorf("open %s: %w", r.Common, err)
	}
	return r, nil
}

func (r *Repo) open() error {
	shared, err := r.checkConfig()
	if err != nil {
		return err
	}
	now, err := clock(os.Getenv("JITOS_NOW"))
	if err != nil {
		return err
	}
	if r.objects, err = openObjectDirs(filepath.Join(r.Common, "objects")); err != nil {
		return err
	}
	r.packs = &packWriter{objects: filepath.Join(r.Common, "objects"), own: filepath.Join(r.Common, "jitos"), perm: shared}
	if err := r.packs.sweep(); err != nil {
		return err
	}
	r.packs.admit = r.admit
	r.refs = &diskRefs{common: r.Common, packs: r.packs, perm: shared}
	r.Store = newStore(newObjects(r.objects, r.packs), r.refs, r.who)
	r.Store.now = now
	r.Store.sign = r.sign
	r.Store.index.dir, r.Store.index.perm, r.Store.index.clone = r.local("index"), shared, sync.OnceValue(r.Clone)
	r.Store.shallow = r.shallow
	r.Store.graph = func() (*graphFile, error) { return openGraphFile(r.packs.objects) }
	return nil
}

// Close lets go of what was staged and not appended, and of all files. The repository must not be used afterwards.
func (r *Repo) Close() error {
	r.Store.index.close(context.Background())
	err := errors.Join(r.Store.Objects.close(), r.objects.Close())
	for _, inner := range r.opened {
		err = errors.Join(err, inner.Close())
	}
	return err
}

// shallow lists the commits behind which the history is cut off.
func (r *Repo) shallow() ([]plumbing.Hash, error) {
	text, err := os.ReadFile(filepath.Join(r.Common, "shallow"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read shallow: %w", err)
	}
	return parseShallow(text)
}

// parseShallow reads a hash a line.
func parseShallow(text []byte) ([]plumbing.Hash, error) {
	var ids []plumbing.Hash
	for line := range strings.Lines(string(text)) {
		hex := strings.TrimSpace(line)
		if !plumbing.IsHash(hex) || len(hex) != 40 {
			return nil, fmt.Errorf("shallow: %w: the line %.50q", jitos.ErrCorrupt, hex)
		}
		ids = append(ids, plumbing.NewHash(hex))
	}
	return ids, nil
}
