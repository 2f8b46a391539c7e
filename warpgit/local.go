package warpgit

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jitos/jitos"
)

// What this clone knows and never shares is in <common>/jitos:
//
//	clone        the id of this clone
//	allowed      a line for each hash that may run here: the hash, a space, what it is
//	alarms       remotes that were found moved back, a JSON object a line, see Alarm
//	seen         verdicts and results that this clone came to itself, see Saw
//	allowed.d/   what was allowed, by its hash, to tell later what changed
//	live/<id>    locked while a process is alive; the file itself says nothing
//	index/       what trees do not tell without a walk, see index.go
//	packs/       an empty file for each pack that jitos wrote, see Tidy
//	landing      what a landing is about to do, locked while it does it, see Unfinished
//	graph        the checksum of the commit-graph that jitos wrote
//	gc.lock      locked while somebody maintains the repository, claims.lock while packs to join are chosen,
//	             packs.lock while one more pack begins to count
//	tmp/         packs, locks and quarantines of processes at work
//	refs.lock    locked while a ref of the fabric moves

func (r *Repo) local(name ...string) string {
	return filepath.Join(append([]string{r.Common, "jitos"}, name...)...)
}

// Clone implements jitos.Local. The id is made when it is first asked for; where nothing can be written it is derived from
// the place.
func (r *Repo) Clone() string {
	if text, err := os.ReadFile(r.local("clone")); err == nil && len(strings.TrimSpace(string(text))) > 0 {
		return strings.TrimSpace(string(text))
	}
	id := jitos.NewName("clone")
	perm := r.packs.perm
	if err := perm.mkdirAll(r.local()); err == nil {
		tmp := r.local(id + ".tmp")
		if perm.writeSynced(tmp, []byte(id+"\n"), 0o666) == nil {
			os.Link(tmp, r.local("clone")) // whoever is first
			os.Remove(tmp)
			syncDir(r.local()) // a clone that forgot its id would take its own processes for another's
			if text, err := os.ReadFile(r.local("clone")); err == nil {
				return strings.TrimSpace(string(text))
			}
		}
	}
	sum := sha256.Sum256([]byte(r.Common))
	return "clone-" + hex.EncodeToString(sum[:8])
}

// Allowed implements jitos.Local. Hashes in JITOS_ALLOW, separated by commas or spaces, are allowed as well: for CI.
func (r *Repo) Allowed(hash string) bool {
	list := strings.FieldsFunc(os.Getenv("JITOS_ALLOW"), func(c rune) bool { return c == ',' || c == ' ' })
	return hash != "" && (slices.Contains(list, hash) || r.remembered(hash))
}

func (r *Repo) remembered(hash string) bool {
	f, err := os.Open(r.local("allowed"))
	if err != nil {
		return false
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if first, _, _ := strings.Cut(lines.Text(), " "); first == hash {
			return true
		}
	}
	return false
}

// Allow implements jitos.Local. To allow something twice changes nothing.
func (r *Repo) Allow(hash, what string) error {
	if hash == "" || strings.ContainsAny(hash, " \t\n") {
		return fmt.Errorf("allow %q: %w: not a hash", hash, jitos.ErrInvalid)
	}
	if err := r.packs.perm.mkdirAll(r.local()); err != nil {
		return fmt.Errorf("allow %s: %w", hash, err)
	}
	lock, err := waitLock(context.Background(), r.packs.perm, r.local("allowed.lock"), patience)
	if err != nil {
		return fmt.Errorf("allow %s: %w", hash, err)
	}
	defer lock.Close()
	if r.remembered(hash) {
		return nil
	}
	text, err := os.ReadFile(r.local("allowed"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("allow %s: %w", hash, err)
	}
	text = append(text, strings.TrimSpace(hash+" "+oneLine(what))+"\n"...)
	if err := r.packs.perm.replace(r.local("allowed"), text, 0o600); err != nil {
		return fmt.Errorf("allow %s: %w", hash, err)
	}
	return nil
}

// Hold implements jitos.Local: a lock that ends with this process, however it ends.
func (r *Repo) Hold(process jitos.ProcessID) (func(), error) {
	if err := jitos.CheckName(string(process)); err != nil {
		return nil, fmt.Errorf("hold: %w", err)
	}
	if err := r.packs.perm.mkdirAll(r.local("live")); err != nil {
		return nil, fmt.Errorf("hold %s: %w", process, err)
	}
	// One short second thought: living may hold the lock for the moment of its look.
	lock, err := waitLock(context.Background(), r.packs.perm, r.local("live", string(process)), 20*time.Millisecond)
	if errors.Is(err, jitos.ErrBusy) {
		return nil, fmt.Errorf("process %s: %w: it is running", process, jitos.ErrBusy)
	}
	if err != nil {
		return nil, fmt.Errorf("hold %s: %w", process, err)
	}
	return func() {
		os.Remove(lock.Name())
		lock.Close()
	}, nil
}

// living lists the processes that are held at this moment.
func (r *Repo) living() ([]string, error) {
	names, err := os.ReadDir(r.local("live"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var list []string
	for _, n := range names {
		lock, err := lockFile(r.local("live", n.Name()))
		switch {
		case errors.Is(err, jitos.ErrBusy):
			list = append(list, n.Name())
		case err == nil:
			lock.Close()
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("look for living processes: %w", err)
		}
	}
	return list, nil
}
