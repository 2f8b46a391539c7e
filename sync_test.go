package jitos_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner"
	"github.com/jitos/jitos/warpgit"
)

// Three to five clones do random work without each other (tasks, runs of shell jobs with gates, work by hand, rewrites, commits,
// landings), sync at random, also while another one does, and are killed at random moves of refs. In the end all are the
// same, and everything that was acknowledged to anybody is there. A failure names its seed.
func TestSync(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for i := range 2 {
		history(t, uint64(i+1), i == 0, 6)
	}
}

func TestHeavySync(t *testing.T) {
	if os.Getenv("JITOS_HEAVY") == "" {
		t.Skip("set JITOS_HEAVY=1 to run")
	}
	first, last := uint64(1000), uint64(1499)
	if text := os.Getenv("JITOS_SEEDS"); text != "" {
		if _, err := fmt.Sscanf(text, "%d-%d", &first, &last); err != nil {
			t.Fatalf("JITOS_SEEDS=%s: want FIRST-LAST", text)
		}
	}
	for seed := first; seed <= last; seed++ {
		history(t, seed, seed%10 == 0, 12)
	}
}

// killed is what a store or a remote panics with in the place of a kill -9.
type killed struct{}

// fuse kills at a step: before or after it was done.
type fuse struct{ left int }

func (f *fuse) burn(step func()) {
	if f.left--; f.left == 0 {
		panic(killed{})
	}
	step()
	if f.left--; f.left == 0 {
		panic(killed{})
	}
}

// mortal is a store whose process dies when a ref is about to move, or has moved.
type mortal struct {
	*warpgit.Store
	fuse *fuse
}

func (s mortal) Append(ctx context.Context, ref jitos.Ref, old, parent jitos.CommitID, rws ...jitos.Rewrite) (ids []jitos.CommitID, err error) {
	s.fuse.burn(func() { ids, err = s.Store.Append(ctx, ref, old, parent, rws...) })
	return
}

func (s mortal) Delete(ctx context.Context, ref jitos.Ref, old jitos.CommitID) (err error) {
	s.fuse.burn(func() { err = s.Store.Delete(ctx, ref, old) })
	return
}

func (s mortal) Archive(ctx context.Context, tip jitos.CommitID, what string) (err error) {
	s.fuse.burn(func() { err = s.Store.Archive(ctx, tip, what) })
	return
}

func (s mortal) JoinMonth(ctx context.Context, month jitos.Ref, theirs jitos.CommitID) (from, to jitos.CommitID, err error) {
	s.fuse.burn(func() { from, to, err = s.Store.JoinMonth(ctx, month, theirs) })
	return
}

// hub is a remote whose objects its clones share, so that nothing needs to be copied. before is called once, before a push.
type hub struct {
	store  *warpgit.Store
	dir    string // of the clone
	fuse   *fuse
	before func()
}

func (h *hub) Fetch(ctx context.Context, _ ...jitos.Ref) ([]jitos.Tip, error) {
	var tips []jitos.Tip
	for tip, err := range h.store.Refs(ctx, "refs/heads/jitos/") {
		if err != nil {
			return nil, err
		}
		tips = append(tips, tip)
		if tip.Ref == jitos.SystemRef { // a fetch leaves this behind, and file trees are found by it
			seen := filepath.Join(h.dir, ".git/refs/jitos/remote/origin")
			if err := errors.Join(os.MkdirAll(seen, 0o777), os.WriteFile(filepath.Join(seen, "system"), []byte(tip.ID+"\n"), 0o666)); err != nil {
				return nil, err
			}
		}
	}
	return tips, nil
}

func (h *hub) Push(ctx context.Context, moves []jitos.Move) (err error) {
	if h.before != nil {
		h.before()
	}
	for _, m := range moves {
		if at, err := h.store.Head(ctx, m.Ref); err != nil && m.From != "" || err == nil && at != m.From {
			return fmt.Errorf("%s: %w", m.Ref, jitos.ErrStale)
		}
	}
	h.fuse.burn(func() {
		for _, m := range moves {
			if err == nil && m.To == "" {
				err = h.store.Delete(ctx, m.Ref, m.From)
			} else if err == nil {
				_, err = h.store.Append(ctx, m.Ref, m.From, m.To)
			}
		}
	})
	return err
}

// peer is one clone of a history.
type peer struct {
	*fabric
	t     *testing.T
	name  string
	fuse  *fuse
	tasks []jitos.TaskID // acknowledged, in order
	nodes []jitos.NodeID // that must be on the line, whatever else happens
	heads []jitos.CommitID
	notes []string
	n     int
	real  bool
	hub   *warpgit.Store
	exec  *runner.Executor
}

// reborn opens the clone as a new process would.
func (p *peer) reborn() {
	p.t.Helper()
	if p.fabric != nil && p.repo != nil {
		p.repo.Close()
	}
	dir := p.dir
	repo, err := warpgit.Open(dir)
	if err != nil {
		p.t.Fatal(err)
	}
	p.fabric = wired(dir, repo)
	p.fuse = &fuse{}
	p.kernel.Store = mortal{repo.Store, p.fuse}
	p.exec = &runner.Executor{Unsandboxed: func() bool { return true }, NoSandbox: true, Objects: repo.Store.Objects, Cache: filepath.Join(p.t.TempDir(), "cache")}
	p.kernel.Executor = p.exec
}

func (p *peer) remote(before func()) jitos.Remote {
	if p.real {
		return p.repo.Meet("origin")
	}
	return &hub{p.hub, p.dir, p.fuse, before}
}

// try does one thing, and tells whether it was acknowledged: not where it was killed, or refused for a reason that others gave.
func (p *peer) try(what string, do func() error) (ok bool) {
	p.t.Helper()
	defer func() {
		if r := recover(); r != nil {
			if _, dead := r.(killed); !dead {
				panic(r)
			}
			ok = false
			p.exec.Close()
			p.reborn()
			if err := p.kernel.Heal(context.Background()); err != nil {
				p.t.Fatalf("%s: heal after a kill in %s: %v", p.name, what, err)
			}
		}
	}()
	err := do()
	switch {
	case err == nil:
		if head, err := p.repo.Store.Head(context.Background(), jitos.SystemRef); err == nil {
			p.heads = append(p.heads, head)
		}
		return true
	case errors.Is(err, jitos.ErrConflict), errors.Is(err, jitos.ErrStale), errors.Is(err, jitos.ErrBusy), errors.Is(err, jitos.ErrExhausted),
		errors.Is(err, jitos.ErrWaiting), errors.Is(err, jitos.ErrNotFound), errors.Is(err, jitos.ErrInvalid):
	default:
		p.t.Fatalf("%s: %s: %v", p.name, what, err)
	}
	return false
}

// act does one random thing.
func (p *peer) act(rng *rand.Rand, all []*peer) {
	ctx := context.Background()
	p.n++
	name := fmt.Sprintf("%s-%d", p.name, p.n)
	if rng.IntN(5) == 0 {
		p.fuse.left = 1 + rng.IntN(12)
	}
	defer func() { p.fuse.left = 0 }()
	switch rng.IntN(10) {
	case 0:
		p.declare(ctx, name, "false")
	case 1, 2:
		p.try("run", func() error { return p.run(ctx, rng, name) })
	case 3, 4:
		p.try("hand", func() error { return p.byHand(ctx, rng, name) })
	case 5:
		text := fmt.Sprint(rng.IntN(3))
		key := fmt.Sprintf("n%d", rng.IntN(4))
		if p.try("rewrite", func() error {
			_, err := p.kernel.SubmitRewrite(ctx, jitos.Submission{Set: []jitos.Node{note(key, text), note(name, text)}}, "")
			return err
		}) {
			p.notes = append(p.notes, name)
		}
	case 6:
		p.try("absorb", func() error {
			if err := os.WriteFile(filepath.Join(p.dir, "own-"+p.name), fmt.Appendln(nil, p.n), 0o666); err != nil {
				return err
			}
			git(p.t, p.dir, "add", ".")
			git(p.t, p.dir, "commit", "-q", "-m", name)
			_, err := p.kernel.Absorb(ctx, "", jitos.LeaveDirty)
			return err
		})
	case 7:
		p.try("land", func() error {
			_, err := p.kernel.Land(ctx, jitos.LandOptions{})
			return err
		})
	default:
		var before func()
		if rng.IntN(3) == 0 { // another is faster
			other := all[rng.IntN(len(all))]
			before = func() {
				if other != p {
					other.try("sync between", func() error { _, err := other.kernel.Sync(ctx, other.remote(nil)); return err })
				}
			}
		}
		p.sync(before)
	}
}

func (p *peer) sync(before func()) (done jitos.Synced) {
	p.try("sync", func() (err error) {
		if before != nil {
			once := before
			before = func() { once(); before = func() {} }
		}
		done, err = p.kernel.Sync(context.Background(), p.remote(func() {
			if before != nil {
				before()
			}
		}))
		return err
	})
	return done
}

func (p *peer) declare(ctx context.Context, name string, gates ...string) (id jitos.TaskID, ok bool) {
	ok = p.try("task", func() (err error) {
		id, _, err = p.kernel.SubmitIntent(ctx, jitos.Request{Intent: "do " + name, Gates: gates})
		return err
	})
	if ok {
		p.tasks = append(p.tasks, id)
		p.nodes = append(p.nodes, id.Node())
	}
	return id, ok
}

// capped is what every task must keep: no clone breaks it alone, and two together may.
const capped = "test $(ls | grep -c ^cap-) -le 1"

// run tries a plan of one shell job, which may make one file too many.
func (p *peer) run(ctx context.Context, rng *rand.Rand, name string) error {
	file := fmt.Sprintf("f%d", rng.IntN(6))
	if rng.IntN(2) == 0 {
		file = "cap-" + name
	}
	id, ok := p.declare(ctx, name, "grep -q "+name+" "+file, capped)
	if !ok {
		return nil
	}
	s, err := p.kernel.SubmitPlan(ctx, id, jitos.Slap{Title: "write " + name, Steps: []jitos.Step{
		{Name: "write", Worker: "shell", Run: "echo " + name + " >" + file, Needs: []string{"fs.write:**"}}}})
	if err != nil {
		return err
	}
	p.nodes = append(p.nodes, s.Node())
	_, err = p.kernel.Run(ctx, id, jitos.RunOptions{Slap: s})
	return err
}

// byHand works in a workspace, and collapses it, gives it up or leaves it.
func (p *peer) byHand(ctx context.Context, rng *rand.Rand, name string) error {
	v, err := p.kernel.NewWorkspace(ctx, name, "")
	if err != nil {
		return err
	}
	p.nodes = append(p.nodes, v.ID.Node())
	files := p.files(p.t, p.system(p.t))
	delete(files, "")
	files[fmt.Sprintf("f%d", rng.IntN(6))] = name + "\n"
	p.save(p.t, v, files)
	switch rng.IntN(4) {
	case 0:
		return nil
	case 1:
		return p.kernel.Discard(ctx, v, "person", "a try")
	}
	_, err = p.kernel.Collapse(ctx, v, jitos.CollapseOptions{NoGate: "a test of merges"})
	return err
}

// history is one of them, of so many acts a clone. real says that the clones meet by git itself.
func history(t *testing.T, seed uint64, real bool, acts int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	ok := t.Run(fmt.Sprintf("seed%d", seed), func(t *testing.T) {
		peers := peersOf(t, 3+rng.IntN(3), real)
		for range acts * len(peers) {
			peers[rng.IntN(len(peers))].act(rng, peers)
		}
		settle(t, peers)
	})
	if !ok {
		t.Fatalf("the history of seed %d fails; meeting by git: %v", seed, real)
	}
}

func peersOf(t *testing.T, n int, real bool) []*peer {
	files := map[string]string{"f0": "0\n", "f1": "1\n"}
	var peers []*peer
	var central *warpgit.Store
	root := t.TempDir()
	if real {
		for i, f := range clones(t, n, files) {
			peers = append(peers, &peer{fabric: f, t: t, name: fmt.Sprintf("p%d", i), real: true})
		}
	} else {
		first := newFabric(t, files)
		at := first.system(t).Commit().ID
		first.repo.Close()
		for i := range n + 1 { // the last is the hub; all have the objects of the first
			dir := filepath.Join(root, fmt.Sprintf("r%d", i))
			git(t, root, "init", "-q", "-b", "main", dir)
			if err := errors.Join(os.RemoveAll(filepath.Join(dir, ".git/objects")), os.Symlink(filepath.Join(first.dir, ".git/objects"), filepath.Join(dir, ".git/objects"))); err != nil {
				t.Fatal(err)
			}
			// git keeps two of its gc apart by a file of the repository, not of the objects, and two at once lose what only one of them
			// knows: so these run before their commit ends, one after another.
			git(t, dir, "config", "gc.autoDetach", "false")
			git(t, dir, "reset", "-q", "--hard", git(t, first.dir, "rev-parse", "main"))
			git(t, dir, "update-ref", string(jitos.SystemRef), string(at))
			peers = append(peers, &peer{fabric: &fabric{dir: dir}, t: t, name: fmt.Sprintf("p%d", i)})
		}
		repo, err := warpgit.Open(peers[n].dir)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { repo.Close() })
		central, peers = repo.Store, peers[:n]
	}
	for _, p := range peers {
		p.hub = central
		p.reborn()
		t.Cleanup(func() { p.exec.Close(); p.repo.Close() })
	}
	return peers
}

// settle syncs to a fixed point and looks whether all is there.
func settle(t *testing.T, peers []*peer) {
	t.Helper()
	ctx := context.Background()
	for round := 0; ; round++ {
		quiet := true
		for _, p := range peers {
			if err := p.kernel.Heal(ctx); err != nil {
				t.Fatal(p.name, err)
			}
			done, err := p.kernel.Sync(ctx, p.remote(nil))
			if err != nil {
				t.Fatalf("%s: the last syncs: %v", p.name, err)
			}
			quiet = quiet && len(done.Pushed)+len(done.Taken) == 0 && done.From == done.To
		}
		if quiet {
			break
		}
		if round == 6 {
			t.Fatal("the clones do not come to rest")
		}
	}
	want := refsOf(t, peers[0].dir)
	for _, p := range peers {
		if got := refsOf(t, p.dir); got != want {
			t.Errorf("%s has\n%s\nand %s\n%s", p.name, got, peers[0].name, want)
		}
		p.check(ctx)
	}
	peers[0].gated(ctx)
	for _, p := range peers {
		if out := git(t, p.dir, "fsck", "--strict", "--no-dangling"); strings.Contains(out, "error") {
			t.Error(p.name, out)
		}
	}
	peers[0].holds(t)
}

// gated wants no collapse to have broken the gate that all tasks keep: where it did not hold on the snapshot either, because users
// absorb what they like, a collapse does not make it worse.
func (p *peer) gated(ctx context.Context) {
	p.t.Helper()
	capped := func(id jitos.CommitID) (n int) {
		at, err := p.repo.Store.Open(ctx, id)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, err := range at.Glob(ctx, "cap-*") {
			if n++; err != nil {
				p.t.Fatal(err)
			}
		}
		return n
	}
	collapses := map[jitos.ProcessID]jitos.Commit{}
	for c, err := range p.repo.Store.Log(ctx, p.system(p.t).Commit().ID) {
		if err != nil {
			p.t.Fatal(err)
		}
		switch was, again := c.Trailers["Jitos-Was"]; c.Record.Rule {
		case jitos.RuleCollapse:
			collapses[c.Record.Process] = c
		case jitos.RuleProcess:
			snapshot := c.ID
			if again {
				snapshot = jitos.CommitID(was)
			}
			end, ended := collapses[c.Record.Process]
			v, err := jitos.ViewProcess(ctx, p.system(p.t), c.Record.Process)
			if err != nil {
				p.t.Fatal(err)
			}
			if ended && !v.Process.Hand && capped(end.ID) > 1 && capped(snapshot) <= 1 {
				p.t.Errorf("%s %q broke the gate of its task", end.ID, end.Subject)
			}
		}
	}
}

func refsOf(t *testing.T, dir string) string {
	return git(t, dir, "for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/jitos")
}

// check looks for what was acknowledged to a clone.
func (p *peer) check(ctx context.Context) {
	p.t.Helper()
	at := p.system(p.t)
	for _, id := range p.nodes {
		if ok, err := jitos.Has(ctx, at, id); err != nil || !ok {
			p.t.Errorf("%s: %s was acknowledged and is not on the line: %v", p.name, id, err)
		}
	}
	reach := map[string]bool{}
	for _, id := range strings.Fields(git(p.t, p.dir, "rev-list", "--glob=refs/heads/jitos")) {
		reach[id] = true
	}
	for _, id := range p.heads {
		if !reach[string(id)] {
			p.t.Errorf("%s: the line was at %s, which no ref leads to", p.name, id)
		}
	}
	disputed := 0 // rewrites that clashed have workspaces
	for n, err := range at.Nodes(ctx, jitos.KindProcess) {
		if err != nil {
			p.t.Fatal(err)
		}
		if strings.HasPrefix(n.ID.Name, "ours-") {
			disputed++
		}
	}
	for _, name := range p.notes {
		if ok, err := jitos.Has(ctx, at, note(name, "").ID); err != nil || !ok {
			if disputed--; disputed < 0 {
				p.t.Errorf("%s: note %s is neither on the line nor in a workspace: %v", p.name, name, err)
			}
		}
	}
	place := map[jitos.TaskID]int{}
	i := 0
	for c, err := range p.repo.Store.Log(ctx, at.Commit().ID) {
		if err != nil {
			p.t.Fatal(err)
		}
		if c.Record.Rule == jitos.RuleTask {
			place[c.Record.Task] = i
		}
		i++
	}
	if !slices.IsSortedFunc(p.tasks, func(a, b jitos.TaskID) int { return place[b] - place[a] }) {
		p.t.Errorf("%s: its tasks are not in the order in which they were acknowledged", p.name)
	}
}
