package warpgit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"
	formatcfg "github.com/go-git/go-git/v5/plumbing/format/config"

	"github.com/jitos/jitos"
)

// Repo is a user's repository: its directories, its Store, and what jitos may do to the user's side of it.
type Repo struct {
	GitDir   string // of this worktree
	Common   string // shared by all worktrees: objects, refs, jitos/
	Worktree string // root of the working tree, "" in a bare repository
	Store    *Store

	Background Background // nil: Tidy does the work itself

	objects   *objectDirs
	packs     *packWriter
	refs      *diskRefs
	tending   maintenance
	precious  bool // extensions.preciousObjects: nothing may delete a pack
	packLimit int  // gc.autoPackLimit
	modes     bool // core.fileMode: the executable bit on the disk means something

	identity sync.Mutex
	ident    string // see who
}

// Open finds the repository that dir is in, as git does (GIT_DIR counts), and takes away what a killed jitos left there. A
// repository that cannot be read rightly is refused with an error that Is jitos.ErrInvalid and names the reason; outside
// every repository the error Is jitos.ErrNotFound. Nothing is created before the first write.
func Open(dir string) (*Repo, error) {
	r, err := locate(context.Background(), dir)
	if err != nil {
		return nil, err
	}
	if err := r.open(); err != nil {
		return nil, fmt.Errorf("open %s: %w", r.Common, err)
	}
	return r, nil
}

// locate asks git where the repository is.
func locate(ctx context.Context, dir string) (*Repo, error) {
	var env []string
	for _, name := range []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	c := gitCommand{dir: dir, env: env, args: []string{"rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir",
		"--is-bare-repository", "--show-object-format", "--show-toplevel"}}
	out, err := c.run(ctx)
	lines := strings.Split(strings.TrimRight(string(out), "\n"), "\n")
	if len(lines) < 4 { // the last line is missing where there is no working tree
		if said(err, "not a git repository") {
			return nil, jitos.Hint(fmt.Errorf("%s: %w: not in a git repository", dir, jitos.ErrNotFound), "git init makes one")
		}
		if err == nil {
			err = fmt.Errorf("git rev-parse: %w: %q", jitos.ErrCorrupt, out)
		}
		return nil, err
	}
	r := &Repo{GitDir: lines[0], Common: lines[1]}
	if lines[3] != "sha1" {
		return nil, fmt.Errorf("%s: %w: its object format is %s; jitos reads sha1 repositories only", r.Common, jitos.ErrInvalid, lines[3])
	}
	if len(lines) > 4 && lines[2] != "true" {
		r.Worktree = lines[4]
	}
	return r, nil
}

func (r *Repo) open() error {
	shared, err := r.checkConfig()
	if err != nil {
		return err
	}
	now, err := clock(os.Getenv("JITOS_NOW"))
	if err != nil {
		return err
	}
	if r.objects, err = openObjectDirs(filepath.Join(r.Common, "objects")); err != nil {
		return err
	}
	r.packs = &packWriter{objects: filepath.Join(r.Common, "objects"), own: filepath.Join(r.Common, "jitos"), perm: shared}
	if err := r.packs.sweep(); err != nil {
		return err
	}
	r.refs = &diskRefs{common: r.Common, packs: r.packs, perm: shared, moved: r.moved}
	r.Store = newStore(newObjects(r.objects, r.packs), r.refs, r.who)
	r.Store.now = now
	r.Store.index.dir, r.Store.index.perm = r.local("index"), shared
	r.Store.shallow = r.isShallowEdge
	return nil
}

// Close lets go of what was staged and not appended, and of all files. The repository must not be used afterwards.
func (r *Repo) Close() error {
	return errors.Join(r.Store.Objects.close(), r.objects.Close())
}

// known are the extensions of git's repository format with which everything here stays right.
var known = map[string]bool{
	"noop": true, "noop-v1": true,
	"worktreeconfig":    true, // settings of one worktree: only git reads settings
	"relativeworktrees": true, // paths between worktrees: only git follows them
	"preciousobjects":   true, // no object may go: Tidy does nothing
	"objectformat":      true, // sha1, as checked before
}

// checkConfig refuses, by name, what would be read wrongly, and returns how files are shared.
func (r *Repo) checkConfig() (perm, error) {
	f, err := os.Open(filepath.Join(r.Common, "config"))
	if err != nil {
		return 0, err
	}
	defer f.Close()
	cfg := formatcfg.New()
	if err := formatcfg.NewDecoder(f).Decode(cfg); err != nil {
		return 0, fmt.Errorf("read config: %w", err)
	}
	for _, o := range cfg.Section("extensions").Options {
		key := strings.ToLower(o.Key)
		switch {
		case key == "partialclone":
			return 0, refusePartial()
		case key == "refstorage" && o.Value == "files", known[key]:
		case key == "refstorage":
			return 0, fmt.Errorf("%w: its refs are kept as %s; jitos knows git's files only", jitos.ErrInvalid, o.Value)
		default:
			return 0, fmt.Errorf("%w: it uses git's extension %s, which jitos does not know", jitos.ErrInvalid, o.Key)
		}
		r.precious = r.precious || key == "preciousobjects" && o.Value != "false"
	}
	for _, remote := range cfg.Section("remote").Subsections {
		if p := remote.Option("promisor"); p != "" && p != "false" {
			return 0, refusePartial()
		}
	}
	r.packLimit = autoPackLimit
	if n, err := strconv.Atoi(cfg.Section("gc").Option("autopacklimit")); err == nil && n > 0 {
		r.packLimit = n
	}
	r.modes = cfg.Section("core").Option("filemode") != "false"
	return sharedPerm(cfg.Section("core").Option("sharedrepository"))
}

func refusePartial() error {
	return jitos.Hint(fmt.Errorf("%w: it is a partial clone, and jitos does not fetch objects one by one", jitos.ErrInvalid),
		"clone again without --filter")
}

// sharedPerm reads core.sharedRepository.
func sharedPerm(v string) (perm, error) {
	switch strings.ToLower(v) {
	case "", "umask", "false", "no", "off", "0":
		return 0, nil
	case "group", "true", "yes", "on", "1":
		return 0o660, nil
	case "all", "world", "everybody", "2":
		return 0o664, nil
	}
	bits, err := strconv.ParseUint(v, 8, 16)
	if err != nil || bits&0o600 != 0o600 {
		return 0, fmt.Errorf("core.sharedRepository = %s: %w", v, jitos.ErrInvalid)
	}
	return exact | perm(bits&0o666), nil
}

// who is the user of the repository, as git would write it into a commit; without a name set it is jitos itself.
func (r *Repo) who(ctx context.Context) (string, error) {
	r.identity.Lock()
	defer r.identity.Unlock()
	if r.ident != "" {
		return r.ident, nil
	}
	line, err := r.gitLine(ctx, "var", "GIT_COMMITTER_IDENT") // name <address> seconds zone
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	r.ident = "jitos <jitos@localhost>"
	if i := strings.LastIndexByte(line, '>'); err == nil && i > 0 {
		r.ident = line[:i+1]
	}
	return r.ident, nil
}

// isShallowEdge tells whether the history is cut off behind a commit.
func (r *Repo) isShallowEdge(id plumbing.Hash) (bool, error) {
	f, err := os.Open(filepath.Join(r.Common, "shallow"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read shallow: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if lines.Text() == id.String() {
			return true, nil
		}
	}
	return false, lines.Err()
}
