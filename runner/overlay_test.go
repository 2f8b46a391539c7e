package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/sandbox"
)

// required tells whether JITOS_REQUIRE lists something.
func required(name string) bool {
	return slices.Contains(strings.FieldsFunc(os.Getenv("JITOS_REQUIRE"), func(r rune) bool { return r == ',' || r == ' ' }), name)
}

// requireOverlay skips a test where this user cannot mount overlays, unless JITOS_REQUIRE lists overlayfs.
func requireOverlay(t testing.TB) {
	t.Helper()
	var why error
	for _, userns := range []bool{os.Geteuid() != 0, true} {
		if why = probe(context.Background(), t.TempDir(), userns); why == nil {
			return
		}
	}
	if required("overlayfs") {
		t.Fatalf("overlayfs is required: %v", why)
	}
	t.Skipf("no overlays here: %v", why)
}

// newOverlays is an Executor whose jobs get overlays.
func newOverlays(t testing.TB) (*Executor, *memory) {
	requireOverlay(t)
	e, m := newExecutor(t)
	e.OverlayFrom = 1
	return e, m
}

// What holds of copied files holds of overlays: the same tests run again with them, as this user and, of root's, as an
// ordinary one in user namespaces.
func TestOverlaid(t *testing.T) {
	if overlayFrom != 0 {
		t.Skip("this is the second run")
	}
	if testing.Short() {
		t.Skip("long")
	}
	requireOverlay(t)
	const tests = "^(TestExecute|TestOneDirectory|TestCapture|TestUnchanged|TestTreeTimes|TestLend|TestPrepare|TestShellKillsTheWholeTree|TestShellCancelled|TestLayer|TestOverlay)"
	t.Run("this user", func(t *testing.T) { runAgain(t, tests, nil) })
	t.Run("ordinary user", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("this is one")
		}
		nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
		if out, err := exec.Command("unshare", "--user", "--mount", "true").CombinedOutput(); err != nil {
			if required("userns") {
				t.Fatalf("user namespaces are required: %v: %s", err, out)
			}
			t.Skipf("no user namespaces here: %v", err)
		}
		runAgain(t, tests, nobody)
	})
}

// runAgain runs tests of this binary with overlays.
func runAgain(t *testing.T, tests string, who *syscall.Credential) {
	dir, err := os.MkdirTemp("", "overlaid-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = removeAll(dir) })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "runner.test")
	in, err := os.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.OpenFile(binary, os.O_WRONLY|os.O_CREATE, 0o755)
	if err == nil {
		_, err = io.Copy(out, in)
		err = errors.Join(err, out.Close(), os.Chmod(dir, 0o755))
	}
	if err == nil && who != nil {
		err = os.Chown(dir, int(who.Uid), int(who.Gid))
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-test.run", tests, "-rapid.checks=15")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "TEST_OVERLAY_FROM=1", "HOME="+dir, "TMPDIR="+dir, "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
	if who != nil { // root's PATH may lead where others may not look
		cmd.Env = append(cmd.Env, "PATH=/usr/local/bin:/usr/bin:/bin")
	}
	if !required("overlayfs") && who == nil { // the probe went well, so it is required of the second run
		cmd.Env = append(cmd.Env, "JITOS_REQUIRE="+os.Getenv("JITOS_REQUIRE")+",overlayfs")
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// plainOverlays is newOverlays without sandboxes, see newPlain.
func plainOverlays(t testing.TB) (*Executor, *memory) {
	requireOverlay(t)
	e, m := newPlain(t)
	e.OverlayFrom = 1
	return e, m
}

// filesOf makes n files in directories of ten.
func filesOf(n int) files {
	f := files{}
	for i := range n {
		f[fmt.Sprintf("d%d/f%d", i/10, i)] = fmt.Sprintln("file", i)
	}
	return f
}

// A job in an overlay must not find what lies below: it would write into what other jobs start from.
func TestOverlayHidesLayers(t *testing.T) {
	e, m := plainOverlays(t)
	tree := put(t, m, filesOf(3))
	r := run(t, e, tree, `grep -q " $PWD overlay " /proc/self/mountinfo || grep -q overlay /proc/mounts
		ls -A `+e.Cache+`/layers; ls -A $PWD/../../*.above; ! mkdir `+e.Cache+`/layers/mine`)
	wantVerdict(t, r, jitos.Pass, "")
	if strings.Contains(r.Output, boot()) || strings.Contains(r.Output, "upper") {
		t.Errorf("the job sees %q", r.Output)
	}
	if mounted, _ := os.ReadFile("/proc/self/mounts"); strings.Contains(string(mounted), e.Cache) {
		t.Error("the mount shows outside of the job")
	}
}

// A layer outlives the tree that it was made from, which git may collect: no job may fail by that.
func TestOverlayOfCollectedTree(t *testing.T) {
	e, m := plainOverlays(t)
	f := filesOf(3)
	old := put(t, m, f)
	wantVerdict(t, run(t, e, old, "true"), jitos.Pass, "")
	id, err := treeHash(old)
	if err != nil {
		t.Fatal(err)
	}
	delete(m.trees, id)
	f["new"] = "new"
	r := run(t, e, put(t, m, f), "cat new")
	wantVerdict(t, r, jitos.Pass, "")
	if r.Output != "new\n" {
		t.Errorf("the job read %q", r.Output)
	}
}

// A second job with the same files starts from the same layer, and one with others from what differs: neither reads all trees
// and blobs again.
func TestOverlayReadsWhatDiffers(t *testing.T) {
	e, m := newOverlays(t)
	f := filesOf(500)
	run(t, e, put(t, m, f), "true")
	f["d3/f33"] = "another one\n"
	delete(f, "d4/f44")
	f["d5/deep/new"] = "new"
	tree := put(t, m, f)
	blobs, trees := m.reads, m.treeReads
	r := run(t, e, tree, "cat d3/f33 d5/deep/new d6/f66; test ! -e d4/f44; test -e d4/f45; echo changed > d7/f77; rm -r d8; mv d9/f99 d9/moved")
	wantVerdict(t, r, jitos.Pass, "")
	if want := "another one\nnewfile 66\n"; r.Output != want {
		t.Errorf("the job read %q, want %q", r.Output, want)
	}
	if m.reads-blobs > 3 || m.treeReads-trees > 40 { // two that changed, and the one that the job changed
		t.Errorf("%d blobs and %d trees were read of 500 files in 50 directories", m.reads-blobs, m.treeReads-trees)
	}
	for i := 80; i < 90; i++ {
		delete(f, fmt.Sprintf("d8/f%d", i))
	}
	f["d7/f77"], f["d9/moved"] = "changed\n", f["d9/f99"]
	delete(f, "d9/f99")
	if got := get(t, m, r.Tree); got.String() != f.String() {
		t.Errorf("captured\n%s\nwant\n%s", got, f)
	}
}

// A cache takes a file of one size and time for unchanged, so a tree may share a layer's time only where nothing of it could be
// mistaken; and all files of a directory have one time, layer or not.
func TestLayerTimes(t *testing.T) {
	e, m := newOverlays(t)
	seen := map[string]string{} // size and time of the file → its content
	for i, content := range []string{"one", "three", "two", "seven", "one", "eleven", "six", "three"} {
		f := filesOf(5)
		f["a"] = content
		r := run(t, e, put(t, m, f), "stat -c '%s %y' a; cat a; echo; find . -type f -printf '%T@\\n' | sort -u | wc -l")
		lines := strings.Split(strings.TrimSpace(r.Output), "\n")
		if len(lines) != 3 || lines[1] != content || lines[2] != "1" {
			t.Fatalf("%d: the job saw %q", i, r.Output)
		}
		if was, ok := seen[lines[0]]; ok && was != content {
			t.Errorf("%q and %q look the same: %s", was, content, lines[0])
		}
		seen[lines[0]] = content
	}
	list, err := filepath.Glob(filepath.Join(e.cache, "layers", boot(), "*", "tree"))
	if err != nil || len(list) == 0 || len(list) > 4 {
		t.Errorf("layers %q, %v: want few", list, err)
	}
}

// Two that need a layer at once get the same; what a killed builder left is not used.
func TestLayerIsBuiltOnce(t *testing.T) {
	m := newMemory()
	ls := layers{t.TempDir()}
	tree, err := treeHash(put(t, m, filesOf(200)))
	if err != nil {
		t.Fatal(err)
	}
	man, err := readManifest(t.Context(), m, tree)
	if err != nil {
		t.Fatal(err)
	}
	part := place(ls.path(tree) + ".part")
	if err := os.MkdirAll(filepath.Join(part.tree(), "litter"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(ls.path(tree)+".lock", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := ls.get(tree); l != nil || err != nil {
		t.Fatalf("half a layer is used: %v, %v", l, err)
	}
	got := make(chan *layer)
	for range 3 {
		go func() {
			l, err := ls.build(t.Context(), m, man)
			if err != nil {
				t.Error(err)
			}
			got <- l
		}()
	}
	for range 3 {
		l := <-got
		if l == nil {
			t.Fatal("no layer")
		}
		defer l.release()
		if hasFile(l.place.tree(), "litter") || !hasFile(l.place.tree(), "d19/f199") {
			t.Error("it is not what it should be")
		}
	}
	if m.reads != 200 {
		t.Errorf("%d blobs read for 200 files", m.reads)
	}
}

// An object whose content is not what its id says must not become what many jobs start from.
func TestLayerIsChecked(t *testing.T) {
	m := newMemory()
	ls := layers{t.TempDir()}
	tree, err := treeHash(put(t, m, files{"a": "a", "b": "b"}))
	if err != nil {
		t.Fatal(err)
	}
	m.blobs[plumbing.ComputeHash(plumbing.BlobObject, []byte("b"))] = []byte("B")
	man, err := readManifest(t.Context(), m, tree)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ls.build(t.Context(), m, man); !errors.Is(err, jitos.ErrCorrupt) || !strings.Contains(err.Error(), "b:") {
		t.Errorf("error %v", err)
	}
	if l, err := ls.get(tree); l != nil || err != nil {
		t.Errorf("the layer is there: %v, %v", l, err)
	}
}

// Layers go when they are old, but never under a job.
func TestLayerEviction(t *testing.T) {
	m := newMemory()
	ls := layers{t.TempDir()}
	build := func(content string) *layer {
		tree, err := treeHash(put(t, m, files{"a": content}))
		if err != nil {
			t.Fatal(err)
		}
		man, err := readManifest(t.Context(), m, tree)
		if err != nil {
			t.Fatal(err)
		}
		l, err := ls.build(t.Context(), m, man)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	old, used, fresh := build("old"), build("used"), build("fresh")
	past := time.Now().Add(-2 * keepLayer)
	for _, l := range []*layer{old, used} {
		if err := os.Chtimes(l.lock.Name(), past, past); err != nil {
			t.Fatal(err)
		}
	}
	old.release()
	fresh.release()
	earlier := filepath.Join(ls.dir, "earlier")
	if err := os.MkdirAll(earlier, 0o700); err != nil {
		t.Fatal(err)
	}
	build("one more").release()
	for dir, want := range map[string]bool{string(old.place): false, string(used.place): true, string(fresh.place): true, earlier: false} {
		if hasFile(dir) != want {
			t.Errorf("%s is there: %v", dir, !want)
		}
	}
	used.release()
	build("the last").release()
	if hasFile(string(used.place)) {
		t.Error("an old layer stays although nobody uses it")
	}
}

// fussy is a worker whose directory cannot be mounted after all.
type fussy struct{ calls int }

func (*fussy) enters() {}

func (f *fussy) Work(_ context.Context, dir string, _ jitos.Action, _ jitos.Host) (jitos.Result, error) {
	f.calls++
	m, err := placeOf(dir).spec()
	if err != nil || m != nil && len(m.Lay) > 0 {
		return jitos.Result{}, errors.Join(err, &unmountable{"not today"})
	}
	if !hasFile(dir, "d0/f1") {
		return jitos.Result{}, errors.New("the files are not there")
	}
	return jitos.Result{Verdict: jitos.Pass}, nil
}

// Where mounting fails at the last moment the files are copied, and nothing was run twice.
func TestOverlayFallsBack(t *testing.T) {
	e, m := newOverlays(t)
	f := &fussy{}
	e.Workers = map[string]jitos.Worker{"shell": f}
	tree := put(t, m, filesOf(3))
	wantVerdict(t, run(t, e, tree, ""), jitos.Pass, "")
	wantVerdict(t, run(t, e, tree, ""), jitos.Pass, "")
	if f.calls != 3 {
		t.Errorf("%d calls: want one that failed, and two on copied files", f.calls)
	}
	// A porter that cannot mount says so, and the command does not run.
	s, err := takeSlot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.release()
	lay := sandbox.Overlay{On: s.place.tree(), Lower: []string{"/nowhere"}, Upper: "/nowhere", Work: "/nowhere"}
	if err := s.setSpec(&sandbox.Spec{Bare: true, Userns: os.Geteuid() != 0, Lay: []sandbox.Overlay{lay}}); err != nil {
		t.Fatal(err)
	}
	ran := filepath.Join(t.TempDir(), "ran")
	_, err = command{place: s.place, argv: inShell("touch " + ran), timeout: time.Minute, line: func(int, string) {}}.run(t.Context())
	if u := (*unmountable)(nil); !errors.As(err, &u) || hasFile(ran) {
		t.Errorf("error %v", err)
	}
	// A path that mount options cannot hold.
	e2 := &Executor{Objects: m, Cache: filepath.Join(t.TempDir(), "a,b"), OverlayFrom: 1, Unsandboxed: e.Unsandboxed}
	defer e2.Close()
	wantVerdict(t, run(t, e2, tree, "test -e d0/f1 && ! grep -q ' $PWD overlay ' /proc/self/mounts"), jitos.Pass, "")
}

// A jitos that is killed leaves no mount, and no process of its job that the next one does not end.
func TestOverlayOfKilledProcess(t *testing.T) {
	if dir := os.Getenv("TEST_KILLED_CACHE"); dir != "" {
		m := newMemory()
		e := &Executor{Objects: m, Cache: dir, OverlayFrom: 1, Unsandboxed: func() bool { return true }}
		e.NoSandbox = true
		run(t, e, put(t, m, filesOf(3)), `echo $$ > `+dir+`/pid.part; mv `+dir+`/pid.part `+dir+`/pid; (exec sleep 300) & wait`)
		return
	}
	requireOverlay(t)
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run", "^TestOverlayOfKilledProcess$")
	cmd.Env = append(os.Environ(), "TEST_KILLED_CACHE="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); !hasFile(dir, "pid"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the job does not start")
		}
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	m := newMemory()
	e := &Executor{Objects: m, Cache: dir, OverlayFrom: 1, Unsandboxed: func() bool { return true }}
	defer e.Close()
	r := run(t, e, put(t, m, filesOf(3)), "ls -d d*; touch new")
	wantVerdict(t, r, jitos.Pass, "")
	if r.Output != "d0\n" || len(get(t, m, r.Tree)) != 4 {
		t.Errorf("the next job found %q", r.Output)
	}
	deadSoon(t, filepath.Join(dir, "pid"))
	if mounted, _ := os.ReadFile("/proc/self/mounts"); strings.Contains(string(mounted), dir) {
		t.Error("something is still mounted")
	}
}

// From outside of its namespace a job's file is found where it really is.
func TestOverlayReal(t *testing.T) {
	e, m := newOverlays(t)
	f := filesOf(25)
	f["-> link"] = "d0"
	tree := put(t, m, f)
	var found map[string]bool
	e.Workers = map[string]jitos.Worker{"shell": lookAfter{&Shell{}, func(p place) {
		found = map[string]bool{}
		for _, name := range []string{"d0/f1", "d0/f2", "d1/f10", "d2/f21", "d2/new", "new/file", "d1", "d9"} {
			found[name] = p.has(name)
		}
	}}}
	run(t, e, tree, "rm d0/f2; rm -r d2; mkdir d2; echo > d2/new; mkdir new; echo > new/file; rm -r d1")
	want := map[string]bool{"d0/f1": true, "d0/f2": false, "d1/f10": false, "d2/f21": false, "d2/new": true, "new/file": true, "d1": false, "d9": false}
	if fmt.Sprint(found) != fmt.Sprint(want) {
		t.Errorf("found %v, want %v", found, want)
	}
}

// lookAfter is a shell whose directory is looked at when it is done.
type lookAfter struct {
	*Shell
	look func(place)
}

func (l lookAfter) Work(ctx context.Context, dir string, a jitos.Action, h jitos.Host) (jitos.Result, error) {
	r, err := l.Shell.Work(ctx, dir, a, h)
	l.look(placeOf(dir))
	return r, err
}
