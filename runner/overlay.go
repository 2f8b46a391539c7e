package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/sandbox"
)

// An overlay is a place whose files are not copied: a layer lies below, what the job writes goes to a directory above (the
// upper one), and the kernel shows both as one. It is mounted where the job runs and nowhere else: the job's command is
// started in a mount namespace of its own (package sandbox), and the mount is gone with the last process
// of the job, however that ends. So from outside tree/ is empty; real finds a file of it.
//
// What differs between the layer and the wanted tree is written to the upper directory before the job starts.

// specFile is where it is kept, as JSON beside the place, what a place's processes see and may do: the job does not see it.
func (p place) specFile() string { return string(p) + ".spec" }

// above is where what lies above the layers of a place is kept.
func (p place) above() string { return string(p) + ".above" }

// spec reads what the processes of a place see and may do, nil where nobody said: they run as this program does.
func (p place) spec() (*sandbox.Spec, error) {
	raw, err := os.ReadFile(p.specFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var s sandbox.Spec
	if err == nil {
		err = json.Unmarshal(raw, &s)
	}
	if err != nil {
		return nil, fmt.Errorf("what a job may do: %w", err)
	}
	return &s, nil
}

func (p place) setSpec(s *sandbox.Spec) error {
	raw, err := json.Marshal(s)
	if err == nil {
		err = os.WriteFile(p.specFile(), raw, 0o600)
	}
	return err
}

// real is the path under which a file of the place is found from outside of its namespace; one that is not there is "".
func (p place) real(elem ...string) string {
	rel := filepath.Join(elem...)
	at := filepath.Join(p.tree(), rel)
	s, err := p.spec()
	if err != nil || s == nil {
		return at
	}
	for i := len(s.Lay) - 1; i >= 0; i-- {
		if o := s.Lay[i]; inside(at, o.On) {
			return realIn(o, strings.TrimPrefix(strings.TrimPrefix(at, o.On), "/"))
		}
	}
	return at
}

// has tells whether the place has a file, from outside of its namespace.
func (p place) has(elem ...string) bool {
	name := p.real(elem...)
	return name != "" && hasFile(name)
}

func realIn(o sandbox.Overlay, rel string) string {
	up := o.Upper
	for _, part := range strings.Split(rel, "/") {
		up = filepath.Join(up, part)
		info, err := os.Lstat(up)
		if err != nil {
			return filepath.Join(o.Lower[0], rel) // from here on the layer shows, or there is nothing
		}
		if isWhiteout(info) {
			return ""
		}
		if info.IsDir() && isOpaque(up) || !info.IsDir() {
			return filepath.Join(o.Upper, rel)
		}
	}
	return filepath.Join(o.Upper, rel)
}

// overlaid is the state of a slot whose files are an overlay.
type overlaid struct {
	layer *layer
	tree  plumbing.Hash // the files as the job found them
}

// unmountable says that a place cannot be mounted here after all. Nothing of the job has run.
type unmountable struct{ why string }

func (u *unmountable) Error() string { return "mount a job's directory: " + u.why }

// lay makes the slot an overlay on a layer, changed to the wanted files, with the loans mounted in it.
func (s *slot) lay(ctx context.Context, l *layer, change *delta, loans []loan, userns bool) error {
	s.over, s.lent = &overlaid{l, change.tree}, nil // from here on settle lets go of the layer
	if err := errors.Join(s.fresh(), removeAll(s.above())); err != nil {
		return fmt.Errorf("empty the place of a job: %w", err)
	}
	kept := filepath.Dir(filepath.Dir(string(l.place)))
	all := sandbox.Spec{Bare: true, Userns: userns, Hide: []string{kept, s.above()}}
	if prepared := filepath.Join(filepath.Dir(kept), "prepared"); hasFile(prepared) {
		all.Hide = append(all.Hide, prepared)
	}
	top, err := s.mount(0, s.place.tree(), l.place.tree())
	if err != nil {
		return err
	}
	all.Lay = append(all.Lay, top)
	if err := change.write(ctx, s, top.Upper); err != nil {
		return err
	}
	for _, loan := range loans {
		m, err := s.mountLoan(ctx, len(all.Lay), top, loan)
		if err != nil {
			return fmt.Errorf("lend %s: %w", loan.path, err)
		}
		if m != nil {
			all.Lay = append(all.Lay, *m)
		}
	}
	return s.setSpec(&all)
}

// mount makes the directories of the n-th overlay of the slot.
func (s *slot) mount(n int, on, lower string) (sandbox.Overlay, error) {
	dir := filepath.Join(s.above(), fmt.Sprint(n))
	m := sandbox.Overlay{On: on, Lower: []string{lower}, Upper: filepath.Join(dir, "upper"), Work: filepath.Join(dir, "work")}
	if strings.ContainsAny(lower+dir, `:\,`) {
		return m, &unmountable{"a comma, colon or backslash in " + quoted(lower)}
	}
	for _, d := range []string{m.Upper, m.Work} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return m, err
		}
	}
	return m, nil
}

// mountLoan lends a directory by an overlay of its own; a file is copied above the slot's files, and no mount.
func (s *slot) mountLoan(ctx context.Context, n int, top sandbox.Overlay, w loan) (*sandbox.Overlay, error) {
	w.files = map[string]loanedFile{}
	s.lent = append(s.lent, &w)
	to := filepath.Join(top.Upper, filepath.FromSlash(w.path))
	info, err := os.Stat(w.from)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return nil, err
	}
	if !info.IsDir() {
		_, err := w.copyFile(info, w.from, to, ".", s.place.tree())
		return nil, err
	}
	if err := os.MkdirAll(to, 0o755); err != nil {
		return nil, err
	}
	m, err := s.mount(n, filepath.Join(s.place.tree(), filepath.FromSlash(w.path)), w.from)
	if err != nil {
		return nil, err
	}
	return &m, w.relocate(ctx, m.Upper, s.place.tree())
}

// settle ends the use of an overlay.
func (s *slot) settle() {
	if s.over == nil {
		return
	}
	s.over.layer.release()
	s.over, s.lent = nil, nil
	_ = os.Remove(s.specFile())
	_ = removeAll(s.above())
}

// OverlayFrom is the number of files from which on an overlay costs less than to copy them: a porter has to be started.
const OverlayFrom = 1000

// overlays is what an Executor knows about them.
type overlays struct {
	known     bool // whether they can be mounted was found out
	can       bool
	userns    bool
	conflicts int // see layerFor
}

// canOverlay finds out, once, whether overlays can be mounted here. Where a layer was ever made in this boot they can.
func (e *Executor) canOverlay(ctx context.Context, ls layers) (can, userns bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over.known {
		return e.over.can, e.over.userns
	}
	e.over.known = true
	name := filepath.Join(ls.here(), "how")
	switch raw, _ := os.ReadFile(name); string(raw) {
	case "root":
		e.over.can = true
	case "userns":
		e.over.can, e.over.userns = true, true
	default:
		for how, userns := range []bool{false, true} {
			if how == 0 && os.Geteuid() != 0 {
				continue
			}
			if err := probe(ctx, ls.dir, userns); err == nil {
				e.over.can, e.over.userns = true, userns
				if os.MkdirAll(ls.here(), 0o700) == nil {
					_ = os.WriteFile(name, []byte([]string{"root", "userns"}[how]), 0o600)
				}
				break
			}
		}
	}
	return e.over.can, e.over.userns
}

// Overlays says how directories of jobs can be overlays here: "root", "userns" (in user namespaces), or "" where they
// cannot, or none is wanted.
func (e *Executor) Overlays(ctx context.Context) (string, error) {
	dir, err := e.cacheDir()
	if err != nil || e.OverlayFrom <= 0 {
		return "", err
	}
	switch can, userns := e.canOverlay(ctx, layers{filepath.Join(dir, "layers")}); {
	case !can:
		return "", nil
	case userns:
		return "userns", nil
	}
	return "root", nil
}

// noOverlay is called when mounting failed after all: this Executor copies from now on.
func (e *Executor) noOverlay() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over.known, e.over.can = true, false
}

// layerFor finds or makes what an overlay with the files of a tree needs: a layer, and what differs from it. It is nil
// where the files are to be copied: where overlays cannot be mounted or are not wanted, and for few files.
//
// A layer of the very tree is best; then one of those that this repository used last, if little differs. On a layer that
// cannot be used only because of stands, one new layer is built in the life of an Executor; then its slots are filled by
// copying, of which the second and following only write what differs.
func (e *Executor) layerFor(ctx context.Context, tree plumbing.Hash) (*layer, *delta, bool, error) {
	if e.OverlayFrom <= 0 {
		return nil, nil, false, nil
	}
	dir, err := e.cacheDir()
	if err != nil {
		return nil, nil, false, err
	}
	ls := layers{filepath.Join(dir, "layers")}
	l, change, conflict, err := e.knownLayer(ctx, ls, tree)
	if l == nil && err == nil && !(conflict && e.conflict()) {
		var m *manifest
		if m, err = readManifest(ctx, e.Objects, tree); err == nil && len(m.files) >= e.OverlayFrom {
			if can, _ := e.canOverlay(ctx, ls); can {
				l, err = ls.build(ctx, e.Objects, m)
				change = &delta{tree: tree}
			}
		}
	}
	if l == nil || err != nil {
		return nil, nil, false, err
	}
	can, userns := e.canOverlay(ctx, ls)
	if !can {
		l.release()
		return nil, nil, false, nil
	}
	e.remember(ls, l.tree)
	return l, change, userns, nil
}

// conflict notes one of stands, and tells whether there was one before.
func (e *Executor) conflict() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.over.conflicts++
	return e.over.conflicts > 1
}

// knownLayer looks for a layer that is there.
func (e *Executor) knownLayer(ctx context.Context, ls layers, tree plumbing.Hash) (l *layer, change *delta, conflict bool, err error) {
	if l, err = ls.get(tree); l != nil || err != nil {
		return l, &delta{tree: tree}, false, err
	}
	for _, base := range e.lastLayers(ls) {
		if l, err = ls.get(base); err != nil {
			return nil, nil, false, err
		}
		if l == nil {
			continue
		}
		change, err = deltaOf(ctx, e.Objects, base, tree)
		if errors.Is(err, jitos.ErrNotFound) { // git has collected what the layer was made from
			change, err = nil, nil
		}
		if err == nil && change != nil {
			var stands bool
			if stands, err = change.stand(l); err == nil && stands {
				return l, change, false, nil
			}
			conflict = conflict || err == nil
		}
		l.release()
		if err != nil {
			return nil, nil, false, err
		}
	}
	return nil, nil, conflict, nil
}

// maxLast is how many layers a repository remembers.
const maxLast = 4

// lastLayers are those that this repository used last, the last one first.
func (e *Executor) lastLayers(ls layers) []plumbing.Hash {
	raw, err := os.ReadFile(e.lastName(ls))
	if err != nil {
		return nil
	}
	var list []plumbing.Hash
	for _, id := range strings.Fields(string(raw)) {
		if plumbing.IsHash(id) && len(list) < maxLast {
			list = append(list, plumbing.NewHash(id))
		}
	}
	return list
}

func (e *Executor) lastName(ls layers) string {
	return filepath.Join(ls.here(), "last-"+plumbing.ComputeHash(plumbing.BlobObject, []byte(e.Repo)).String()[:16])
}

// remember notes a layer that was used. What another process noted meanwhile may be lost, which costs some time and no more.
func (e *Executor) remember(ls layers, tree plumbing.Hash) {
	list := e.lastLayers(ls)
	if len(list) > 0 && list[0] == tree {
		return
	}
	text := tree.String() + "\n"
	for _, id := range list {
		if id != tree {
			text += id.String() + "\n"
		}
	}
	tmp := fmt.Sprintf("%s.%d", e.lastName(ls), syscall.Getpid())
	if os.WriteFile(tmp, []byte(text), 0o600) != nil || os.Rename(tmp, e.lastName(ls)) != nil {
		_ = os.Remove(tmp)
	}
}
