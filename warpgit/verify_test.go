package warpgit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
)

// verifyAll counts the commits that hold, and returns the error of the first that does not.
func verifyAll(s *Store, tip jitos.CommitID) (held, plain int, err error) {
	for v, err := range s.Verify(ctx, tip) {
		if err != nil {
			return held, plain, err
		}
		held++
		if v.Plain {
			plain++
		}
	}
	return held, plain, nil
}

// forge puts a commit on top of tip whose .jitos/ and message are what somebody made up.
func forge(t *testing.T, s *Store, tip jitos.CommitID, text string, edit func(fabric plumbing.Hash) plumbing.Hash) jitos.CommitID {
	t.Helper()
	snap, err := s.open(ctx, tip)
	if err != nil {
		t.Fatal(err)
	}
	files, err := s.Objects.tree(ctx, snap.tree)
	if err != nil {
		t.Fatal(err)
	}
	root, err := s.Objects.put(plumbing.TreeObject, files.with(nil, leafChange{Name: fabricDir, Mode: filemode.Dir, Hash: edit(snap.fabric)}))
	if err != nil {
		t.Fatal(err)
	}
	parent, err := parseID(tip)
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Objects.Commit(ctx, parent)
	if err != nil {
		t.Fatal(err)
	}
	c.TreeHash, c.ParentHashes, c.Message = root, []plumbing.Hash{parent}, text
	id, err := s.Objects.PutCommit(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.refs.move(ctx, string(jitos.SystemRef), parent, id); err != nil {
		t.Fatal(err)
	}
	return commitID(id)
}

// record is a record that fits on tip, to be bent by a test.
func fitting(t *testing.T, s *Store, tip jitos.CommitID) jitos.Record {
	c := open(t, s, tip).Commit()
	return jitos.Record{Seq: c.Record.Seq + 1, Rule: "graph", Version: 1, Actor: ada, Tree: c.Tree}
}

// Each way to lie in a commit is named by verify, and the honest twin of each passes.
func TestVerify_lies(t *testing.T) {
	const text = "graph: forged\n\nJitos-Rule: graph\n"
	put := func(t *testing.T, s *Store, fabric plumbing.Hash, r jitos.Record) plumbing.Hash {
		record, err := s.Objects.putRecord(r, plumbing.ZeroHash)
		if err != nil {
			t.Fatal(err)
		}
		id, err := s.Objects.changeDir(ctx, fabric, []leafChange{{Name: rewriteFile, Mode: filemode.Regular, Hash: record}})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	blob := func(t *testing.T, s *Store, data string) plumbing.Hash {
		id, err := s.Objects.PutBlob([]byte(data))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	with := func(t *testing.T, s *Store, fabric plumbing.Hash, item jitos.ItemID, id plumbing.Hash) plumbing.Hash {
		next, err := s.Objects.change(ctx, fabric, change{set: []itemBlob{{item: item, blob: id}}})
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	for name, lie := range map[string]struct {
		want string // "" for the honest
		make func(t *testing.T, s *Store, tip jitos.CommitID, r jitos.Record, fabric plumbing.Hash) (plumbing.Hash, string)
	}{
		"honest": {"", func(t *testing.T, s *Store, tip jitos.CommitID, r jitos.Record, fabric plumbing.Hash) (plumbing.Hash, string) {
			id := blob(t, s, "{\n \"x\": \"1\"\n}\n")
			r.Set = map[jitos.ItemID]jitos.BlobID{"thing/new": jitos.BlobID(id.String())}
			return put(t, s, with(t, s, fabric, "thing/new", id), r), text
		}},
		"number": {"its number is 9", func(t *testing.T, s *Store, tip jitos.CommitID, r jitos.Record, fabric plumbing.Hash) (plumbing.Hash, string) {
			r.Seq = 9
			return put(t, s, fabric, r), text
		}},
		"rule": {"names the rule", func(t *testing.T, s *Store, tip jitos.CommitID, r jitos.Record, fabric plumbing.Hash) (plumbing.Hash, string) {
			return put(t, s, fabric, r), "task: forged\n\nJitos-Rule: task\n"
		}},
		"no rule": {"names the rule", func(t *testing.T, s *Store, tip jitos.CommitID, r jitos.Record, fabric plumbing.Hash) (plumbing.Hash, string) {
			return put(t, s, fabric, r), "by hand\n"
		}},
		"files": {"its files are not those", func(t *testing.T, s *Store, tip jitos.CommitID, r jitos.Record, fabric plumbing.Hash) (plumbing.Hash, string) {
			r.Tree = "1111111111111111111111111111111111111111"
			return put(t, s, fabric, r), text
		}},
		"node on the side": {"not what its record makes", func(t *testing.T, s *Store, tip jitos.CommitID, r jitos.Record, fabric plumbing.Hash) (plumbing.Hash, string) {
			return put(t, s, with(t, s, fabric, "thing/new", blob(t, s, "{}\n")), r), text
		}},
		"claimed, not done": {"not what its record makes", func(t *testing.T, s *Store, tip jitos.CommitID, r jitos.Record, fabric plumbing.Hash) (plumbing.Hash, string) {
			r.Set = map[jitos.ItemID]jitos.BlobID{"thing/new": jitos.BlobID(blob(t, s, "{}\n").String())}
			return put(t, s, fabric, r), text
		}},
		"not canonical": {"not canonical", func(t *testing.T, s *Store, tip jitos.CommitID, r jitos.Record, fabric plumbing.Hash) (plumbing.Hash, string) {
			id := blob(t, s, `{"x":"1"}`)
			r.Set = map[jitos.ItemID]jitos.BlobID{"thing/new": jitos.BlobID(id.String())}
			return put(t, s, with(t, s, fabric, "thing/new", id), r), text
		}},
		"drop of nothing": {"it is not there", func(t *testing.T, s *Store, tip jitos.CommitID, r jitos.Record, fabric plumbing.Hash) (plumbing.Hash, string) {
			r.Drop = []jitos.ItemID{"thing/zzz"}
			return put(t, s, fabric, r), text
		}},
		"drop under an edge": {"still points to it", func(t *testing.T, s *Store, tip jitos.CommitID, r jitos.Record, fabric plumbing.Hash) (plumbing.Hash, string) {
			r.Drop = []jitos.ItemID{"thing/b"}
			next, err := s.Objects.change(ctx, fabric, change{drop: r.Drop})
			if err != nil {
				t.Fatal(err)
			}
			return put(t, s, next, r), text
		}},
		"another fabric": {"it changes fabric.json", func(t *testing.T, s *Store, tip jitos.CommitID, r jitos.Record, fabric plumbing.Hash) (plumbing.Hash, string) {
			data, err := FabricFile("other")
			if err != nil {
				t.Fatal(err)
			}
			id := blob(t, s, string(data))
			r.Set = map[jitos.ItemID]jitos.BlobID{"./fabric.json": jitos.BlobID(id.String())}
			return put(t, s, with(t, s, fabric, "./fabric.json", id), r), text
		}},
		"unknown field": {"unknown field", func(t *testing.T, s *Store, tip jitos.CommitID, r jitos.Record, fabric plumbing.Hash) (plumbing.Hash, string) {
			data, err := jitos.Canonical(r)
			if err != nil {
				t.Fatal(err)
			}
			data = bytes.Replace(data, []byte("{"), []byte("{\n \"also\": 1,"), 1)
			id, err := s.Objects.changeDir(ctx, fabric, []leafChange{{Name: rewriteFile, Mode: filemode.Regular, Hash: blob(t, s, string(data))}})
			if err != nil {
				t.Fatal(err)
			}
			return id, text
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := NewMemory()
			a, b := node("thing", "a"), node("thing", "b")
			tip := appendTo(t, s, jitos.SystemRef, born(t, s), graphRule([]jitos.Node{a, b}, []jitos.Edge{edge(a, "to", b, "")}))
			message := ""
			_, edit := 0, func(fabric plumbing.Hash) plumbing.Hash {
				var next plumbing.Hash
				next, message = lie.make(t, s, tip, fitting(t, s, tip), fabric)
				return next
			}
			snap, err := s.open(ctx, tip)
			if err != nil {
				t.Fatal(err)
			}
			fabric := edit(snap.fabric)
			forged := forge(t, s, tip, message, func(plumbing.Hash) plumbing.Hash { return fabric })
			held, _, err := verifyAll(s, forged)
			if lie.want == "" {
				if err != nil || held != 3 {
					t.Errorf("%d hold, error %v", held, err)
				}
				return
			}
			if held != 2 || !errors.Is(err, jitos.ErrCorrupt) || !strings.Contains(err.Error(), lie.want) || !strings.Contains(err.Error(), string(forged)) {
				t.Errorf("%d hold, error %v; want %q in it", held, err, lie.want)
			}
		})
	}
}

// git itself is used to tamper: a rewritten file in the middle of the history, with all later commits carried over.
func TestVerify_tamperedWithGit(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	tip := born(t, r.Store)
	for i := range 5 {
		tip = appendTo(t, r.Store, jitos.SystemRef, tip, graphRule([]jitos.Node{node("thing", fmt.Sprint("n", i))}, nil))
	}
	if held, _, err := verifyAll(r.Store, tip); held != 6 || err != nil {
		t.Fatalf("before: %d %v", held, err)
	}
	cmd := exec.Command("git", "filter-branch", "-f", "--tree-filter",
		`if test -e .jitos/nodes/thing/n2.json; then echo '{"x":1}' >.jitos/nodes/thing/n2.json; fi`, "jitos/system")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "FILTER_BRANCH_SQUELCH_WARNING=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	tip = jitos.CommitID(run(t, dir, "rev-parse", "jitos/system"))
	bad := run(t, dir, "rev-parse", "jitos/system~2")
	held, _, err := verifyAll(openDir(t, dir).Store, tip)
	if held != 3 || !errors.Is(err, jitos.ErrCorrupt) || !strings.Contains(err.Error(), bad) {
		t.Errorf("%d hold, error %v; want %s named", held, err, bad)
	}
	run(t, dir, "update-ref", "-d", "refs/original/refs/heads/jitos/system")
}

// A workspace may hold plain commits of a person's; what they are is told by .jitos/, which they leave alone.
func TestPlainCommits(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	tip := born(t, r.Store)
	if _, err := r.Store.Append(ctx, jitos.SWSPrefix+"try", "", tip, graphRule([]jitos.Node{node("thing", "a")}, nil)); err != nil {
		t.Fatal(err)
	}
	linked := t.TempDir() + "/try"
	if err := r.WorktreeAdd(ctx, linked, "jitos/sws/try"); err != nil {
		t.Fatal(err)
	}
	commit := func(name, text string) jitos.CommitID {
		write(t, linked, name, text)
		run(t, linked, "add", ".")
		run(t, linked, "commit", "-q", "-m", "by hand")
		return jitos.CommitID(run(t, linked, "rev-parse", "HEAD"))
	}
	commit("one.txt", "1\n")
	tip = commit("two.txt", "2\n")
	snap := open(t, r.Store, tip)
	if snap.Commit().Record != nil || len(nodeNames(t, snap, "")) != 1 {
		t.Errorf("plain commit: record %v, nodes %v", snap.Commit().Record, nodeNames(t, snap, ""))
	}
	run(t, linked, "checkout", "-q", "--detach")
	tip = appendTo(t, r.Store, jitos.SWSPrefix+"try", tip, graphRule([]jitos.Node{node("thing", "b")}, nil))
	if snap = open(t, r.Store, tip); snap.Commit().Record.Seq != 3 {
		t.Errorf("seq %d on top of plain commits, want 3", snap.Commit().Record.Seq)
	}
	if held, plain, err := verifyAll(r.Store, tip); held != 5 || plain != 2 || err != nil {
		t.Errorf("verify: %d hold, %d plain, %v", held, plain, err)
	}
	run(t, linked, "checkout", "-q", "jitos/sws/try")
	touched := commit(".jitos/nodes/thing/c.json", "{}\n")
	if _, err := r.Store.Open(ctx, touched); !errors.Is(err, jitos.ErrCorrupt) {
		t.Errorf("a plain commit that touched .jitos/: %v", err)
	}
	after := commit("three.txt", "3\n")
	if _, err := r.Store.Open(ctx, after); !errors.Is(err, jitos.ErrCorrupt) {
		t.Errorf("a plain commit after it: %v", err)
	}
	if _, err := r.Store.Append(ctx, jitos.SWSPrefix+"try", after, after, graphRule(nil, nil)); !errors.Is(err, jitos.ErrCorrupt) {
		t.Errorf("append on it: %v", err)
	}
}

// A branch of the user's that somebody merged the fabric into is still the user's: its graph is empty.
func TestForeignFabric(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	tip := born(t, r.Store)
	tip = appendTo(t, r.Store, jitos.SystemRef, tip, graphRule([]jitos.Node{node("thing", "a")}, nil))
	check := func(what string) {
		t.Helper()
		snap := open(t, r.Store, jitos.CommitID(run(t, dir, "rev-parse", "HEAD")))
		if len(nodeNames(t, snap, "")) != 0 || snap.Commit().Record != nil {
			t.Errorf("%s: the graph of a user's commit is not empty", what)
		}
		if _, err := snap.ReadFile(ctx, ".jitos/fabric.json"); !errors.Is(err, jitos.ErrNotFound) {
			t.Errorf("%s: .jitos/ is among the files: %v", what, err)
		}
		if _, err := snap.ReadFile(ctx, "README.md"); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	check("plain")
	run(t, dir, "merge", "-q", "--allow-unrelated-histories", "-m", "merge the fabric", "jitos/system")
	check("merged")
	run(t, dir, "commit", "-q", "--allow-empty", "-m", "go on")
	check("after a merge")
	appendTo(t, r.Store, jitos.SystemRef, tip, graphRule([]jitos.Node{node("thing", "b")}, nil))
	run(t, dir, "merge", "-q", "-m", "merge it again", "jitos/system")
	check("merged again")
	write(t, dir, ".jitos/fabric.json", "not JSON")
	run(t, dir, "commit", "-q", "-am", "whatever")
	check("edited")
}

// A person amends a rewrite: its record tells of other files.
func TestAmendedRewrite(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	tip := born(t, r.Store)
	if _, err := r.Store.Append(ctx, jitos.SWSPrefix+"try", "", tip, graphRule(nil, nil)); err != nil {
		t.Fatal(err)
	}
	linked := t.TempDir() + "/try"
	if err := r.WorktreeAdd(ctx, linked, "jitos/sws/try"); err != nil {
		t.Fatal(err)
	}
	write(t, linked, "one.txt", "1\n")
	run(t, linked, "add", ".")
	run(t, linked, "commit", "-q", "--amend", "--no-edit")
	if _, err := r.Store.Open(ctx, jitos.CommitID(run(t, linked, "rev-parse", "HEAD"))); !errors.Is(err, jitos.ErrCorrupt) {
		t.Errorf("an amended rewrite: %v", err)
	}
}
