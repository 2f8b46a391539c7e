package warpgit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// diskRefs are the references of a repository on disk. They are moved as git moves them, with what git leaves out by
// default: fsync of the file and of its directory.
//
//	take jitos's own flock: it ends with its process
//	write and fsync <common>/jitos/tmp/<writer>.ref, and link it as <ref>.lock: that fails while git holds the ref
//	read the ref again, loose and then packed; where it moved, give up
//	rename the lock onto the ref, fsync the directory
//
// Because the lock is a link, a killed process's lock can be told from git's: it is the same file as one in tmp whose writer
// is dead. Such a lock is removed, any other is waited for.
type diskRefs struct {
	common string // the directory that holds refs/ and packed-refs
	packs  *packWriter
	perm   perm
}

// patience is how long a ref that git has locked is waited for: git itself holds such locks for milliseconds.
const patience = 10 * time.Second

func (d *diskRefs) path(name string) string { return filepath.Join(d.common, filepath.FromSlash(name)) }

func (d *diskRefs) read(name string) (plumbing.Hash, error) {
	for range 6 { // git follows five symbolic refs
		id, target, err := d.one(name)
		if err != nil || target == "" {
			return id, err
		}
		name = target
	}
	return plumbing.ZeroHash, fmt.Errorf("ref %s: %w: symbolic refs without end", name, jitos.ErrCorrupt)
}

// one reads a ref without following it: its value, or its target where it is symbolic.
func (d *diskRefs) one(name string) (plumbing.Hash, string, error) {
	if err := checkRef(name); err != nil {
		return plumbing.ZeroHash, "", err
	}
	for try := 0; ; try++ {
		text, err := os.ReadFile(d.path(name))
		if err == nil {
			return parseRef(name, text)
		}
		info, serr := os.Stat(d.path(name))
		if !errors.Is(err, fs.ErrNotExist) && !(serr == nil && info.IsDir()) && !notDir(err) {
			return plumbing.ZeroHash, "", fmt.Errorf("ref %s: %w", name, err)
		}
		packed, err := d.packed()
		if err != nil {
			return plumbing.ZeroHash, "", err
		}
		if id, ok := packed[name]; ok {
			return id, "", nil
		}
		if try == 1 { // git pack-refs, or its undoing, may have come between the two looks
			return plumbing.ZeroHash, "", fmt.Errorf("ref %s: %w", name, jitos.ErrNotFound)
		}
	}
}

func parseRef(name string, text []byte) (plumbing.Hash, string, error) {
	s := strings.TrimSpace(string(text))
	if target, ok := strings.CutPrefix(s, "ref:"); ok && strings.TrimSpace(target) != "" {
		return plumbing.ZeroHash, strings.TrimSpace(target), nil
	}
	if !plumbing.IsHash(s) || len(s) != 40 {
		return plumbing.ZeroHash, "", fmt.Errorf("ref %s: %w: it holds %.50q", name, jitos.ErrCorrupt, s)
	}
	return plumbing.NewHash(s), "", nil
}

// packed reads packed-refs.
func (d *diskRefs) packed() (map[string]plumbing.Hash, error) {
	text, err := os.ReadFile(filepath.Join(d.common, "packed-refs"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read packed-refs: %w", err)
	}
	return parsePackedRefs(text), nil
}

// parsePackedRefs reads the lines of a hash, a blank and a name. Comments, peeled tags and names that are none of a ref's are
// passed over.
func parsePackedRefs(text []byte) map[string]plumbing.Hash {
	out := map[string]plumbing.Hash{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if len(line) < 42 || !plumbing.IsHash(line[:40]) || !strings.ContainsRune(" \t\r\v\f", rune(line[40])) {
			continue
		}
		if name := line[41:]; checkRef(name) == nil {
			out[name] = plumbing.NewHash(line[:40])
		}
	}
	return out
}

func (d *diskRefs) move(ctx context.Context, name string, old, new plumbing.Hash) error {
	return d.moveLogged(ctx, name, old, new, nil)
}

// moveLogged is move for a branch of the user's: git's logs tell of it.
func (d *diskRefs) moveLogged(ctx context.Context, name string, old, new plumbing.Hash, log *reflog) error {
	if err := checkRef(name); err != nil {
		return err
	}
	if err := d.packs.start(); err != nil {
		return fmt.Errorf("move ref %s: %w", name, err)
	}
	own, err := waitLock(ctx, d.perm, filepath.Join(d.packs.own, "refs.lock"), patience)
	if err != nil {
		return fmt.Errorf("move ref %s: %w", name, err)
	}
	defer own.Close()
	lock, err := d.lockRef(ctx, name, new)
	if err != nil {
		return fmt.Errorf("move ref %s: %w", name, err)
	}
	defer func() {
		lock.drop()
		if new.IsZero() {
			pruneDirs(filepath.Dir(d.path(name)), filepath.Join(d.common, "refs", "heads"))
		}
	}()
	at, target, err := d.one(name)
	if err != nil && !errors.Is(err, jitos.ErrNotFound) {
		return fmt.Errorf("move ref %s: %w", name, err)
	}
	if target != "" {
		return fmt.Errorf("move ref %s: %w: it is symbolic, to %s", name, jitos.ErrInvalid, target)
	}
	if at != old {
		return staleRef(name, old, at)
	}
	if err := d.checkParents(name); err != nil {
		return fmt.Errorf("move ref %s: %w", name, err)
	}
	switch {
	case old == new:
		return nil
	case new.IsZero():
		err = d.remove(ctx, lock, name)
	default:
		if err = log.add(d.perm, old, new); err == nil {
			err = d.place(lock, name)
		}
	}
	if err != nil {
		return fmt.Errorf("move ref %s: %w", name, err)
	}
	return nil
}

// checkParents refuses a name that begins with another ref's. Loose refs refuse by themselves, a file cannot be a directory.
func (d *diskRefs) checkParents(name string) error {
	packed, err := d.packed()
	if err != nil {
		return err
	}
	for dir := path.Dir(name); dir != "refs"; dir = path.Dir(dir) {
		if _, taken := packed[dir]; taken {
			return nameTaken(name, syscall.ENOTDIR)
		}
	}
	return nil
}

func (d *diskRefs) place(lock *refLock, name string) error {
	file := d.path(name)
	if info, err := os.Lstat(file); err == nil && info.IsDir() {
		removeEmpty(file) // what is left of refs below it
	}
	if err := os.Rename(lock.path, file); err != nil {
		return err
	}
	lock.path = ""
	return d.syncName(path.Dir(name))
}

// syncName makes durable the names of the refs in a directory, "refs/heads".
func (d *diskRefs) syncName(dir string) error {
	err := syncDir(d.path(dir))
	if errors.Is(err, fs.ErrNotExist) { // git has packed the ref already, and removed its empty directory
		err = errors.Join(syncFile(filepath.Join(d.common, "packed-refs")), syncDir(d.common))
	}
	return err
}

// remove takes a ref out of packed-refs first, so that no older value shines through, and then its file.
func (d *diskRefs) remove(ctx context.Context, lock *refLock, name string) error {
	packed, err := d.packed()
	if err != nil {
		return err
	}
	if _, ok := packed[name]; ok {
		if err := d.unpack(ctx, func(n string) bool { return n == name }); err != nil {
			return err
		}
	}
	path := d.path(name)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := lock.release(); err != nil { // the lock goes by the same sync as the ref, and its twin after that, see drop
		return err
	}
	// git keeps the log of a branch beside it; it goes with the branch.
	log := filepath.Join(d.common, "logs", filepath.FromSlash(name))
	if err := os.Remove(log); err == nil {
		pruneDirs(filepath.Dir(log), filepath.Join(d.common, "logs", "refs", "heads"))
	}
	return nil
}

// unpack rewrites packed-refs without the refs that drop tells, under git's lock for it.
func (d *diskRefs) unpack(ctx context.Context, drop func(string) bool) error {
	file := filepath.Join(d.common, "packed-refs")
	lock, err := d.link(ctx, file+".lock", nil)
	if err != nil {
		return err
	}
	defer lock.drop()
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var out strings.Builder
	skip := false
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "^") { // a peeled tag belongs to the line before
			_, name, _ := strings.Cut(strings.TrimSpace(line), " ")
			skip = !strings.HasPrefix(line, "#") && drop(name)
		}
		if !skip {
			out.WriteString(line)
		}
	}
	f, err := os.OpenFile(lock.path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	if _, err = f.WriteString(out.String()); err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(lock.path, file); err != nil {
		return err
	}
	lock.path = ""
	return syncDir(d.common)
}

func (d *diskRefs) list(prefix string) ([]namedRef, error) {
	// Loose refs first: one that git packs meanwhile is in packed-refs before its file goes.
	found := map[string]plumbing.Hash{}
	root := d.path(prefix[:strings.LastIndexByte(prefix, '/')+1])
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) || err == nil && e.IsDir() {
			return nil
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(d.common, path)
		name := filepath.ToSlash(rel)
		if err != nil || !strings.HasPrefix(name, prefix) || checkRef(name) != nil {
			return err
		}
		id, err := d.read(name)
		if errors.Is(err, jitos.ErrNotFound) {
			return nil
		}
		found[name] = id
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list refs: %w", err)
	}
	packed, err := d.packed()
	if err != nil {
		return nil, err
	}
	for name, id := range packed {
		if _, loose := found[name]; !loose && strings.HasPrefix(name, prefix) {
			found[name] = id
		}
	}
	out := make([]namedRef, 0, len(found))
	for name, id := range found {
		out = append(out, namedRef{name, id})
	}
	sortRefs(out)
	return out, nil
}
