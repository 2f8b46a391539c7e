package warpgit

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// packWriter puts packs where git reads them, so that neither a kill nor a git gc beside it can harm:
//
//	write and fsync pack and index in <common>/jitos/tmp, which git never tidies
//	create pack-X.keep, which names the lock of this process, so that gc leaves the pack alone
//	rename pack-X.pack and then pack-X.idx to objects/pack, fsync that directory
//
// The caller moves the ref and then lets the .keep go. A process that was killed leaves files that sweep takes away.
type packWriter struct {
	objects string // the object directory
	own     string // <common>/jitos
	perm    perm
	mu      sync.Mutex   // guards alive
	alive   *alive       // nil until the first pack
	locks   atomic.Int64 // numbers the lock files, see reflock.go
}

// keepMark is the first word of our .keep files; the name of the writer's lock follows.
const keepMark = "jitos"

func (p *packWriter) packDir() string { return filepath.Join(p.objects, "pack") }
func (p *packWriter) tmpDir() string  { return filepath.Join(p.own, "tmp") }

// start makes the directories and the lock that tells other processes that our files are in use.
func (p *packWriter) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alive != nil {
		return nil
	}
	for _, dir := range []string{p.own, p.tmpDir(), p.packDir()} {
		if err := p.perm.mkdirAll(dir); err != nil {
			return err
		}
	}
	a, err := newAlive(p.perm, p.tmpDir())
	if err != nil {
		return err
	}
	p.alive = a
	return nil
}

// write makes the objects durable in one pack and returns its path without extension. It is held by a .keep.
func (p *packWriter) write(objects map[plumbing.Hash]rawObject) (string, error) {
	if err := p.start(); err != nil {
		return "", fmt.Errorf("write pack: %w", err)
	}
	tmp := filepath.Join(p.tmpDir(), p.alive.name+".pack")
	name, idx, err := p.encode(tmp, objects)
	if err != nil {
		os.Remove(tmp)
		return "", fmt.Errorf("write pack: %w", err)
	}
	tmpIdx := filepath.Join(p.tmpDir(), p.alive.name+".idx")
	if err := p.perm.writeSynced(tmpIdx, idx, 0o444); err != nil {
		return "", fmt.Errorf("write pack index: %w", err)
	}
	path := filepath.Join(p.packDir(), "pack-"+name.String())
	if err := p.hold(path + ".keep"); err != nil {
		return "", err
	}
	if err := os.Rename(tmp, path+".pack"); err != nil {
		return "", fmt.Errorf("place pack: %w", err)
	}
	if err := os.Rename(tmpIdx, path+".idx"); err != nil {
		return "", fmt.Errorf("place pack index: %w", err)
	}
	if err := syncDir(p.packDir()); err != nil {
		return "", err
	}
	return path, p.mark(path)
}

// hold creates the .keep, with its text at once and on the disk before its name: an empty one, as a power cut would leave
// it, could not be told from somebody else's, and would hold the pack for ever. Two processes that
// write the same objects write the same pack: the second waits, so that neither lets go what the other still needs.
func (p *packWriter) hold(keep string) error {
	twin := filepath.Join(p.tmpDir(), fmt.Sprintf("%s.%d.hold", p.alive.name, p.locks.Add(1)))
	if err := p.perm.writeSynced(twin, []byte(keepMark+" "+p.alive.name+"\n"), 0o444); err != nil {
		return fmt.Errorf("hold pack: %w", err)
	}
	defer os.Remove(twin)
	for wait := time.Millisecond; ; wait *= 2 {
		err := os.Link(twin, keep)
		if err != nil && noLinks(err) {
			err = p.holdLinkless(keep)
		}
		if err == nil {
			return nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("hold pack: %w", err)
		}
		if wait > 4*time.Second {
			return fmt.Errorf("hold pack: %w: %s exists", jitos.ErrBusy, filepath.Base(keep))
		}
		time.Sleep(wait)
	}
}

// holdLinkless is for file systems without hard links.
func (p *packWriter) holdLinkless(keep string) error {
	f, err := p.perm.open(keep, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	if _, err = f.WriteString(keepMark + " " + p.alive.name + "\n"); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (p *packWriter) markDir() string { return filepath.Join(p.own, "packs") }

// encode writes the pack: commits first, then trees, then blobs, as git would.
func (p *packWriter) encode(tmp string, objects map[plumbing.Hash]rawObject) (plumbing.Hash, []byte, error) {
	f, err := p.perm.open(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o444)
	if err != nil {
		return plumbing.ZeroHash, nil, err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<16)
	e, err := newPackEncoder(w, len(objects))
	if err != nil {
		return plumbing.ZeroHash, nil, err
	}
	ids := make([]plumbing.Hash, 0, len(objects))
	for id := range objects {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b plumbing.Hash) int {
		return cmp.Or(int(objects[a].kind)-int(objects[b].kind), bytes.Compare(a[:], b[:]))
	})
	for _, id := range ids {
		if err := e.add(id, objects[id]); err != nil {
			return plumbing.ZeroHash, nil, err
		}
	}
	name, err := e.finish(w)
	if err != nil {
		return name, nil, err
	}
	if err := w.Flush(); err != nil {
		return name, nil, err
	}
	if err := f.Sync(); err != nil {
		return name, nil, err
	}
	return name, e.index(name), f.Close()
}

// release lets git treat a pack as any other.
func (p *packWriter) release(path string) error {
	err := os.Remove(path + ".keep")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// sweep takes away what killed processes left: their .keep files and their files in tmp. What another process is still
// using is told by that process's lock.
func (p *packWriter) sweep() error {
	names, err := os.ReadDir(p.tmpDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for leftovers: %w", err)
	}
	graves := map[string]*os.File{} // the locks of the dead, nil for the living
	defer func() {
		for _, lock := range graves {
			if lock != nil {
				os.Remove(lock.Name()) // last: whatever else it left is gone by now
				lock.Close()
			}
		}
	}()
	if err := p.sweepKeeps(graves); err != nil {
		return err
	}
	for _, n := range names {
		owner, ext, _ := strings.Cut(n.Name(), ".")
		if strings.HasPrefix(owner, alivePrefix) && ext != "alive" && p.dead(graves, owner) {
			path := filepath.Join(p.tmpDir(), n.Name())
			if freed, err := freeLock(p, path); err != nil {
				return err
			} else if freed {
				os.RemoveAll(path)
			}
		} else if ext == "alive" {
			p.dead(graves, owner)
		}
	}
	return nil
}

func (p *packWriter) sweepKeeps(graves map[string]*os.File) error {
	keeps, err := filepath.Glob(filepath.Join(p.packDir(), "*.keep"))
	if err != nil {
		return err
	}
	for _, keep := range keeps {
		text, err := os.ReadFile(keep)
		if err != nil {
			continue // somebody else's, or gone
		}
		mark, owner, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
		if mark != keepMark || !strings.HasPrefix(owner, alivePrefix) || !p.dead(graves, owner) {
			continue
		}
		if path := strings.TrimSuffix(keep, ".keep"); !exists(path + ".idx") {
			os.Remove(path + ".pack") // it died between the two renames
		}
		os.Remove(keep)
	}
	return nil
}

// dead tells whether a writer is gone: nobody holds its lock, which it takes before its first file and gives up after its last.
func (p *packWriter) dead(graves map[string]*os.File, owner string) bool {
	if p.alive != nil && owner == p.alive.name {
		return false
	}
	if lock, known := graves[owner]; known {
		return lock != nil
	}
	lock, err := lockFile(filepath.Join(p.tmpDir(), owner+".alive"))
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	graves[owner] = lock // nil where it is held
	return err == nil
}

// close gives up the lock, after everything that it protects.
func (p *packWriter) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alive == nil {
		return nil
	}
	a := p.alive
	p.alive = nil
	return a.release()
}
