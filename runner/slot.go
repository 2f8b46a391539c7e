package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
)

// maxSlots bounds the directories in use at once on one machine.
const maxSlots = 1000

// slot is a place that this process owns, by an flock that dies with it. Its path is the same from run to run, so that
// compilers that key their caches by path find what they built before. After a job its files stay, with a note of each,
// and the next job only has to undo the difference.
type slot struct {
	place
	lock  *os.File
	files map[string]tracked // what lies there and from which object it came
	tree  plumbing.Hash      // whose time the files carry; zero before the first job
	lent  []*loan

	over  *overlaid          // what it shows while it is an overlay; what was copied lies below, unseen
	upper map[string]tracked // what was written above the layer before the job began

	beside  map[string]fileStat // the directories beside the files when they were empty last
	emptied time.Time           // when that was seen, and the job after it had not begun
}

// fresh empties everything beside the files. A directory that nobody has touched since it was empty is not read: a change within
// one step of the file system's clock would not be seen in it, so it must have been still for longer when the last job began.
func (s *slot) fresh() error {
	still := s.emptied.Add(-racyWindow).UnixNano()
	dirs := []string{s.home(), s.tmp(), s.out()}
	touched := func(dir string) bool {
		info, err := os.Lstat(dir)
		was, known := s.beside[dir]
		return err != nil || !known || statOf(info) != was || was.ctime == -1 || was.ctime >= still
	}
	if !slices.ContainsFunc(dirs, touched) {
		s.emptied = time.Now()
		return nil
	}
	s.beside = map[string]fileStat{}
	if err := s.place.fresh(); err != nil {
		return err
	}
	for _, dir := range dirs {
		info, err := os.Lstat(dir)
		if err != nil {
			return err
		}
		s.beside[dir] = statOf(info)
	}
	s.emptied = time.Now()
	return nil
}

// takeSlot locks the first place below dir that nobody uses and wipes what a former owner left. Processes of a job whose
// jitos was killed are ended first.
func takeSlot(dir string) (*slot, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make a place for a job: %w", err)
	}
	for n := range maxSlots {
		p := place(filepath.Join(dir, strconv.Itoa(n)))
		lock, err := os.OpenFile(string(p)+".lock", os.O_CREATE|os.O_RDWR|syscall.O_CLOEXEC, 0o600)
		if err != nil {
			return nil, fmt.Errorf("make a place for a job: %w", err)
		}
		if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
			_ = lock.Close() // another process's
			continue
		}
		s := &slot{place: p, lock: lock, files: map[string]tracked{}}
		if hasFile(string(p)) { // who gave it up removed it
			killMarked(p)
		}
		err = errors.Join(removeAll(p.above()), removeAll(p.specFile()), removeAll(string(p)))
		if err == nil {
			err = os.MkdirAll(p.tree(), 0o700)
		}
		if err != nil {
			s.release()
			return nil, fmt.Errorf("make a place for a job: %w", err)
		}
		return s, nil
	}
	return nil, fmt.Errorf("make a place for a job: all %d below %s are in use", maxSlots, dir)
}

// release gives the place up and removes what is in it. The lock file stays: removing it could let two owners in.
func (s *slot) release() {
	s.settle()
	_ = removeAll(string(s.place)) // the next owner wipes what is left
	_ = s.lock.Close()
}

// fill makes the files those of the manifest, with nothing else beside them, and returns when every file is in place.
// Where it fails the slot must be released.
func (s *slot) fill(ctx context.Context, objects Objects, want *manifest) error {
	s.settle()
	if err := removeAll(s.specFile()); err != nil {
		return err
	}
	if err := s.fresh(); err != nil {
		return fmt.Errorf("empty the place of a job: %w", err)
	}
	c, err := newCheckout(ctx, objects, s, want)
	if err != nil {
		return err
	}
	defer c.close()
	return c.run()
}
