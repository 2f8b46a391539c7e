package warpgit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/go-git/go-git/v5/plumbing"
	"golang.org/x/sys/unix"

	"github.com/jitos/jitos"
)

// locate finds the repository that a directory is in. To start git for that takes as long as all else that a short command
// does, so the plain case is decided here, by git's own rules (setup.c), and every other by git.
func locate(ctx context.Context, dir string) (*Repo, error) {
	if r := locatePlain(dir); r != nil {
		return r, nil
	}
	return locateByGit(ctx, dir)
}

// pointing are the variables that tell git where a repository or its settings are.
var pointing = []string{"GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"}

// locatePlain goes up from a directory to the first that has a .git. It returns nil unless it is certain that git would
// accept what is there and say the same of it: no variable points elsewhere, all belongs to this user (safe.directory does
// not matter), no file system is left, the repository is not bare, and its format is one that every git knows.
func locatePlain(dir string) *Repo {
	for _, name := range pointing {
		if _, set := os.LookupEnv(name); set {
			return nil
		}
	}
	dir, err := realPath(dir)
	if err != nil {
		return nil
	}
	var start unix.Stat_t
	if unix.Stat(dir, &start) != nil {
		return nil
	}
	ceiling := ceilingOf(dir, os.Getenv("GIT_CEILING_DIRECTORIES"))
	for {
		var at unix.Stat_t
		if unix.Stat(dir, &at) != nil || at.Dev != start.Dev {
			return nil
		}
		if gitDir, found := gitDirIn(dir); found {
			return plainRepo(dir, gitDir)
		}
		if isGitDir(dir) {
			return nil // bare, or the inside of a .git
		}
		up := filepath.Dir(dir)
		if up == dir || up == ceiling {
			return nil
		}
		dir = up
	}
}

// plainRepo checks the repository of a working tree.
func plainRepo(worktree, gitDir string) *Repo {
	for _, path := range []string{filepath.Join(worktree, ".git"), worktree, gitDir} {
		if !isOwn(path) {
			return nil
		}
	}
	gitDir, err := realPath(gitDir)
	if err != nil || !isGitDir(gitDir) {
		return nil
	}
	common, linked, err := commonDir(gitDir)
	if err != nil {
		return nil
	}
	text, err := os.ReadFile(filepath.Join(common, "config"))
	if err != nil {
		return nil
	}
	config, err := parseConfig(text)
	if err != nil || !plainFormat(config, gitDir, linked) {
		return nil
	}
	return &Repo{GitDir: gitDir, Common: common, Worktree: worktree}
}

// plainFormat tells whether settings leave the working tree where .git is, in a format of version 0 or 1.
func plainFormat(config config, gitDir string, linked bool) bool {
	version := config.value("core.repositoryformatversion")
	for _, s := range config {
		if s.section() != "extensions" {
			continue
		}
		switch s.key() {
		case "noop", "preciousobjects", "partialclone":
		case "worktreeconfig":
			if exists(filepath.Join(gitDir, "config.worktree")) {
				return false
			}
		case "objectformat":
			if version != "1" || s.value != "sha1" {
				return false
			}
		default:
			if version != "1" {
				return false
			}
		}
	}
	_, moved := config.last("core.worktree")
	bare, set := config.last("core.bare")
	return (version == "" || version == "0" || version == "1") && !moved && (linked || !set || bare.value == "false")
}

// gitDirIn returns the git directory that the .git of a directory is or names, as written; found is false where there is none
// that git would stop at.
func gitDirIn(dir string) (gitDir string, found bool) {
	path := filepath.Join(dir, ".git")
	info, err := os.Stat(path)
	if err != nil {
		return "", false
	}
	if info.IsDir() {
		return path, isGitDir(path)
	}
	if !info.Mode().IsRegular() || info.Size() > 1<<16 {
		return "", true // git says what is wrong with it
	}
	text, err := os.ReadFile(path)
	target, ok := strings.CutPrefix(strings.TrimRight(string(text), "\r\n"), "gitdir: ")
	if err != nil || !ok || target == "" {
		return "", true
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(dir, target)
	}
	return target, true
}

// isGitDir tells whether a directory looks like a repository's: a HEAD that can be one, objects and refs.
func isGitDir(dir string) bool {
	info, err := os.Lstat(filepath.Join(dir, "HEAD"))
	if err != nil || !info.Mode().IsRegular() {
		return false // a symbolic link was allowed once; git decides
	}
	head, err := os.ReadFile(filepath.Join(dir, "HEAD"))
	if err != nil {
		return false
	}
	if ref, ok := strings.CutPrefix(string(head), "ref:"); ok {
		if !strings.HasPrefix(strings.TrimLeft(ref, " \t\n"), "refs/") {
			return false
		}
	} else if len(head) < 40 || !plumbing.IsHash(string(head[:40])) {
		return false
	}
	common, _, err := commonDir(dir)
	return err == nil && unix.Access(filepath.Join(common, "objects"), unix.X_OK) == nil && unix.Access(filepath.Join(common, "refs"), unix.X_OK) == nil
}

// commonDir is the directory that a git directory shares with other worktrees of its repository: itself, unless it is one of
// a linked worktree.
func commonDir(gitDir string) (dir string, linked bool, err error) {
	text, err := os.ReadFile(filepath.Join(gitDir, "commondir"))
	if errors.Is(err, fs.ErrNotExist) {
		return gitDir, false, nil
	}
	if err != nil {
		return "", false, err
	}
	dir = strings.TrimRight(string(text), "\r\n")
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(gitDir, dir)
	}
	dir, err = realPath(dir)
	return dir, true, err
}

// ceilingOf is the nearest directory above dir, or dir's root, that GIT_CEILING_DIRECTORIES names; "" for none. The search
// for a repository does not reach it. Symbolic links in the list are followed, up to an empty entry.
func ceilingOf(dir, list string) string {
	nearest, follow := "", true
	for _, c := range filepath.SplitList(list) {
		if c == "" {
			follow = false
			continue
		}
		if !filepath.IsAbs(c) {
			continue
		}
		if follow {
			if real, err := filepath.EvalSymlinks(c); err == nil {
				c = real
			}
		}
		c = filepath.Clean(c)
		above := c == "/" && dir != "/" || strings.HasPrefix(dir, c+"/")
		if above && len(c) > len(nearest) {
			nearest = c
		}
	}
	return nearest
}

// isOwn tells whether a path belongs to the user that this process runs as. Where it does not, git asks safe.directory.
func isOwn(path string) bool {
	info, err := os.Lstat(path)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

func realPath(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(path)
}

// locateByGit asks git.
func locateByGit(ctx context.Context, dir string) (*Repo, error) {
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
