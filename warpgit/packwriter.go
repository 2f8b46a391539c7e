package warpgit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-git/go-git/v5/plumbing"
)

// packWriter puts packs where git reads them, so that neither a kill nor a git gc beside it can harm:
//
//	write and fsync pack and index in <common>/jitos/tmp, which git never tidies
//	create pack-X.keep, which names the lock of this process, so that gc leaves the pack alone
//	rename pack-X.pack and then pack-X.idx to objects/pack, fsync that directory
//
// The caller moves the ref and then lets the .keep go. A process that was killed leaves files that sweep takes away. Callers
// that come while a pack is being written share the next one, and its fsyncs.
type packWriter struct {
	objects string // the object directory
	own     string // <common>/jitos
	perm    perm
	mu      sync.Mutex    // guards alive and waiting
	alive   *alive        // nil until the first pack
	locks   atomic.Int64  // numbers the lock files, see reflock.go
	admit   func() func() // called before a pack that is no longer held begins to count, see Repo.admit; nil: nobody asks
	waiting []*packRequest
	turn    sync.Mutex // held by who writes a pack
}

// packRequest is what one caller wants written.
type packRequest struct {
	objects []*staged
	pack    *heldPack // nil until it is done
	err     error
}

// heldPack is a pack under a .keep, which goes when the last of those who wrote it together has let go.
type heldPack struct {
	writer *packWriter
	path   string // without extension
	users  atomic.Int32
}

// release lets git treat the pack as any other.
func (h *heldPack) release() error {
	if h.users.Add(-1) > 0 {
		return nil
	}
	return h.writer.letGo(h.path)
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

// write makes objects durable in a pack: each comes after what it leads to, and after its former self.
func (p *packWriter) write(objects []*staged) (*heldPack, error) {
	r := &packRequest{objects: objects}
	p.mu.Lock()
	p.waiting = append(p.waiting, r)
	p.mu.Unlock()
	p.turn.Lock()
	defer p.turn.Unlock()
	if r.pack == nil && r.err == nil {
		p.mu.Lock()
		group := p.waiting
		p.waiting = nil
		p.mu.Unlock()
		pack, err := p.writeGroup(group)
		for _, r := range group {
			r.pack, r.err = pack, err
		}
	}
	return r.pack, r.err
}

func (p *packWriter) writeGroup(group []*packRequest) (*heldPack, error) {
	objects := group[0].objects
	if len(group) > 1 {
		objects = join(group)
	}
	if err := p.start(); err != nil {
		return nil, fmt.Errorf("write pack: %w", err)
	}
	for salt := 0; ; salt++ {
		path, err := p.tryWrite(objects, salt)
		if errors.Is(err, errTwin) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("write pack: %w", err)
		}
		h := &heldPack{writer: p, path: path}
		h.users.Store(int32(len(group)))
		return h, nil
	}
}

// join puts the objects of several requests into one list, each once.
func join(group []*packRequest) []*staged {
	seen := map[plumbing.Hash]bool{}
	var all []*staged
	for _, r := range group {
		for _, s := range r.objects {
			if !seen[s.id] {
				seen[s.id] = true
				all = append(all, s)
			}
		}
	}
	return all
}

// errTwin is a pack of exactly these bytes that is there already, or that another process is writing. It cannot be shared: a
// git gc may have decided its end before our .keep stood there.
var errTwin = errors.New("there is such a pack")

func (p *packWriter) tryWrite(objects []*staged, salt int) (path string, err error) {
	tmp := filepath.Join(p.tmpDir(), p.alive.name)
	defer func() {
		if err != nil {
			os.Remove(tmp + ".pack")
			os.Remove(tmp + ".idx")
		}
	}()
	f, err := p.perm.open(tmp+".pack", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o444)
	if err != nil {
		return "", err
	}
	name, idx, err := encodePack(f, objects, salt)
	if err != nil {
		return "", errors.Join(err, f.Close())
	}
	// The three syncs wait for one another's journal anyway: side by side they cost little more than one.
	var synced [2]error
	var wait sync.WaitGroup
	wait.Go(func() { synced[0] = f.Sync() })
	wait.Go(func() { synced[1] = p.alive.sync() })
	err = p.perm.writeSynced(tmp+".idx", idx, 0o444)
	wait.Wait()
	if err = errors.Join(err, synced[0], synced[1], f.Close()); err != nil {
		return "", err
	}
	path = filepath.Join(p.packDir(), "pack-"+name.String())
	return path, p.place(tmp, path)
}

// place brings a synced pack and its index to the object directory, under a .keep.
func (p *packWriter) place(tmp, path string) error {
	if err := p.hold(path + ".keep"); err != nil {
		return err
	}
	err := func() error {
		if exists(path+".pack") || exists(path+".idx") {
			return errTwin
		}
		if err := os.Rename(tmp+".pack", path+".pack"); err != nil {
			return err
		}
		if err := os.Rename(tmp+".idx", path+".idx"); err != nil {
			os.Remove(path + ".pack")
			return err
		}
		return syncDir(p.packDir())
	}()
	if err != nil {
		return errors.Join(err, p.release(path))
	}
	return p.mark(path)
}

// hold creates a .keep as a link to the lock of this process, which says whose it is and is on the disk: a .keep without its
// text could not be told from somebody else's, and would stay for ever.
func (p *packWriter) hold(keep string) error {
	if err := p.alive.sync(); err != nil {
		return fmt.Errorf("hold pack: %w", err)
	}
	err := os.Link(p.alive.file.Name(), keep)
	if err != nil && noLinks(err) {
		err = p.holdLinkless(keep)
	}
	if errors.Is(err, fs.ErrExist) {
		return errTwin
	}
	if err != nil {
		return fmt.Errorf("hold pack: %w", err)
	}
	return nil
}

// holdLinkless is for file systems without hard links.
func (p *packWriter) holdLinkless(keep string) error {
	f, err := p.perm.open(keep, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o444)
	if err != nil {
		return err
	}
	if _, err = f.WriteString(p.alive.text()); err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (p *packWriter) markDir() string { return filepath.Join(p.own, "packs") }

// letGo lets git treat a new pack as any other, when there is room for one more.
func (p *packWriter) letGo(path string) error {
	if p.admit != nil {
		defer p.admit()()
	}
	return p.release(path)
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
	keeps, err := listed(p.packDir(), "", ".keep")
	if err != nil {
		return err
	}
	for _, keep := range keeps {
		text, err := os.ReadFile(keep)
		if err != nil {
			continue // somebody else's, or gone
		}
		mark, owner, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
		if mark != keepMark || !isWriter(owner) || !p.dead(graves, owner) {
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

// isDead is dead for one look.
func (p *packWriter) isDead(owner string) bool {
	graves := map[string]*os.File{}
	dead := p.dead(graves, owner)
	if lock := graves[owner]; lock != nil {
		lock.Close()
	}
	return dead
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
