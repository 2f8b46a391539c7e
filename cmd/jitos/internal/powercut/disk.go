// Package powercut keeps a record of what programs did to files, and makes the states in which a power cut may leave them:
// what was synced is there, and of the rest any part that the file system may have written by then. The tests that cut the
// power of jitos are built on it.
//
// The rules are those of POSIX, which are harsher than those of any one file system: fsync of a file keeps its bytes and not
// its name, fsync of a directory keeps the names in it, a rename within a directory is all or nothing, and two changes of one
// name are kept in their order. Of a rename to another directory the sync of each directory keeps its half; only where neither
// was synced does the old name last as long as the new one is not there.
package powercut

import (
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Disk is a directory, with everything that was done below it since Record began.
type Disk struct {
	root  *inode
	steps []step
	// LoseSyncs makes a disk that does not do what it is told: nothing is synced any more.
	LoseSyncs bool
}

// inode is a file, a directory or a symbolic link.
type inode struct {
	mode    fs.FileMode
	bytes   []byte            // of a file, or the target of a link: as it is now
	entries map[string]*inode // of a directory: as they are now
	first   []byte            // as the record began
	begin   map[string]*inode
}

// step is one thing that happened. Exactly one of its parts is set.
type step struct {
	file  *inode // its bytes were changed
	bytes []byte
	names []name // names that changed together, as in a rename
	sync  *inode // was synced
	half  bool   // the names are the second half of a rename, whose first is the step before
}

// name is an entry of a directory that was set, or removed where it has no inode.
type name struct {
	dir  *inode
	name string
	to   *inode
}

// Len is how many steps were recorded: the power can be cut before each of them, and after the last.
func (d *Disk) Len() int { return len(d.steps) }

// at finds what is at a path as it is now, nil for nothing.
func (d *Disk) at(path string) *inode {
	n := d.root
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." {
			continue
		}
		if n == nil || n.entries == nil {
			return nil
		}
		n = n.entries[part]
	}
	return n
}

// set changes names together, now and in the record.
func (d *Disk) set(names ...name) {
	for _, n := range names {
		if n.dir == nil || n.dir.entries == nil {
			return // in a directory that is not recorded
		}
	}
	for _, n := range names {
		if n.to == nil {
			delete(n.dir.entries, n.name)
		} else {
			n.dir.entries[n.name] = n.to
		}
	}
	d.steps = append(d.steps, step{names: names})
}

// move is a rename.
func (d *Disk) move(to, from name) {
	if to.dir == from.dir {
		d.set(to, from)
		return
	}
	before := len(d.steps)
	d.set(to)
	whole := len(d.steps) > before
	d.set(from)
	if last := len(d.steps) - 1; whole && last > before {
		d.steps[last].half = true
	}
}

func (d *Disk) write(n *inode, bytes []byte) {
	n.bytes = bytes
	d.steps = append(d.steps, step{file: n, bytes: bytes})
}

func (d *Disk) sync(n *inode) { d.steps = append(d.steps, step{sync: n}) }

// Cut writes to an empty directory what may be left where the power is cut before step n; of the legal states the random
// numbers choose one.
func (d *Disk) Cut(n int, r *rand.Rand, dir string) error {
	kept := d.keptNames(n, r)
	tree := map[*inode]map[string]*inode{}
	entries := func(n *inode) map[string]*inode {
		if tree[n] == nil {
			tree[n] = map[string]*inode{}
			for name, to := range n.begin {
				tree[n][name] = to
			}
		}
		return tree[n]
	}
	for i, s := range d.steps[:n] {
		if !kept[i] {
			continue
		}
		for _, e := range s.names {
			if e.to == nil {
				delete(entries(e.dir), e.name)
			} else {
				entries(e.dir)[e.name] = e.to
			}
		}
	}
	return d.lay(d.root, entries, d.keptBytes(n, r), dir, map[*inode]string{})
}

// keptNames chooses which changes of names are on the disk: those that a later sync of their directory made so, what they
// rest on, and of the others some.
func (d *Disk) keptNames(n int, r *rand.Rand) map[int]bool {
	kept := map[int]bool{}
	last := map[*inode]map[string]int{} // by name, the step that changed it last
	rests := make([][]int, n)
	under := map[*inode][]int{} // by directory, the steps that no sync has covered yet
	var keep func(i int, synced bool)
	keep = func(i int, synced bool) {
		if kept[i] {
			return
		}
		kept[i] = true
		for _, before := range rests[i] {
			keep(before, false)
		}
		if d.steps[i].half && !synced {
			keep(i-1, false)
		}
	}
	for i, s := range d.steps[:n] {
		for _, e := range s.names {
			if before, ok := last[e.dir][e.name]; ok {
				rests[i] = append(rests[i], before)
			}
			if last[e.dir] == nil {
				last[e.dir] = map[string]int{}
			}
			last[e.dir][e.name] = i
			under[e.dir] = append(under[e.dir], i)
		}
		if s.sync != nil && !d.LoseSyncs {
			for _, j := range under[s.sync] {
				keep(j, true)
			}
			delete(under, s.sync)
		}
	}
	switch chance := r.IntN(3); chance {
	case 0: // nothing else had been written
	case 1: // all up to some moment, as a journal has it
		for i := range n - r.IntN(min(n, 40)+1) {
			keep(i, false)
		}
	default: // any
		for i := range n {
			if r.IntN(2) == 0 {
				keep(i, false)
			}
		}
	}
	return kept
}

// keptBytes chooses the bytes of each file: those of its last sync, or any that it had since, whole or torn.
func (d *Disk) keptBytes(n int, r *rand.Rand) map[*inode][]byte {
	may := map[*inode][][]byte{}
	var order []*inode // the random numbers shall decide, not the order of a map
	for _, s := range d.steps[:n] {
		switch {
		case s.file != nil:
			if may[s.file] == nil {
				may[s.file] = [][]byte{s.file.first}
				order = append(order, s.file)
			}
			may[s.file] = append(may[s.file], s.bytes)
		case s.sync != nil && !d.LoseSyncs:
			if all := may[s.sync]; len(all) > 0 {
				may[s.sync] = all[len(all)-1:]
			}
		}
	}
	kept := map[*inode][]byte{}
	for _, file := range order {
		all := may[file]
		bytes := all[r.IntN(len(all))]
		if len(all) > 1 && len(bytes) > 0 {
			switch r.IntN(4) {
			case 0: // the length was written, the bytes were not
				bytes = make([]byte, len(bytes))
			case 1:
				bytes = bytes[:r.IntN(len(bytes))]
			case 2:
				bytes = slices.Clone(bytes)
				clear(bytes[r.IntN(len(bytes)):])
			}
		}
		kept[file] = bytes
	}
	return kept
}

func (d *Disk) lay(n *inode, entries func(*inode) map[string]*inode, bytes map[*inode][]byte, path string, done map[*inode]string) error {
	if n.entries != nil {
		if err := os.Mkdir(path, 0o777); err != nil && n != d.root {
			return err
		}
		for name, below := range entries(n) {
			if err := d.lay(below, entries, bytes, filepath.Join(path, name), done); err != nil {
				return err
			}
		}
		return nil
	}
	if first, ok := done[n]; ok {
		return os.Link(first, path)
	}
	done[n] = path
	data, changed := bytes[n]
	if !changed {
		data = n.first
	}
	if n.mode&fs.ModeSymlink != 0 {
		return os.Symlink(string(n.bytes), path)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return err
	}
	return os.Chmod(path, n.mode.Perm())
}
