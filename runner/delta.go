package runner

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos/warpgit/object"
)

// Bounds of what may differ between a layer and the wanted files: paths, and bytes of files. With more, a layer of their own
// is made.
const (
	maxDelta      = 500
	maxDeltaBytes = 16 << 20
)

// delta is what has to be written above a layer to make its files those of another tree.
type delta struct {
	tree  plumbing.Hash // the wanted one
	steps []deltaStep   // parents before children
}

// deltaStep makes one path what it is to be: a file, a directory (mode Dir or Submodule), or nothing (mode Empty).
type deltaStep struct {
	path string
	entry
	data []byte // of a file
}

// deltaOf compares a layer's tree with the wanted one, and reads only what differs. It is nil where that is much. A *refusal
// names the first path that must not be written into a directory.
func deltaOf(ctx context.Context, objects Objects, base, tree plumbing.Hash) (*delta, error) {
	d := &delta{tree: tree}
	little, err := d.compare(ctx, objects, "", base, tree, 0)
	if err != nil || !little {
		return nil, err
	}
	bytes := 0
	for i, s := range d.steps {
		if !s.mode.IsFile() {
			continue
		}
		if d.steps[i].data, err = objects.Blob(ctx, s.hash); err != nil {
			return nil, fmt.Errorf("%s: %w", quoted(s.path), err)
		}
		if bytes += len(d.steps[i].data); bytes > maxDeltaBytes {
			return nil, nil
		}
	}
	return d, nil
}

func (d *delta) compare(ctx context.Context, objects Objects, dir string, base, tree plumbing.Hash, depth int) (bool, error) {
	was, err := entriesByName(ctx, objects, base)
	if err != nil {
		return false, err
	}
	var now []object.TreeEntry
	if !tree.IsZero() && tree != emptyTree {
		if now, err = objects.Tree(ctx, tree); err != nil {
			return false, fmt.Errorf("read directory %q: %w", dir, err)
		}
	}
	if err := checkEntries(dir, now); err != nil {
		return false, err
	}
	if depth > maxDepth {
		return false, &refusal{dir, fmt.Sprintf("more than %d levels of directories", maxDepth)}
	}
	there := make(map[string]bool, len(now))
	for _, e := range now {
		there[e.Name] = true
		old, known := was[e.Name]
		if known && old.Mode == e.Mode && old.Hash == e.Hash {
			continue
		}
		p := path.Join(dir, e.Name)
		if len(d.steps) >= maxDelta {
			return false, nil
		}
		d.steps = append(d.steps, deltaStep{path: p, entry: entry{e.Mode, e.Hash}})
		if e.Mode != filemode.Dir {
			continue
		}
		var below plumbing.Hash
		if old.Mode == filemode.Dir {
			below = old.Hash
		}
		if little, err := d.compare(ctx, objects, p, below, e.Hash, depth+1); !little || err != nil {
			return false, err
		}
	}
	for name := range was {
		if !there[name] {
			d.steps = append(d.steps, deltaStep{path: path.Join(dir, name)})
		}
	}
	return len(d.steps) <= maxDelta, nil
}

// stand tells whether the files that differ can carry the layer's time beside all others, and notes that they do. All files
// of a directory have one time (see treeTime), so a tree on a layer of another has that one's; but a cache takes a file of the
// same path, size and time for unchanged. So no path may ever have had another content of the same size at this time: not
// in the layer, and not in any tree that was laid on it before. The file "stands" beside the layer says which were:
// "<size> <blob> <path>" and a newline each, the path quoted.
func (d *delta) stand(l *layer) (bool, error) {
	f, err := os.OpenFile(filepath.Join(string(l.place), "stands"), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return false, fmt.Errorf("files on a layer: %w", err)
	}
	defer f.Close()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return false, fmt.Errorf("files on a layer: %w", err)
	}
	type version struct {
		path string
		size int64
	}
	known := map[version]string{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		size, rest, _ := strings.Cut(lines.Text(), " ")
		blob, quotedPath, _ := strings.Cut(rest, " ")
		n, err1 := strconv.ParseInt(size, 10, 64)
		p, err2 := strconv.Unquote(quotedPath)
		if err1 != nil || err2 != nil {
			return false, nil // cut off by a full disk: nothing is known about this layer any more
		}
		known[version{p, n}] = blob
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("files on a layer: %w", err)
	}
	var added bytes.Buffer
	for _, s := range d.steps {
		if !s.mode.IsFile() || s.mode == filemode.Symlink {
			continue
		}
		size := int64(len(s.data))
		is := version{s.path, size}
		blob, seen := known[is]
		if seen && blob != s.hash.String() {
			return false, nil
		}
		if !seen {
			info, err := os.Lstat(filepath.Join(l.place.tree(), filepath.FromSlash(s.path)))
			if err == nil && info.Mode().IsRegular() && info.Size() == size {
				same, err := fileIs(filepath.Join(l.place.tree(), filepath.FromSlash(s.path)), s.hash)
				if !same || err != nil {
					return false, err
				}
			}
			fmt.Fprintf(&added, "%d %s %s\n", size, s.hash, strconv.Quote(s.path))
		}
	}
	if added.Len() == 0 {
		return true, nil
	}
	_, err = f.Write(added.Bytes())
	return err == nil, err
}

// fileIs tells whether a file has the content of a blob: only its mode may differ then.
func fileIs(name string, blob plumbing.Hash) (bool, error) {
	data, err := os.ReadFile(name)
	return err == nil && plumbing.ComputeHash(plumbing.BlobObject, data) == blob, err
}

// write writes what differs to the upper directory of an empty overlay, and notes how it stands there.
func (d *delta) write(ctx context.Context, s *slot, upper string) error {
	s.upper = map[string]tracked{}
	if len(d.steps) == 0 {
		return nil
	}
	root, err := os.OpenRoot(upper)
	if err != nil {
		return fmt.Errorf("write the files of a job: %w", err)
	}
	defer root.Close()
	at := treeTime(s.over.layer.tree)
	c := &checkout{ctx: ctx, root: root, time: at}
	for _, step := range d.steps {
		if err := c.step(s, upper, step); err != nil {
			return fmt.Errorf("write the files of a job: %s: %w", quoted(step.path), err)
		}
	}
	return nil
}

func (c *checkout) step(s *slot, upper string, step deltaStep) error {
	dir := path.Dir(step.path)
	if err := c.root.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	switch step.mode {
	case filemode.Dir:
		return c.root.MkdirAll(step.path, 0o755)
	case filemode.Submodule:
		if err := c.root.MkdirAll(step.path, 0o755); err != nil {
			return err
		}
		return makeOpaque(filepath.Join(upper, filepath.FromSlash(step.path)))
	case filemode.Empty:
		return makeWhiteout(filepath.Join(upper, filepath.FromSlash(step.path)))
	}
	at, err := c.root.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer at.Close()
	info, err := c.writeFile(at, step.path, step.entry, step.data)
	if err == nil {
		s.upper[step.path] = tracked{step.entry, statOf(info)}
	}
	return err
}
