package warpgit

import (
	"bufio"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
)

// objectDirs reads the loose objects and packs of a repository's object directory and of its alternates, as git does.
//
// go-git's own reader is not used: it looks for *.pack where git looks for *.idx, so it fails while a pack of anybody's is
// between its two renames; it does not follow relative or nested alternates; and it reads every index whole on opening.
type objectDirs struct {
	dirs    []string
	packs   []*pack // the one used last comes first
	scanned bool
	checked bool // see Repo.CheckObjects
	bases   cache[packPlace, rawObject]
	zr      io.ReadCloser // reused
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
	if !d.scanned {
		d.scan()
	}
	if d.checked {
		return d.readIntact(id)
	}
	for try := 0; ; try++ {
		known := len(d.packs)
		r, err := d.readPacked(id)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			r, err = d.readLoose(id)
		}
		gone := len(d.packs) < known
		if err == nil || try == 20 {
			return r, err
		}
		if came := d.scan(); !came && !gone && try > 0 {
			return r, err
		}
	}
}

func (d *objectDirs) readPacked(id plumbing.Hash) (rawObject, error) {
	for i := 0; i < len(d.packs); i++ {
		p := d.packs[i]
		offset, err := p.find(id)
		if errors.Is(err, plumbing.ErrObjectNotFound) {
			continue
		}
		if err != nil {
			return rawObject{}, err
		}
		r, err := d.at(packPlace{p, offset}, 0)
		if errors.Is(err, fs.ErrNotExist) { // git removed the pack; the object is elsewhere
			p.close()
			d.packs = slices.Delete(d.packs, i, i+1)
			i--
			continue
		}
		if i > 0 {
			copy(d.packs[1:i+1], d.packs[:i])
			d.packs[0] = p
		}
		return r, err
	}
	return rawObject{}, plumbing.ErrObjectNotFound
}

// maxObject bounds what a header may make us allocate.
const maxObject = 2 << 30

// at reads the object at a place; deltas are applied.
func (d *objectDirs) at(place packPlace, depth int) (rawObject, error) {
	if r, ok := d.bases.get(place); ok {
		return r, nil
	}
	if depth > 5000 {
		return rawObject{}, fmt.Errorf("pack %s: delta chain without end", place.pack.path)
	}
	file, err := place.pack.open()
	if err != nil {
		return rawObject{}, err
	}
	br := bufio.NewReader(io.NewSectionReader(file, place.offset, 1<<62))
	h, err := readHeader(br)
	if err != nil {
		return rawObject{}, fmt.Errorf("pack %s at %d: %w", place.pack.path, place.offset, err)
	}
	data, err := d.inflate(br, h.size)
	if err != nil {
		return rawObject{}, fmt.Errorf("pack %s at %d: %w", place.pack.path, place.offset, err)
	}
	r := rawObject{h.kind, data}
	switch h.kind {
	case plumbing.OFSDeltaObject:
		if h.back <= 0 || h.back >= place.offset {
			return rawObject{}, fmt.Errorf("pack %s at %d: base out of range", place.pack.path, place.offset)
		}
		r, err = d.at(packPlace{place.pack, place.offset - h.back}, depth+1)
	case plumbing.REFDeltaObject:
		if offset, ferr := place.pack.find(h.base); ferr == nil {
			r, err = d.at(packPlace{place.pack, offset}, depth+1)
		} else {
			r, err = d.read(h.base)
		}
	}
	if err != nil {
		return rawObject{}, err
	}
	if h.kind == plumbing.OFSDeltaObject || h.kind == plumbing.REFDeltaObject {
		if r.data, err = applyDelta(r.data, data); err != nil {
			return rawObject{}, fmt.Errorf("pack %s at %d: %w", place.pack.path, place.offset, err)
		}
	}
	if len(r.data) < 1<<20 {
		d.bases.put(place, r, len(r.data)+64)
	}
	return r, nil
}

// inflate reads exactly size bytes.
func (d *objectDirs) inflate(r io.Reader, size int64) ([]byte, error) {
	if size < 0 || size > maxObject {
		return nil, fmt.Errorf("object of %d bytes is too large", size)
	}
	var err error
	if d.zr == nil {
		d.zr, err = zlib.NewReader(r)
	} else {
		err = d.zr.(zlib.Resetter).Reset(r, nil)
	}
	if err != nil {
		d.zr = nil
		return nil, err
	}
	data := make([]byte, size)
	_, err = io.ReadFull(d.zr, data)
	if err == nil && d.checked {
		err = atEnd(d.zr)
	}
	return data, err
}

// atEnd wants a compressed stream to end here, with the right checksum: git reads no other.
func atEnd(r io.Reader) error {
	n, err := io.ReadFull(r, make([]byte, 1))
	switch {
	case n > 0:
		return errors.New("there are bytes behind its end")
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}

func (d *objectDirs) readLoose(id plumbing.Hash) (rawObject, error) {
	hex := id.String()
	for _, dir := range d.dirs {
		file, err := os.Open(filepath.Join(dir, hex[:2], hex[2:]))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return rawObject{}, err
		}
		r, err := decodeLoose(file)
		file.Close()
		if err != nil {
			return r, fmt.Errorf("loose object: %w", err)
		}
		return r, nil
	}
	return rawObject{}, plumbing.ErrObjectNotFound
}

// decodeLoose reads "type size NUL bytes".
func decodeLoose(file io.Reader) (rawObject, error) {
	zr, err := zlib.NewReader(bufio.NewReader(file))
	if err != nil {
		return rawObject{}, err
	}
	br := bufio.NewReader(zr)
	head, err := br.ReadString(0)
	if err != nil {
		return rawObject{}, err
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
	data := make([]byte, size)
	if _, err = io.ReadFull(br, data); err == nil {
		err = atEnd(br)
	}
	return rawObject{kind, data}, err
}

// scan looks at which packs there are, and tells whether there are new ones. Those that are known stay: one that git removes
// can still be read where it was opened before.
func (d *objectDirs) scan() bool {
	before := len(d.packs)
	d.scanned = true
	known := map[string]bool{}
	for _, p := range d.packs {
		known[p.path] = true
	}
	for _, dir := range d.dirs {
		names, err := filepath.Glob(filepath.Join(dir, "pack", "*.idx"))
		if err != nil {
			continue
		}
		for _, name := range names {
			path := strings.TrimSuffix(name, ".idx")
			if known[path] {
				continue
			}
			if p, err := openPack(path); err == nil {
				d.packs = append(d.packs, p)
			}
		}
	}
	return len(d.packs) > before
}

// Close closes the files of all packs.
func (d *objectDirs) Close() error {
	var first error
	for _, p := range d.packs {
		if err := p.close(); err != nil && first == nil {
			first = err
		}
	}
	d.packs, d.scanned = nil, false
	return first
}
