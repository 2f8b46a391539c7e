package warpgit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage"

	"github.com/jitos/jitos"
)

// Storer returns the repository as go-git sees one, so that go-git's tools and transports work on it: git.Open(r.Storer(), nil),
// and from there Log, Blame, Fetch, Push. Beside go-git's own storage of files it is safe beside git and other processes:
//
//   - Reading goes through the mapped indexes of this package; packs that appear later are seen.
//   - Objects are staged, and durable when a ref has moved; those of a fetched pack when its writer was closed. What was
//     written stays safe from a git gc until the Repo is closed, so a server opens the Repo for a request and closes it.
//   - Refs move under git's locks, by compare-and-swap, and are synced. A SetReference, which names no old value, sets
//     whatever is there; CheckAndSetReference gives storage.ErrReferenceHasChanged where another was faster.
//   - HEAD is that of the worktree which the Repo was opened in. No reflog is written.
//
// The extensions of git's that this package knows are not shown to go-git, which would refuse them.
func (r *Repo) Storer() storage.Storer { return &gogit{r} }

// gogit implements storage.Storer and storer.PackfileWriter. Its interfaces know no context.
type gogit struct{ repo *Repo }

var (
	_ storage.Storer        = (*gogit)(nil)
	_ storer.PackfileWriter = (*gogit)(nil)
)

func (g *gogit) objects() *Objects { return g.repo.Store.Objects }

func (g *gogit) NewEncodedObject() plumbing.EncodedObject { return &plumbing.MemoryObject{} }

func (g *gogit) SetEncodedObject(e plumbing.EncodedObject) (plumbing.Hash, error) {
	switch e.Type() {
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
	default:
		return plumbing.ZeroHash, plumbing.ErrInvalidType
	}
	data, err := readAll(e)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	return g.objects().put(e.Type(), data)
}

func readAll(e plumbing.EncodedObject) ([]byte, error) {
	r, err := e.Reader()
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	return data, errors.Join(err, r.Close())
}

func (g *gogit) EncodedObject(kind plumbing.ObjectType, id plumbing.Hash) (plumbing.EncodedObject, error) {
	raw, err := g.objects().get(id)
	if isNotFound(err) || err == nil && kind != plumbing.AnyObject && kind != raw.kind {
		return nil, plumbing.ErrObjectNotFound
	}
	if err != nil {
		return nil, err
	}
	return &storedObject{id, raw}, nil
}

func (g *gogit) HasEncodedObject(id plumbing.Hash) error {
	_, err := g.EncodedObject(plumbing.AnyObject, id)
	return err
}

func (g *gogit) EncodedObjectSize(id plumbing.Hash) (int64, error) {
	e, err := g.EncodedObject(plumbing.AnyObject, id)
	if err != nil {
		return 0, err
	}
	return e.Size(), nil
}

// IterEncodedObjects yields what is staged and what the repository and its alternates hold, each once.
func (g *gogit) IterEncodedObjects(kind plumbing.ObjectType) (storer.EncodedObjectIter, error) {
	ids, err := g.repo.allObjects()
	if err != nil {
		return nil, err
	}
	return &objectIter{g, kind, ids}, nil
}

// AddAlternate is for clones that borrow from another repository; the alternates count when the repository is opened again.
func (g *gogit) AddAlternate(dir string) error {
	file := filepath.Join(g.repo.packs.objects, "info", "alternates")
	text, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	line := filepath.Join(dir, "objects")
	if strings.ContainsRune(line, '\n') {
		return fmt.Errorf("alternate %q: %w", dir, jitos.ErrInvalid)
	}
	if slices.Contains(strings.Split(string(text), "\n"), line) {
		return nil
	}
	if err := g.repo.packs.perm.mkdirAll(filepath.Dir(file)); err != nil {
		return err
	}
	return g.repo.packs.perm.replace(file, append(text, line+"\n"...), 0o666)
}

// storedObject is an object that was read. It cannot be written to.
type storedObject struct {
	id  plumbing.Hash
	raw rawObject
}

func (e *storedObject) Hash() plumbing.Hash         { return e.id }
func (e *storedObject) Type() plumbing.ObjectType   { return e.raw.kind }
func (e *storedObject) SetType(plumbing.ObjectType) {}
func (e *storedObject) Size() int64                 { return int64(len(e.raw.data)) }
func (e *storedObject) SetSize(int64)               {}
func (e *storedObject) Reader() (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(e.raw.data)), nil
}
func (e *storedObject) Writer() (io.WriteCloser, error) {
	return nil, fmt.Errorf("object %s: %w: it is stored, and cannot be written to", e.id, jitos.ErrInvalid)
}

// objectIter reads objects one by one. One that a git gc has taken since they were listed is passed over.
type objectIter struct {
	from *gogit
	kind plumbing.ObjectType
	ids  []plumbing.Hash
}

func (i *objectIter) Next() (plumbing.EncodedObject, error) {
	for len(i.ids) > 0 {
		id := i.ids[0]
		i.ids = i.ids[1:]
		e, err := i.from.EncodedObject(i.kind, id)
		if !errors.Is(err, plumbing.ErrObjectNotFound) {
			return e, err
		}
	}
	return nil, io.EOF
}

func (i *objectIter) ForEach(f func(plumbing.EncodedObject) error) error {
	for {
		e, err := i.Next()
		if err == nil {
			err = f(e)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, storer.ErrStop) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (i *objectIter) Close() { i.ids = nil }

// allObjects lists every object that can be read, in order of the hashes.
func (r *Repo) allObjects() ([]plumbing.Hash, error) {
	all := r.Store.Objects.stagedIDs()
	for _, dir := range r.objects.dirs {
		packs, err := listed(filepath.Join(dir, "pack"), "", ".idx")
		if err != nil {
			return nil, err
		}
		for _, path := range packs {
			p, err := openPack(strings.TrimSuffix(path, ".idx"))
			if errors.Is(err, fs.ErrNotExist) {
				continue // joined, or packed by git, since
			}
			if err != nil {
				return nil, err
			}
			all = append(all, p.ids()...)
			p.close()
		}
		for i := range 256 {
			fan := fmt.Sprintf("%02x", i)
			loose, err := listed(filepath.Join(dir, fan), "", "")
			if err != nil {
				return nil, err
			}
			for _, path := range loose {
				if hex := fan + filepath.Base(path); plumbing.IsHash(hex) {
					all = append(all, plumbing.NewHash(hex))
				}
			}
		}
	}
	slices.SortFunc(all, func(a, b plumbing.Hash) int { return bytes.Compare(a[:], b[:]) })
	return slices.Compact(all), nil
}

// stagedIDs lists what is staged.
func (o *Objects) stagedIDs() []plumbing.Hash {
	o.mu.Lock()
	defer o.mu.Unlock()
	ids := make([]plumbing.Hash, 0, len(o.batch.list))
	for _, s := range o.batch.list {
		ids = append(ids, s.id)
	}
	return ids
}

// PackfileWriter takes a pack as a transport delivers it. git's index-pack checks it, in a quarantine; it is adopted, durable
// and held, when the writer is closed.
func (g *gogit) PackfileWriter() (io.WriteCloser, error) {
	q, err := g.repo.newQuarantine()
	if err != nil {
		return nil, err
	}
	w := &packReceiver{repo: g.repo, q: q}
	w.cmd = exec.Command("git", append(slices.Clone(fixed), "index-pack", "--stdin", "--fix-thin")...)
	w.cmd.Dir = g.repo.Common
	w.cmd.Env = gitEnv(append(q.env(), "GIT_DIR="+g.repo.Common)...)
	w.cmd.Stderr = &w.said
	if w.in, err = w.cmd.StdinPipe(); err == nil {
		err = w.cmd.Start()
	}
	if err != nil {
		q.remove()
		return nil, fmt.Errorf("receive pack: %w", err)
	}
	return w, nil
}

type packReceiver struct {
	repo *Repo
	q    *quarantine
	cmd  *exec.Cmd
	in   io.WriteCloser
	said bytes.Buffer
	any  bool
}

func (w *packReceiver) Write(data []byte) (int, error) {
	w.any = w.any || len(data) > 0
	return w.in.Write(data)
}

func (w *packReceiver) Close() error {
	defer w.q.remove()
	err := errors.Join(w.in.Close(), w.cmd.Wait())
	if !w.any {
		return nil // go-git itself says that the pack is empty
	}
	if err != nil {
		return fmt.Errorf("receive pack: %w: %s", err, strings.TrimSpace(w.said.String()))
	}
	held, err := w.repo.packs.adopt(w.q.path("objects/pack"))
	if err != nil {
		return fmt.Errorf("receive pack: %w", err)
	}
	w.repo.Store.Objects.hold(held)
	return nil
}

// hold keeps packs that are under a .keep from a git gc until the repository is closed.
func (o *Objects) hold(packs []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, path := range packs {
		h := &heldPack{writer: o.packs, path: path}
		h.users.Store(1)
		o.spilled = append(o.spilled, h)
	}
}

// publishHash moves a ref as Append does: what is staged first becomes durable. A ref never names what is not there.
func (g *gogit) publishHash(name string, old, new plumbing.Hash) error {
	if err := g.HasEncodedObject(new); err != nil {
		return fmt.Errorf("ref %s to %s: %w", name, new, err)
	}
	return g.repo.Store.publish(context.Background(), name, old, new, nil, new)
}
