package warpgit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/jitos/jitos"
)

var _ jitos.Witness = (*Repo)(nil)

// witness is <common>/jitos/seen: a line for each verdict and result that this clone came to itself. It is read once and
// appended to, never synced: what is lost is run again.
type witness struct {
	mu   sync.Mutex
	read int64 // bytes of the file that are known
	seen map[string]bool
}

// mostSeen is how many bytes of the file are kept, twice over.
const mostSeen = 8 << 20

// Saw implements jitos.Witness.
func (r *Repo) Saw(hash string) bool {
	w := &r.witness
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.seen[hash] {
		w.look(r.local("seen"))
	}
	return w.seen[hash]
}

// unseen are those of a list that were not seen yet; the file is looked at once for all of them.
func (r *Repo) unseen(hashes []string) []string {
	w := &r.witness
	w.mu.Lock()
	defer w.mu.Unlock()
	known := func(hash string) bool { return w.seen[hash] }
	left := slices.DeleteFunc(slices.Clone(hashes), known)
	if len(left) > 0 {
		w.look(r.local("seen"))
	}
	return slices.DeleteFunc(left, known)
}

// look takes in what was written to the file since.
func (w *witness) look(file string) {
	if w.seen == nil {
		w.seen = map[string]bool{}
	}
	f, err := os.Open(file)
	if err != nil {
		return // nothing was seen
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() == w.read {
		return
	}
	if info.Size() < w.read { // somebody has shortened it
		w.read = 0
	}
	text := make([]byte, info.Size()-w.read)
	if _, err := f.ReadAt(text, w.read); err != nil {
		return
	}
	whole := text[:strings.LastIndexByte(string(text), '\n')+1]
	for line := range strings.Lines(string(whole)) {
		if hash := strings.TrimSpace(line); hash != "" {
			w.seen[hash] = true
		}
	}
	w.read += int64(len(whole))
}

// See implements jitos.Witness.
func (r *Repo) See(hashes ...string) error {
	var text strings.Builder
	for _, hash := range hashes {
		if hash == "" || strings.ContainsAny(hash, " \t\r\n") {
			return fmt.Errorf("see %q: %w", hash, jitos.ErrInvalid)
		}
	}
	for _, hash := range r.unseen(hashes) {
		text.WriteString("\n" + hash + "\n") // a line that was cut off ends at the first newline
	}
	if text.Len() == 0 {
		return nil
	}
	if err := r.packs.perm.mkdirAll(r.local()); err != nil {
		return err
	}
	if err := forgetOldest(r.local("seen")); err != nil {
		return err
	}
	f, err := os.OpenFile(r.local("seen"), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text.String())
	return errors.Join(err, f.Close())
}

// forgetOldest forgets the older half of a file that has grown too long. A reader that comes in between takes nothing for seen.
func forgetOldest(file string) error {
	info, err := os.Stat(file)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() < 2*mostSeen {
		return nil
	}
	if err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return os.WriteFile(file, text[len(text)-mostSeen:], 0o600)
}
