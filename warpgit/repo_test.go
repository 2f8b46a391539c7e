package warpgit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

func TestOpen_places(t *testing.T) {
	dir := newDir(t)
	common := filepath.Join(dir, ".git")
	bare := filepath.Join(t.TempDir(), "bare.git")
	run(t, dir, "clone", "-q", "--bare", dir, bare)
	linked := filepath.Join(t.TempDir(), "linked")
	run(t, dir, "worktree", "add", "-q", "-b", "side", linked)
	for name, want := range map[string]*Repo{
		dir:                       {GitDir: common, Common: common, Worktree: dir},
		filepath.Join(dir, "src"): {GitDir: common, Common: common, Worktree: dir},
		bare:                      {GitDir: bare, Common: bare},
		linked:                    {GitDir: filepath.Join(common, "worktrees/linked"), Common: common, Worktree: linked},
	} {
		r := openDir(t, name)
		if r.GitDir != want.GitDir || r.Common != want.Common || r.Worktree != want.Worktree {
			t.Errorf("open %s: git dir %s, common %s, worktree %s", name, r.GitDir, r.Common, r.Worktree)
		}
	}
	t.Setenv("GIT_DIR", bare)
	if r := openDir(t, dir); r.Common != bare {
		t.Errorf("GIT_DIR does not count: %s", r.Common)
	}
	if exists(filepath.Join(common, "jitos")) {
		t.Error("opening created something")
	}
}

func TestOpen_refusals(t *testing.T) {
	isolate(t)
	if _, err := Open(t.TempDir()); !errors.Is(err, jitos.ErrNotFound) {
		t.Errorf("no repository: %v", err)
	}
	for config, want := range map[string]string{
		"extensions.worktreeConfig true":     "",
		"extensions.preciousObjects true":    "",
		"extensions.refStorage reftable":     "git", // an old git refuses by itself, a new one leaves it to us
		"extensions.partialClone origin":     "partial clone",
		"remote.origin.promisor true":        "partial clone",
		"extensions.compatObjectFormat sha1": "git",
		"core.sharedRepository 0640":         "",
		"core.sharedRepository sometimes":    "",
	} {
		dir := t.TempDir()
		run(t, dir, "init", "-q")
		run(t, dir, "config", "core.repositoryFormatVersion", "1")
		run(t, dir, append([]string{"config"}, strings.Fields(config)...)...)
		r, err := Open(dir)
		if want == "" && err != nil && !strings.Contains(config, "sometimes") || want != "" && (err == nil || !strings.Contains(err.Error(), want) && want != "git") {
			t.Errorf("%s: error %v, want %q in it", config, err, want)
		}
		if err == nil {
			r.Close()
		}
	}
	dir := t.TempDir()
	run(t, dir, "init", "-q", "--object-format=sha256")
	if _, err := Open(dir); !errors.Is(err, jitos.ErrInvalid) || !strings.Contains(err.Error(), "sha256") {
		t.Errorf("sha256: %v", err)
	}
}

func TestCurrent(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	index := read(t, dir, ".git/index")
	tip := jitos.CommitID(run(t, dir, "rev-parse", "HEAD"))
	cur, err := r.Current(ctx)
	if err != nil || cur.Branch != "main" || cur.Tip != tip || cur.Busy != "" || cur.Bare || cur.Shallow || cur.Actor != ada {
		t.Errorf("current %+v %v", cur, err)
	}
	if dirty, err := r.DirtyPaths(ctx); err != nil || len(dirty) > 0 {
		t.Errorf("dirty %v %v", dirty, err)
	}
	write(t, dir, "README.md", "changed\n")
	write(t, dir, "untracked", "x\n")
	if dirty, err := r.DirtyPaths(ctx); err != nil || !slices.Equal(dirty, []string{"README.md"}) {
		t.Errorf("dirty %v %v", dirty, err)
	}
	if read(t, dir, ".git/index") != index {
		t.Error("looking changed the index")
	}
	run(t, dir, "checkout", "-q", "--", ".")
	run(t, dir, "checkout", "-q", "--detach")
	if cur, err = r.Current(ctx); err != nil || cur.Branch != "" || cur.Tip != tip {
		t.Errorf("detached %+v %v", cur, err)
	}
	run(t, dir, "checkout", "-q", "--orphan", "fresh")
	if cur, err = r.Current(ctx); err != nil || cur.Branch != "fresh" || cur.Tip != "" {
		t.Errorf("unborn %+v %v", cur, err)
	}
	if dirty, err := r.DirtyPaths(ctx); err != nil || len(dirty) != 2 {
		t.Errorf("unborn: dirty %v %v", dirty, err)
	}
}

// What git is in the middle of is told by the files that git itself leaves, so git itself is asked to stop half way.
func TestCurrent_busy(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	run(t, dir, "checkout", "-q", "-b", "side")
	write(t, dir, "README.md", "side\n")
	run(t, dir, "commit", "-q", "-am", "side")
	run(t, dir, "checkout", "-q", "main")
	write(t, dir, "README.md", "main\n")
	run(t, dir, "commit", "-q", "-am", "main")
	for what, args := range map[string][]string{
		"merge":       {"merge", "side"},
		"rebase":      {"rebase", "side"},
		"cherry-pick": {"cherry-pick", "side"},
		"revert":      {"revert", "side"},
	} {
		gitCommand{dir: dir, args: args}.run(ctx) // it stops at the conflict
		cur, err := r.Current(ctx)
		if err != nil || cur.Busy != what {
			t.Errorf("during a %s: %+v %v", what, cur, err)
		}
		if where, err := r.CheckedOut(ctx, "refs/heads/main"); err != nil || where != dir {
			t.Errorf("during a %s main is checked out in %q %v", what, where, err)
		}
		run(t, dir, what, "--abort")
	}
	run(t, dir, "bisect", "start")
	if cur, err := r.Current(ctx); err != nil || cur.Busy != "bisect" {
		t.Errorf("during a bisect: %+v %v", cur, err)
	}
	run(t, dir, "bisect", "reset")
}

func TestTipAndContains(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	first, err := r.Tip(ctx, "main")
	if err != nil {
		t.Fatal(err)
	}
	run(t, dir, "commit", "-q", "--allow-empty", "-m", "second")
	run(t, dir, "pack-refs", "--all")
	second, err := r.Tip(ctx, "main")
	if err != nil || second != jitos.CommitID(run(t, dir, "rev-parse", "main")) {
		t.Errorf("packed tip %s %v", second, err)
	}
	if _, err := r.Tip(ctx, "nope"); !errors.Is(err, jitos.ErrNotFound) {
		t.Errorf("no branch: %v", err)
	}
	gone := jitos.CommitID(strings.Repeat("1", 40))
	for _, c := range []struct {
		tip, ancestor jitos.CommitID
		want          bool
	}{{second, first, true}, {first, second, false}, {first, first, true}, {first, gone, false}, {"", first, false}, {first, "", true}} {
		if got, err := r.Contains(ctx, c.tip, c.ancestor); err != nil || got != c.want {
			t.Errorf("%s contains %s: %v %v", c.tip, c.ancestor, got, err)
		}
	}
}

// A file was changed in the moment in which git wrote its index, and kept its size: the index and the file have one time, and
// git looks at the bytes. In a copy of the index with a younger time it did not, and --dirty left the change out.
func TestDirty_sameTime(t *testing.T) {
	dir := newDir(t)
	run(t, dir, "config", "core.trustctime", "false")
	run(t, dir, "config", "core.checkStat", "minimal")
	then := pinned
	file := filepath.Join(dir, "README.md")
	if err := os.Chtimes(file, then, then); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "update-index", "--refresh")
	write(t, dir, "README.md", "HELLO\n")
	for _, name := range []string{file, filepath.Join(dir, ".git/index")} {
		if err := os.Chtimes(name, then, then); err != nil {
			t.Fatal(err)
		}
	}
	r := openDir(t, dir)
	tree, err := r.Dirty(ctx)
	if err != nil {
		t.Fatal(err)
	}
	files, err := r.Store.Files(tree)
	if err != nil {
		t.Fatal(err)
	}
	if text, err := files.ReadFile(ctx, "README.md"); err != nil || string(text) != "HELLO\n" {
		t.Errorf("README.md is %q %v", text, err)
	}
}

func TestDirty(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	write(t, dir, "README.md", "changed\n")
	write(t, dir, "staged.txt", "new\n")
	write(t, dir, "untracked.txt", "x\n")
	write(t, dir, ".jitos/foreign", "x\n")
	os.Remove(filepath.Join(dir, "src/main.go"))
	run(t, dir, "add", "staged.txt", ".jitos")
	index, objects := read(t, dir, ".git/index"), run(t, dir, "count-objects", "-v")
	tree, err := r.Dirty(ctx)
	if err != nil {
		t.Fatal(err)
	}
	files, err := r.Store.Files(tree)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for p, err := range files.Glob(ctx, "**") {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, p)
	}
	if !slices.Equal(got, []string{"README.md", "staged.txt"}) {
		t.Errorf("files %v", got)
	}
	if data, err := files.ReadFile(ctx, "README.md"); err != nil || string(data) != "changed\n" {
		t.Errorf("README.md %q %v", data, err)
	}
	if read(t, dir, ".git/index") != index || run(t, dir, "count-objects", "-v") != objects {
		t.Error("the index or the objects changed")
	}
}

func TestLocal(t *testing.T) {
	dir := newDir(t)
	r, other := openDir(t, dir), openDir(t, dir)
	if a, b := r.Clone(), other.Clone(); a != b || a == "" {
		t.Errorf("clone %q and %q", a, b)
	}
	if r.Allowed("abc") || r.Allowed("") {
		t.Error("allowed from the start")
	}
	for range 2 {
		if err := r.Allow("abc", "a method\nof theirs"); err != nil {
			t.Fatal(err)
		}
	}
	if !other.Allowed("abc") || other.Allowed("ab") || read(t, dir, ".git/jitos/allowed") != "abc a method of theirs\n" {
		t.Errorf("allowed: %q", read(t, dir, ".git/jitos/allowed"))
	}
	t.Setenv("JITOS_ALLOW", "x,def")
	if !r.Allowed("def") || !r.Allowed("abc") {
		t.Error("JITOS_ALLOW does not count")
	}
	release, err := r.Hold("process-aaaaaaaa")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Hold("process-aaaaaaaa"); !errors.Is(err, jitos.ErrBusy) {
		t.Errorf("held twice: %v", err)
	}
	release()
	if release, err = other.Hold("process-aaaaaaaa"); err != nil {
		t.Errorf("held after the release: %v", err)
	}
	release()
	if _, err := r.Hold("../x"); !errors.Is(err, jitos.ErrInvalid) {
		t.Errorf("hold of a path: %v", err)
	}
}

func TestWorktrees(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	tip := born(t, r.Store)
	if _, err := r.Store.Append(ctx, jitos.SWSPrefix+"try", "", tip); err != nil {
		t.Fatal(err)
	}
	linked := filepath.Join(t.TempDir(), "try")
	if where, err := r.CheckedOut(ctx, jitos.SWSPrefix+"try"); err != nil || where != "" {
		t.Errorf("before: %q %v", where, err)
	}
	if err := r.WorktreeAdd(ctx, linked, "jitos/sws/try"); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(read(t, linked, ".jitos/fabric.json"), "test-aaaaaaaa") {
		t.Error("the worktree has no fabric")
	}
	if where, err := r.CheckedOut(ctx, jitos.SWSPrefix+"try"); err != nil || where != linked {
		t.Errorf("checked out in %q %v", where, err)
	}
	if err := r.WorktreeAdd(ctx, linked+"2", "jitos/sws/try"); !errors.Is(err, jitos.ErrBusy) {
		t.Errorf("checked out twice: %v", err)
	}
	if err := r.Detach(ctx, linked); err != nil {
		t.Fatal(err)
	}
	if where, err := r.CheckedOut(ctx, jitos.SWSPrefix+"try"); err != nil || where != "" {
		t.Errorf("after the detach: %q %v", where, err)
	}
	if got := run(t, linked, "rev-parse", "HEAD"); got != string(tip) || run(t, linked, "status", "--porcelain") != "" {
		t.Errorf("the detached worktree is at %s", got)
	}
	write(t, linked, "mine", "x\n")
	if err := r.WorktreeRemove(ctx, linked, false); !errors.Is(err, jitos.ErrConflict) {
		t.Errorf("removed with changes: %v", err)
	}
	if err := r.WorktreeRemove(ctx, linked, true); err != nil || exists(linked) {
		t.Errorf("forced: %v", err)
	}
	list, err := r.Worktrees(ctx)
	if err != nil || len(list) != 1 || !list[0].Main || list[0].Branch != "refs/heads/main" || list[0].Dir != dir {
		t.Errorf("worktrees %+v %v", list, err)
	}
}

func TestCheckInit(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	if notices, err := r.CheckInit(ctx); err != nil || len(notices) != 0 {
		t.Errorf("%v %v", notices, err)
	}
	write(t, dir, ".jitos/x", "foreign\n")
	run(t, dir, "add", ".")
	run(t, dir, "commit", "-q", "-m", "foreign")
	if notices, err := r.CheckInit(ctx); err != nil || len(notices) != 1 {
		t.Errorf("foreign .jitos: %v %v", notices, err)
	}
	run(t, dir, "branch", "jitos")
	_, err := r.CheckInit(ctx)
	var hint *jitos.HintError
	if !errors.Is(err, jitos.ErrInvalid) || !errors.As(err, &hint) {
		t.Errorf("a branch in the way: %v", err)
	}
	if _, err := r.Store.Append(ctx, jitos.SystemRef, "", "", birth()); !errors.Is(err, jitos.ErrInvalid) {
		t.Errorf("append with a branch in the way: %v", err)
	}
	run(t, dir, "pack-refs", "--all")
	if _, err := r.Store.Append(ctx, jitos.SystemRef, "", "", birth()); !errors.Is(err, jitos.ErrInvalid) {
		t.Errorf("append with a packed branch in the way: %v", err)
	}
}

// listing is every file of a git directory but objects, with its content.
func listing(t *testing.T, root string) map[string]string {
	out := map[string]string{}
	err := filepath.WalkDir(root, func(p string, e os.DirEntry, err error) error {
		if err != nil || strings.Contains(p, "/objects/") {
			return err
		}
		data := []byte("directory")
		if !e.IsDir() {
			data, err = os.ReadFile(p)
		}
		out[p] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestUninit_leavesNoTrace(t *testing.T) {
	dir := newDir(t)
	before := listing(t, filepath.Join(dir, ".git"))
	r := openDir(t, dir)
	tip := born(t, r.Store)
	for _, name := range []string{"one", "two"} {
		if _, err := r.Store.Append(ctx, jitos.Ref(jitos.SWSPrefix+name), "", tip); err != nil {
			t.Fatal(err)
		}
	}
	run(t, dir, "pack-refs", "--all")
	if err := r.Store.Archive(ctx, tip, "gave up"); err != nil {
		t.Fatal(err)
	}
	r.Clone()
	linked := filepath.Join(t.TempDir(), "one")
	if err := r.WorktreeAdd(ctx, linked, "jitos/sws/one"); err != nil {
		t.Fatal(err)
	}
	write(t, linked, "README.md", "mine\n")
	if err := r.Uninit(ctx, false); !errors.Is(err, jitos.ErrConflict) {
		t.Errorf("with changes in a worktree: %v", err)
	}
	release, err := r.Hold("process-aaaaaaaa")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Uninit(ctx, true); !errors.Is(err, jitos.ErrBusy) {
		t.Errorf("with a process alive: %v", err)
	}
	release()
	if _, err := r.Store.Head(ctx, jitos.SystemRef); err != nil {
		t.Errorf("a refused uninit removed something: %v", err)
	}
	for range 2 {
		if err := r.Uninit(ctx, true); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Tidy(ctx); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "worktree", "prune")
	after := listing(t, filepath.Join(dir, ".git"))
	for p, text := range after {
		// git pack-refs of this test moved main, and git itself leaves the empty directory of worktrees.
		if before[p] != text && !strings.HasSuffix(p, "packed-refs") && !strings.HasSuffix(p, "/worktrees") {
			t.Errorf("left behind: %s", p)
		}
	}
	if strings.Contains(read(t, dir, ".git/packed-refs"), "jitos") || exists(linked) {
		t.Error("refs or a worktree are left")
	}
}

// Without a name the fabric still has a committer; JITOS_NOW pins the time of the commits.
func TestIdentityAndClock(t *testing.T) {
	dir := newDir(t)
	for _, name := range []string{"GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"} {
		os.Unsetenv(name)
	}
	run(t, dir, "config", "user.useConfigOnly", "true")
	t.Setenv("JITOS_NOW", "1700000000")
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	tip := born(t, r.Store)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if got := run(t, dir, "log", "-1", "--format=%an <%ae>|%cn <%ce>|%at %ct", string(tip)); got != ada+"|jitos <jitos@localhost>|1700000000 1700000000" {
		t.Errorf("commit by %s", got)
	}
	t.Setenv("JITOS_NOW", "yesterday")
	if _, err := Open(dir); !errors.Is(err, jitos.ErrInvalid) {
		t.Errorf("a time that is none: %v", err)
	}
}

// Files get the modes that git would give them, so that a shared repository stays shared.
func TestSharedModes(t *testing.T) {
	for _, shared := range []string{"umask", "group", "all", "0640"} {
		dir := newDir(t)
		run(t, dir, "config", "core.sharedRepository", shared)
		run(t, dir, "branch", "by-git")
		run(t, dir, "repack", "-q")
		r := openDir(t, dir)
		born(t, r.Store)
		mode := func(pattern string) map[os.FileMode]bool {
			modes := map[os.FileMode]bool{}
			list, err := filepath.Glob(filepath.Join(dir, ".git", pattern))
			if err != nil || len(list) == 0 {
				t.Fatalf("%s: %v", pattern, err)
			}
			for _, name := range list {
				info, err := os.Stat(name)
				if err != nil {
					t.Fatal(err)
				}
				modes[info.Mode()] = true
			}
			return modes
		}
		for _, pattern := range []string{"objects/pack/*.pack", "objects/pack/*.idx"} {
			if m := mode(pattern); len(m) != 1 {
				t.Errorf("%s: %s have modes %v, ours and git's", shared, pattern, m)
			}
		}
		if a, b := mode("refs/heads/by-git"), mode(string(jitos.SystemRef)); fmt.Sprint(a) != fmt.Sprint(b) {
			t.Errorf("%s: refs have modes %v, git's %v", shared, b, a)
		}
	}
}

// An actor is "name <address>", an address, or a worker's bare name; git's own rules clean what is left.
func TestPerson(t *testing.T) {
	for actor, want := range map[string][2]string{
		"Ada <ada@example.org>": {"Ada", "ada@example.org"},
		"ada@example.org":       {"ada", "ada@example.org"},
		"go-tests":              {"go-tests", "go-tests@jitos.invalid"},
		"Big Model":             {"Big Model", "big-model@jitos.invalid"},
		"at @ home":             {"at @ home", "at-@-home@jitos.invalid"},
		"@x":                    {"@x", "@x@jitos.invalid"},
		"<ada@example.org>":     {"ada", "ada@example.org"},
		"":                      {"jitos", "jitos@jitos.invalid"},
	} {
		if name, address := person(actor); name != want[0] || address != want[1] {
			t.Errorf("%q: %q <%s>", actor, name, address)
		}
	}
}
