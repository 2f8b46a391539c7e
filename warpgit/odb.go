package warpgit

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing"
)

// objectDirs reads the loose objects and packs of a repository's object directory and of its alternates, as git does. It is
// safe for concurrent use.
//
// go-git's own reader is not used: it looks for *.pack where git looks for *.idx, so it fails while a pack of anybody's is
// between its two renames; it does not follow relative or nested alternates; and it reads every index whole on opening.
type objectDirs struct {
	mu      sync.Mutex // guards all but dirs
	dirs    []string
	packs   []*pack // the one used last comes first
	midxs   []*midx
	removed int // packs among these whose files were gone at the last scan, with those of midxs that are not current
	scanned bool
	unread  error // of the last scan: what the machine did not let it read; nil: all that is there was seen
	checked bool  // see Repo.CheckObjects
	bases   cache[packPlace, rawObject]
	inflater
}

// packPlace is where an object is: what deltas refer to.
type packPlace struct {
	pack   *pack
	offset int64
}

// openObjectDirs follows info/alternates from an object directory.
func openObjectDirs(dir string) (*objectDirs, error) {
	d := &objectDirs{bases: cache[packPlace, rawObject]{limit: 16 << 20}}
	if err := d.follow(dir, 0); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *objectDirs) follow(dir string, depth int) error {
	dir = filepath.Clean(dir)
	for _, known := range d.dirs {
		if known == dir {
			return nil
		}
	}
	d.dirs = append(d.dirs, dir)
	data, err := os.ReadFile(filepath.Join(dir, "info", "alternates"))
	if errors.Is(err, fs.ErrNotExist) || depth >= 5 { // git stops there as well
		return nil
	}
	if err != nil {
		return fmt.Errorf("read alternates: %w", err)
	}
	for _, line := range strings.Split(string(data), "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		if line[0] == '"' {
			if unquoted, err := strconv.Unquote(line); err == nil {
				line = unquoted
			}
		}
		if !filepath.IsAbs(line) {
			line = filepath.Join(dir, line)
		}
		if err := d.follow(line, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// read finds an object. What is not found is looked for again after a look at which packs there are now, for git may have
// packed it, or unpacked it, meanwhile; and again while packs keep coming and going, as they do during a git gc.
func (d *objectDirs) read(id plumbing.Hash) (rawObject, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.removed > manyRemoved {
		d.forgetRemoved()
	}
	return d.readAgain(id, 0)
}

// manyRemoved is how many packs may stay mapped that are there no more: who reads for long still finds in them what git has pruned
// meanwhile. A process that follows others for days sees thousands come and go; each is a look at every read, and the system bounds
// the number of maps.
const manyRemoved = 32

// forgetRemoved lets go of all packs that are there no more, and of what lists them.
func (d *objectDirs) forgetRemoved() {
	d.packs = slices.DeleteFunc(d.packs, func(p *pack) bool {
		if p.removed {
			p.close()
		}
		return p.removed
	})
	d.removed = 0
	d.forgetOld()
}

func (d *objectDirs) readAgain(id plumbing.Hash, depth int) (rawObject, error) {
	if !d.scanned {
		d.scan()
	}
	if d.checked {
		return d.readIntact(id)
	}
	for try := 0; ; try++ {
		r, gone, err := d.readOnce(id, depth)
		if err == nil || try == 20 {
			return r, err
		}
		if came := d.scan(); !came && !gone && try > 0 {
			return r, err
		}
	}
}

// readOnce looks in all places. Where a copy of the object is damaged, another one is as good; gone tells that git removed a
// pack meanwhile.
func (d *objectDirs) readOnce(id plumbing.Hash, depth int) (r rawObject, gone bool, err error) {
	damage := plumbing.ErrObjectNotFound
	if d.unread != nil {
		damage = d.unread // the object may be there
	}
	try := func(place packPlace, err error) bool {
		if err == nil {
			r, err = d.at(place, depth)
		}
		switch {
		case err == nil:
			return true
		case errors.Is(err, fs.ErrNotExist):
			gone = true // the object is elsewhere
		case !errors.Is(err, plumbing.ErrObjectNotFound):
			damage = err
		}
		return false
	}
	for i := 0; i < len(d.packs); i++ {
		p := d.packs[i]
		offset, err := p.find(id)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			continue
		}
		if try(packPlace{p, offset}, err) {
			copy(d.packs[1:i+1], d.packs[:i])
			d.packs[0] = p
			return r, gone, nil
		}
	}
	for _, m := range d.midxs {
		if try(m.find(id)) {
			return r, gone, nil
		}
	}
	if gone {
		d.forgetGone()
	}
	if r, err = d.readLoose(id); err == nil || !errors.Is(err, plumbing.ErrObjectNotFound) {
		return r, gone, err
	}
	return r, gone, damage
}

// forgetGone lets go of packs that were removed before one of their objects was read, and of what lists them.
func (d *objectDirs) forgetGone() {
	d.packs = slices.DeleteFunc(d.packs, func(p *pack) bool {
		lost := p.data == nil && !exists(p.path+".pack")
		if lost {
			p.close()
		}
		return lost
	})
	d.forgetOld()
}

// forgetOld lets go of multi-pack-indexes that others have replaced, with the packs that were found through them.
func (d *objectDirs) forgetOld() {
	d.midxs = slices.DeleteFunc(d.midxs, func(m *midx) bool {
		old := !m.current()
		if old {
			m.close()
		}
		return old
	})
}

// at reads the object at a place; deltas are applied.
func (d *objectDirs) at(place packPlace, depth int) (rawObject, error) {
	type step struct {
		place packPlace
		delta []byte
	}
	var steps []step
	var r rawObject
	for {
		var ok bool
		if r, ok = d.bases.get(place); ok {
			break
		}
		if len(steps)+depth > 5000 {
			return r, fmt.Errorf("%s.pack: deltas without end", filepath.Base(place.pack.path))
		}
		h, data, err := d.entry(place)
		if err != nil {
			return r, err
		}
		if !h.isDelta() {
			r = rawObject{h.kind, data}
			if len(steps) > 0 { // a base, and not for the last time
				d.keep(place, r)
			}
			break
		}
		steps = append(steps, step{place, data})
		if h.kind == plumbing.OFSDeltaObject {
			if h.back <= 0 || h.back >= place.offset {
				return r, placeError(place, errDelta)
			}
			place.offset -= h.back
			continue
		}
		if offset, err := place.pack.find(h.base); err == nil {
			place.offset = offset
			continue
		}
		if r, err = d.readAgain(h.base, depth+len(steps)); err != nil {
			return r, placeError(place, fmt.Errorf("delta base %s: %w", h.base, err))
		}
		break
	}
	for _, s := range slices.Backward(steps) {
		data, err := applyDelta(r.data, s.delta)
		if err != nil {
			return rawObject{}, placeError(s.place, err)
		}
		r.data = data
		d.keep(s.place, r)
	}
	return r, nil
}

func (d *objectDirs) keep(place packPlace, r rawObject) {
	if len(r.data) < 1<<20 {
		d.bases.put(place, r, len(r.data)+64)
	}
}

// entry reads what stands at a place, a delta or an object.
func (d *objectDirs) entry(place packPlace) (packHeader, []byte, error) {
	data, err := place.pack.at(place.offset)
	if err != nil {
		return packHeader{}, nil, err
	}
	h, rest, err := readHeader(data)
	if err != nil {
		return h, nil, placeError(place, err)
	}
	if data, err = d.inflate(rest, h.size); err != nil {
		return h, nil, placeError(place, err)
	}
	return h, data, nil
}

func placeError(place packPlace, err error) error {
	return fmt.Errorf("%s.pack at %d: %w", filepath.Base(place.pack.path), place.offset, err)
}

func (d *objectDirs) readLoose(id plumbing.Hash) (rawObject, error) {
	hex := id.String()
	damage := plumbing.ErrObjectNotFound
	for _, dir := range d.dirs {
		data, err := os.ReadFile(filepath.Join(dir, hex[:2], hex[2:]))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var r rawObject
		if err == nil {
			r, err = d.decodeLoose(data)
		}
		if err == nil {
			return r, nil
		}
		damage = fmt.Errorf("loose object: %w", err)
	}
	return rawObject{}, damage
}

// decodeLoose reads "type size NUL bytes".
func (f *inflater) decodeLoose(data []byte) (rawObject, error) {
	r, err := f.open(data)
	if err != nil {
		return rawObject{}, err
	}
	br := bufio.NewReaderSize(io.LimitReader(r, 64), 64)
	head, err := br.ReadString(0)
	if err != nil {
		return rawObject{}, errors.New("no header")
	}
	name, length, _ := strings.Cut(strings.TrimSuffix(head, "\x00"), " ")
	kind, err := plumbing.ParseObjectType(name)
	if err != nil {
		return rawObject{}, err
	}
	size, err := strconv.ParseInt(length, 10, 64)
	if err != nil || size < 0 || size > maxObject {
		return rawObject{}, fmt.Errorf("size %q", length)
	}
	whole := io.MultiReader(br, r)
	out, err := io.ReadAll(io.LimitReader(whole, size))
	if err != nil {
		return rawObject{}, inflateError(err)
	}
	if int64(len(out)) < size {
		return rawObject{}, errCut
	}
	return rawObject{kind, out}, f.end(whole)
}

// scan looks at which packs there are, and tells whether there are new ones. Those that are known stay for a while, see manyRemoved:
// one that git removes can still be read where it was opened before.
func (d *objectDirs) scan() bool {
	came := false
	d.scanned, d.unread = true, nil
	known := map[string]bool{}
	for _, p := range d.packs {
		known[p.path] = true
	}
	for _, dir := range d.dirs {
		dir := filepath.Join(dir, "pack")
		names, err := os.ReadDir(dir)
		if err != nil {
			d.note(err)
			continue
		}
		there := map[string]bool{}
		for _, n := range names {
			there[n.Name()] = true
		}
		for _, p := range d.packs {
			if filepath.Dir(p.path) == dir {
				p.removed = !there[filepath.Base(p.path)+".pack"]
			}
		}
		indexed := map[string]bool{}
		if m, fresh := d.midxOf(dir); m != nil {
			came = came || fresh
			for _, name := range m.names {
				indexed[name] = true
			}
		}
		for _, n := range names {
			name, ok := strings.CutSuffix(n.Name(), ".idx")
			path := filepath.Join(dir, name)
			if !ok || known[path] || indexed[name] {
				continue
			}
			open := glancePack
			if len(d.packs) >= manyGlances {
				open = openPack
			}
			p, err := open(path)
			if err != nil {
				d.note(err)
				continue
			}
			d.packs = append(d.packs, p)
			came = true
		}
	}
	d.countRemoved()
	return came
}

func (d *objectDirs) countRemoved() {
	d.removed = 0
	for _, p := range d.packs {
		if p.removed {
			d.removed++
		}
	}
	for _, m := range d.midxs {
		if !m.current() {
			d.removed++
		}
	}
}

func (d *objectDirs) note(err error) {
	if isMachine(err) {
		d.unread = err
	}
}

// isMachine tells whether an error is the machine's, that no descriptor is left or the disk is broken: it says nothing of what
// is in a file, nor that there is none.
func isMachine(err error) bool {
	var errno syscall.Errno
	return errors.As(err, &errno) && !errors.Is(err, fs.ErrNotExist) && !notDir(err)
}

// midxOf returns the multi-pack-index of a pack directory, nil where there is none that can be read, and whether it is new.
func (d *objectDirs) midxOf(dir string) (*midx, bool) {
	for _, m := range d.midxs {
		if m.dir == dir && m.current() {
			return m, false
		}
	}
	m, err := openMidx(dir)
	if err != nil {
		d.note(err)
		return nil, false
	}
	d.midxs = append([]*midx{m}, d.midxs...) // an older one may still lead to packs that are mapped
	return m, true
}

// everyPack lists the packs, also those that are found through a multi-pack-index.
func (d *objectDirs) everyPack() []*pack {
	all := slices.Clone(d.packs)
	for _, m := range d.midxs {
		all = append(all, m.packs...)
	}
	return all
}

// Close lets go of all packs.
func (d *objectDirs) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var err error
	for _, p := range d.packs {
		err = errors.Join(err, p.close())
	}
	for _, m := range d.midxs {
		err = errors.Join(err, m.close())
	}
	d.packs, d.midxs, d.scanned = nil, nil, false
	return err
}
