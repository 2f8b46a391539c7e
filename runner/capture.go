package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
)

// maxFile bounds a file that a job may leave, in bytes.
const maxFile = 64 << 20

// captured is what a job left.
type captured struct {
	tree    plumbing.Hash
	changed []string
}

// capture reads what a job left in a slot and stages it. No process of the job may be alive. Links are never followed.
//
// Left out are git's own directories, what is lent, and untracked paths that the .gitignore files there ignore, unless a
// pattern of keeps matches. Tracked files stay tracked whatever is ignored; submodules stay as they are; directories
// without files vanish. A *refusal names a path that cannot be kept.
func capture(ctx context.Context, objects Objects, s *slot, was *manifest, keeps []string, began time.Time) (captured, error) {
	racy := began.Add(-racyWindow).UnixNano()
	if s.over != nil {
		return captureUpper(ctx, objects, s, keeps, racy)
	}
	root, err := os.OpenRoot(s.place.tree())
	if err != nil {
		return captured{}, fmt.Errorf("capture: %w", err)
	}
	defer root.Close()
	c := &capturer{ctx: ctx, objects: objects, slot: s, was: was, keeps: keeps, files: make(map[string]entry, len(was.files)),
		racy: racy, below: map[string]bool{}}
	for p, e := range was.files {
		for d := parentDir(p); d != "" && !c.below[d]; d = parentDir(d) {
			c.below[d] = true
		}
		if e.mode == filemode.Submodule {
			c.files[p] = e
		}
	}
	if err := c.walk("", root, nil, false); err != nil {
		var r *refusal
		if errors.As(err, &r) {
			return captured{}, r
		}
		return captured{}, fmt.Errorf("capture: %w", err)
	}
	done := captured{tree: was.tree, changed: was.changed(c.files)}
	if len(done.changed) > 0 {
		done.tree, err = was.write(objects, c.files, done.changed)
	}
	return done, err
}

// racyWindow is the coarsest step of a file system's clock: a file put in place so shortly before the job began may have
// been written by the job in the same step.
const racyWindow = 20 * time.Millisecond

type capturer struct {
	ctx     context.Context
	objects Objects
	slot    *slot
	was     *manifest
	keeps   []string
	racy    int64           // files changed since then are read, whatever their stat says
	below   map[string]bool // directories with tracked files in them

	files map[string]entry
}

func (c *capturer) walk(dir string, at *os.Root, rules ignores, ignored bool) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	list, err := readDir(at)
	if err != nil {
		return fmt.Errorf("%s: %w", quoted(dir), err)
	}
	for _, info := range list {
		if info.Name() == ".gitignore" && info.Mode().IsRegular() && info.Size() < 1<<20 && !ignored {
			content, err := readFile(at, info)
			if err != nil {
				return fmt.Errorf("%s/.gitignore: %w", quoted(dir), err)
			}
			rules = rules.with(dir, content)
		}
	}
	for _, info := range list {
		if info.Name() == ".git" {
			continue
		}
		if err := c.visit(path.Join(dir, info.Name()), at, info, rules, ignored); err != nil {
			return err
		}
	}
	return nil
}

func (c *capturer) visit(p string, at *os.Root, info fs.FileInfo, rules ignores, ignored bool) error {
	was, known := c.was.files[p]
	if c.slot.isLent(p) || was.mode == filemode.Submodule {
		return nil
	}
	if info.IsDir() {
		ignored = ignored || rules.match(p, true)
		if ignored && !c.below[p] && len(c.keeps) == 0 {
			return nil
		}
		if why := c.refuses(p, info); why != "" {
			return &refusal{p, why}
		}
		sub, err := openDir(at, info)
		if err != nil {
			return fmt.Errorf("%s: %w", quoted(p), err)
		}
		defer sub.Close()
		return c.walk(p, sub, rules, ignored)
	}
	if !known && (ignored || rules.match(p, false)) && !matchesAny(c.keeps, p) {
		return nil
	}
	if t, ok := c.slot.files[p]; ok && known && t.entry == was && t.unchanged(statOf(info)) && t.stat.ctime < c.racy {
		c.files[p] = was
		return nil
	}
	if why := c.refuses(p, info); why != "" {
		return &refusal{p, why}
	}
	e, err := c.stage(p, at, info)
	if err != nil {
		return err
	}
	if known && was.hash == e.hash && was.mode == filemode.Deprecated && e.mode == filemode.Regular {
		e = was // a mode that git no longer writes is no change of the job's
	}
	c.files[p] = e
	return nil
}

// refuses says why something cannot be kept, "" where it can.
func (c *capturer) refuses(p string, info fs.FileInfo) string {
	if p == fabricDir || strings.HasPrefix(p, fabricDir+"/") {
		return "a job does not write the fabric's own files"
	}
	if why := badName(info.Name()); why != "" {
		return why
	}
	switch mode := info.Mode(); {
	case mode.IsDir(), mode&fs.ModeSymlink != 0:
	case !mode.IsRegular():
		return "a special file (" + mode.Type().String() + ") cannot be kept"
	case info.Size() > maxFile:
		return fmt.Sprintf("%d MB is more than a file may hold (%d MB)", info.Size()>>20, maxFile>>20)
	}
	return ""
}

// stage reads a file and puts it into the object store.
func (c *capturer) stage(p string, at *os.Root, info fs.FileInfo) (entry, error) {
	var data []byte
	e := entry{mode: filemode.Regular}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := at.Readlink(info.Name())
		if err != nil {
			return e, fmt.Errorf("%s: %w", quoted(p), err)
		}
		if why := badLink(p, target); why != "" {
			return e, &refusal{p, why}
		}
		e.mode, data = filemode.Symlink, []byte(target)
	} else {
		if info.Mode().Perm()&0o100 != 0 {
			e.mode = filemode.Executable
		}
		var err error
		if data, err = readFile(at, info); err != nil {
			return e, fmt.Errorf("%s: %w", quoted(p), err)
		}
	}
	var err error
	if e.hash, err = c.objects.PutBlob(data); err != nil {
		return e, fmt.Errorf("stage %s: %w", quoted(p), err)
	}
	return e, nil
}

// readFile reads the regular file that lstat saw, also one without permission to. What took its place meanwhile is refused.
func readFile(at *os.Root, info fs.FileInfo) ([]byte, error) {
	f, err := at.OpenFile(info.Name(), os.O_RDONLY|noFollow, 0)
	if errors.Is(err, fs.ErrPermission) {
		if err = at.Chmod(info.Name(), info.Mode().Perm()|0o400); err == nil {
			f, err = at.OpenFile(info.Name(), os.O_RDONLY|noFollow, 0)
		}
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	now, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !os.SameFile(now, info) {
		return nil, errors.New("it was replaced while it was read")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = errors.New("it grew while it was read")
	}
	return data, err
}

// openDir opens the directory that lstat saw, also one without permission to.
func openDir(at *os.Root, info fs.FileInfo) (*os.Root, error) {
	if info.Mode().Perm()&0o500 != 0o500 {
		if err := at.Chmod(info.Name(), info.Mode().Perm()|0o700); err != nil {
			return nil, err
		}
	}
	return at.OpenRoot(info.Name())
}

func matchesAny(patterns []string, p string) bool {
	for _, pattern := range patterns {
		if jitos.MatchPath(pattern, p) {
			return true
		}
	}
	return false
}

// mayWrite tells whether a job may change a path: a need of the step's for fs.write covers it, and so does a grant. A step
// has no more than it says it needs, and no more than its process was granted.
func mayWrite(step jitos.Step, grants []string, p string) bool {
	return writes(step.Needs, p) && writes(grants, p)
}

const writeVerb = "fs.write"

func writes(capabilities []string, p string) bool {
	for _, c := range capabilities {
		verb, scope, scoped := strings.Cut(c, ":")
		if verb == writeVerb && (!scoped || scope == "*" || jitos.MatchPath(scope, p)) {
			return true
		}
	}
	return false
}

// mayWriteAny tells whether a job has any capability to change files.
func mayWriteAny(step jitos.Step, grants []string) bool {
	has := func(list []string) bool {
		for _, c := range list {
			if verb, _, _ := strings.Cut(c, ":"); verb == writeVerb {
				return true
			}
		}
		return false
	}
	return has(step.Needs) && has(grants)
}
