package warpgit

import (
	"bytes"
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

	"github.com/jitos/jitos"
)

// Raw is the repository below the fabric: objects by their bytes and refs by their hashes, any of git's. Package gogit makes of it
// what go-git's tools and transports work on. Beside git and other processes it is safe:
//
//   - Reading goes through the mapped indexes of this package; packs that appear later are seen.
//   - Objects are staged, and durable when a ref has moved; those of a received pack when its writer was closed. What was
//     written stays safe from a git gc until the Repo is closed, so a server opens the Repo for a request and closes it.
//   - Refs move under git's locks, by compare-and-swap, and are synced.
//   - HEAD is that of the worktree which the Repo was opened in. No reflog is written.
type Raw struct{ repo *Repo }

// Raw returns the repository below the fabric. It lives as long as the Repo.
func (r *Repo) Raw() Raw { return Raw{r} }

func (w Raw) objects() *Objects { return w.repo.Store.Objects }

// Object returns an object, whose bytes must not be changed. The error Is plumbing.ErrObjectNotFound where there is none.
func (w Raw) Object(id plumbing.Hash) (plumbing.ObjectType, []byte, error) {
	raw, err := w.objects().get(id)
	if isNotFound(err) {
		err = plumbing.ErrObjectNotFound
	}
	return raw.kind, raw.data, err
}

// Put stages an object. The store keeps the bytes.
func (w Raw) Put(kind plumbing.ObjectType, data []byte) (plumbing.Hash, error) {
	switch kind {
	case plumbing.CommitObject, plumbing.TreeObject, plumbing.BlobObject, plumbing.TagObject:
		return w.objects().put(kind, data)
	}
	return plumbing.ZeroHash, plumbing.ErrInvalidType
}

// AddAlternate has the repository borrow from another one, whose git directory is given; it counts when it is opened again.
func (w Raw) AddAlternate(dir string) error {
	packs := w.repo.packs
	file := filepath.Join(packs.objects, "info", "alternates")
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
	if err := packs.perm.mkdirAll(filepath.Dir(file)); err != nil {
		return err
	}
	return packs.perm.replace(file, append(text, line+"\n"...), 0o666)
}

// All lists every object that is staged or that the repository and its alternates hold, in order of the hashes.
func (w Raw) All() ([]plumbing.Hash, error) {
	all := w.objects().stagedIDs()
	for _, dir := range w.repo.objects.dirs {
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

// Receive takes a pack as a transport delivers it. git's index-pack checks it, in a quarantine; it is adopted, durable and held,
// when the writer is closed.
func (w Raw) Receive() (io.WriteCloser, error) {
	q, err := w.repo.newQuarantine()
	if err != nil {
		return nil, err
	}
	p := &packReceiver{repo: w.repo, q: q}
	p.cmd = exec.Command("git", append(slices.Clone(fixed), "index-pack", "--stdin", "--fix-thin")...)
	p.cmd.Dir = w.repo.Common
	p.cmd.Env = append(gitEnv(append(q.env(), "GIT_DIR="+w.repo.Common)...), bare...)
	p.cmd.Stderr = &p.said
	if p.in, err = p.cmd.StdinPipe(); err == nil {
		err = p.cmd.Start()
	}
	if err != nil {
		q.remove()
		return nil, fmt.Errorf("receive pack: %w", err)
	}
	return p, nil
}

type packReceiver struct {
	repo *Repo
	q    *quarantine
	cmd  *exec.Cmd
	in   io.WriteCloser
	said bytes.Buffer
	any  bool
}

func (p *packReceiver) Write(data []byte) (int, error) {
	p.any = p.any || len(data) > 0
	return p.in.Write(data)
}

func (p *packReceiver) Close() error {
	defer p.q.remove()
	err := errors.Join(p.in.Close(), p.cmd.Wait())
	if !p.any {
		return nil // nothing came
	}
	if err != nil {
		return fmt.Errorf("receive pack: %w: %s", err, strings.TrimSpace(p.said.String()))
	}
	held, err := p.repo.packs.adopt(p.q.path("objects/pack"))
	if err != nil {
		return fmt.Errorf("receive pack: %w", err)
	}
	p.repo.Store.Objects.hold(held)
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
