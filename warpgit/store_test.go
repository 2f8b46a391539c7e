package warpgit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jitos/jitos"
)

var ctx = context.Background()

func TestStore_birth(t *testing.T) {
	stores(t, func(t *testing.T, s *Store) {
		id := born(t, s)
		snap := open(t, s, id)
		c := snap.Commit()
		if len(c.Parents) != 0 || c.Subject != "birth: a fabric" || c.Record == nil || c.Record.Seq != 1 {
			t.Errorf("birth is %+v, record %+v", c, c.Record)
		}
		if snap.Tree() != treeID(EmptyTree) || c.Tree != treeID(EmptyTree) {
			t.Errorf("file tree %s, want the empty one", snap.Tree())
		}
		if c.Trailers["Jitos-Rule"] != "birth" || c.Author != ada || !c.When.Equal(pinned) {
			t.Errorf("commit %+v", c)
		}
		if head, err := s.Head(ctx, jitos.SystemRef); err != nil || head != id {
			t.Errorf("head %s %v, want %s", head, err, id)
		}
		files, err := snap.Fabric(ctx)
		if err != nil || len(files) != 1 || !strings.Contains(string(files["fabric.json"]), "test-aaaaaaaa") {
			t.Errorf("fabric files %q %v", files, err)
		}
	})
}

func TestStore_refusals(t *testing.T) {
	stores(t, func(t *testing.T, s *Store) {
		id := born(t, s)
		a, b := node("thing", "a"), node("thing", "b")
		next := appendTo(t, s, jitos.SystemRef, id, graphRule([]jitos.Node{a, b}, []jitos.Edge{edge(a, "to", b, "")}))
		withJitos, err := s.Objects.PutTree([]leafChange{{Name: ".jitos", Mode: 0o40000, Hash: EmptyTree}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Objects.PutTree(nil); err != nil {
			t.Fatal(err)
		}
		newer := birth()
		newer.Fabric = map[string][]byte{"fabric.json": []byte(`{"format":99,"id":"x"}`)}
		twice := graphRule([]jitos.Node{node("thing", "c", "x", "1"), node("thing", "c", "x", "2")}, nil)
		for name, rw := range map[string]jitos.Rewrite{
			"second birth":       birth(),
			"no actor":           {Rule: "graph", What: "x"},
			"bad rule":           {Rule: "A B", Actor: ada},
			"bad name":           graphRule([]jitos.Node{node("thing", "UPPER")}, nil),
			"drop absent node":   graphRule(nil, nil, "thing/zzz"),
			"drop absent edge":   graphRule(nil, nil, "thing/a#to/00000000000000000000000000000000"),
			"drop twice":         graphRule(nil, nil, edge(a, "to", b, "").Item(), edge(a, "to", b, "").Item()),
			"drop with edges":    graphRule(nil, nil, "thing/a"),
			"drop pointed at":    graphRule(nil, nil, "thing/b"),
			"edge to nowhere":    graphRule(nil, []jitos.Edge{edge(a, "to", node("thing", "zzz"), "")}),
			"edge from nowhere":  graphRule(nil, []jitos.Edge{edge(node("thing", "zzz"), "to", a, "")}),
			"set and drop":       graphRule([]jitos.Node{a}, nil, "thing/a"),
			"set twice":          twice,
			"tree with .jitos":   {Rule: "graph", Actor: ada, Tree: treeID(withJitos)},
			"fabric.json again":  {Rule: "graph", Actor: ada, Fabric: birth().Fabric},
			"fabric.json away":   {Rule: "graph", Actor: ada, Drop: []jitos.ItemID{"./fabric.json"}},
			"file not allowed":   {Rule: "graph", Actor: ada, Fabric: map[string][]byte{"nodes/x": nil}},
			"trailer with space": {Rule: "graph", Actor: ada, Also: []jitos.Trailer{{Key: "A b", Value: "x"}}},
		} {
			_, err := s.Append(ctx, jitos.SystemRef, next, next, rw)
			if !errors.Is(err, jitos.ErrInvalid) {
				t.Errorf("%s: error %v, want ErrInvalid", name, err)
			}
		}
		if head, _ := s.Head(ctx, jitos.SystemRef); head != next {
			t.Errorf("a refused rewrite moved the ref")
		}
		if _, err := s.Append(ctx, "refs/heads/main", "", next); !errors.Is(err, jitos.ErrInvalid) {
			t.Errorf("a branch of the user's: %v", err)
		}
		if _, err := s.Append(ctx, jitos.SWSPrefix+"new", "", "", newer); !errors.Is(err, jitos.ErrInvalid) || !strings.Contains(fmt.Sprint(err), "format 99") {
			t.Errorf("unknown format: %v", err)
		}
		if _, err := s.Open(ctx, "1234567890123456789012345678901234567890"); !errors.Is(err, jitos.ErrNotFound) {
			t.Errorf("absent commit: %v", err)
		}
	})
}

func TestStore_compareAndSwap(t *testing.T) {
	stores(t, func(t *testing.T, s *Store) {
		id := born(t, s)
		next := appendTo(t, s, jitos.SystemRef, id, graphRule([]jitos.Node{node("thing", "a")}, nil))
		if _, err := s.Append(ctx, jitos.SystemRef, id, id, graphRule(nil, nil)); !errors.Is(err, jitos.ErrStale) {
			t.Errorf("append on an old tip: %v", err)
		}
		if _, err := s.Append(ctx, jitos.SystemRef, "", next, graphRule(nil, nil)); !errors.Is(err, jitos.ErrStale) {
			t.Errorf("append to a ref that should be absent: %v", err)
		}
		ref := jitos.Ref(jitos.SWSPrefix + "try")
		if _, err := s.Append(ctx, ref, "", next); err != nil {
			t.Errorf("fork without a rewrite: %v", err)
		}
		if err := s.Delete(ctx, ref, id); !errors.Is(err, jitos.ErrStale) {
			t.Errorf("delete at another commit: %v", err)
		}
		if err := s.Delete(ctx, ref, next); err != nil {
			t.Error(err)
		}
		if err := s.Delete(ctx, ref, next); err != nil {
			t.Errorf("delete what is gone: %v", err)
		}
		if _, err := s.Head(ctx, ref); !errors.Is(err, jitos.ErrNotFound) {
			t.Errorf("head of what is gone: %v", err)
		}
	})
}

func TestStore_graph(t *testing.T) {
	stores(t, func(t *testing.T, s *Store) {
		id := born(t, s)
		a, b, c := node("thing", "a", "x", "1"), node("thing", "b"), node("other", "c")
		many := []jitos.Edge{edge(a, "to", b, ""), edge(a, "to", b, "second"), edge(a, "to", c, ""), edge(a, "also", c, "")}
		many[1].Attrs = map[string]any{"why": "keys tell edges apart"}
		id = appendTo(t, s, jitos.SystemRef, id, graphRule([]jitos.Node{a, b, c}, many))
		snap := open(t, s, id)
		n, err := snap.Node(ctx, a.ID)
		if err != nil || n.Fields["x"] != "1" {
			t.Errorf("node %+v %v", n, err)
		}
		if _, err := snap.Node(ctx, jitos.NodeID{Kind: "thing", Name: "zzz"}); !errors.Is(err, jitos.ErrNotFound) {
			t.Errorf("absent node: %v", err)
		}
		if got := nodeNames(t, snap, ""); !slices.Equal(got, []string{"other/c", "thing/a", "thing/b"}) {
			t.Errorf("nodes %v", got)
		}
		if got := nodeNames(t, snap, "thing"); !slices.Equal(got, []string{"thing/a", "thing/b"}) {
			t.Errorf("things %v", got)
		}
		if got := edgeItems(t, snap, a.ID, ""); len(got) != 4 {
			t.Errorf("edges %v", got)
		}
		if got := edgeItems(t, snap, a.ID, "also"); !slices.Equal(got, []string{string(many[3].Item())}) {
			t.Errorf("edges of a label %v", got)
		}
		for item, blob := range snap.Commit().Record.Set {
			if got, err := snap.Blob(ctx, item); err != nil || got != blob {
				t.Errorf("blob of %s is %s %v, the record says %s", item, got, err, blob)
			}
		}
		id = appendTo(t, s, jitos.SystemRef, id, graphRule(nil, nil, many[0].Item(), many[1].Item(), many[2].Item(), many[3].Item(), a.ID.Item()))
		snap = open(t, s, id)
		if got := nodeNames(t, snap, ""); !slices.Equal(got, []string{"other/c", "thing/b"}) {
			t.Errorf("nodes after the drop %v", got)
		}
		if got := edgeItems(t, snap, a.ID, ""); len(got) != 0 {
			t.Errorf("edges after the drop %v", got)
		}
	})
}

func nodeNames(t testing.TB, g jitos.Graph, kind string) []string {
	t.Helper()
	var out []string
	for n, err := range g.Nodes(ctx, kind) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n.ID.String())
	}
	slices.Sort(out)
	return out
}

func edgeItems(t testing.TB, g jitos.Graph, from jitos.NodeID, label string) []string {
	t.Helper()
	var out []string
	for e, err := range g.Edges(ctx, from, label) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(e.Item()))
	}
	slices.Sort(out)
	return out
}

// putFiles stages a file tree of paths and texts.
func putFiles(t testing.TB, o *Objects, files map[string]string) jitos.TreeID {
	t.Helper()
	dirs := map[string]map[string]string{}
	var tree []leafChange
	for name, text := range files {
		dir, rest, nested := strings.Cut(name, "/")
		if nested {
			if dirs[dir] == nil {
				dirs[dir] = map[string]string{}
			}
			dirs[dir][rest] = text
			continue
		}
		id, err := o.PutBlob([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		tree = append(tree, leafChange{Name: name, Mode: 0o100644, Hash: id})
	}
	for dir, below := range dirs {
		id, err := parseID(putFiles(t, o, below))
		if err != nil {
			t.Fatal(err)
		}
		tree = append(tree, leafChange{Name: dir, Mode: 0o40000, Hash: id})
	}
	id, err := o.PutTree(tree)
	if err != nil {
		t.Fatal(err)
	}
	return treeID(id)
}

func TestStore_files(t *testing.T) {
	stores(t, func(t *testing.T, s *Store) {
		id := born(t, s)
		tree := putFiles(t, s.Objects, map[string]string{"a.txt": "a", "src/x.go": "x", "src/deep/y.go": "y", "src.go": "z"})
		rw := graphRule([]jitos.Node{node("thing", "a")}, nil)
		rw.Tree = tree
		id = appendTo(t, s, jitos.SystemRef, id, rw, graphRule(nil, nil))
		snap := open(t, s, id)
		if snap.Tree() != tree || snap.Commit().Record.Tree != tree {
			t.Errorf("file tree %s, want %s: a rewrite without one keeps the files", snap.Tree(), tree)
		}
		data, err := snap.ReadFile(ctx, "src/deep/y.go")
		if err != nil || string(data) != "y" {
			t.Errorf("read %q %v", data, err)
		}
		for _, name := range []string{"nope", "src", "a.txt/x", ".jitos/fabric.json"} {
			if _, err := snap.ReadFile(ctx, name); !errors.Is(err, jitos.ErrNotFound) {
				t.Errorf("read %s: %v, want not found", name, err)
			}
		}
		for name, mode := range map[string]string{"a.txt": "100644 ", "src": "040000 ", "": "040000 " + string(tree)} {
			if got, err := snap.PathID(ctx, name); err != nil || !strings.HasPrefix(got, mode) {
				t.Errorf("path id of %q is %q %v", name, got, err)
			}
		}
		if got, err := snap.PathID(ctx, "nope"); got != "" || err != nil {
			t.Errorf("path id of nothing is %q %v", got, err)
		}
		for pattern, want := range map[string][]string{
			"**":        {"a.txt", "src.go", "src/deep/y.go", "src/x.go"},
			"src":       {"src/deep/y.go", "src/x.go"},
			"src/**":    {"src/deep/y.go", "src/x.go"},
			"**/*.go":   {"src.go", "src/deep/y.go", "src/x.go"},
			"src/*/*":   {"src/deep/y.go"},
			"*/x.go":    {"src/x.go"},
			"nope/**":   nil,
			"[":         nil,
			".jitos/**": nil,
		} {
			var got []string
			for p, err := range snap.Glob(ctx, pattern) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, p)
			}
			if !slices.Equal(got, want) {
				t.Errorf("glob %s: %v, want %v", pattern, got, want)
			}
		}
	})
}

func TestStore_message(t *testing.T) {
	stores(t, func(t *testing.T, s *Store) {
		id := born(t, s)
		rw := graphRule(nil, nil)
		rw.What = "words that go on and on, so that no first line of any message could ever hold all of them"
		rw.Why = "Because.\n\nTwo paragraphs.\nNote: not a trailer of ours\x1b[31m"
		rw.Task, rw.Process = "task-aaaaaaaa", "process-aaaaaaaa"
		rw.Actor = "shell"
		rw.Also = []jitos.Trailer{{Key: "Jitos-Landed", Value: "abc\ndef"}}
		c := open(t, s, appendTo(t, s, jitos.SystemRef, id, rw)).Commit()
		if len([]rune(c.Subject)) > 72 || !strings.HasPrefix(c.Subject, "graph: words that go on") || !strings.HasSuffix(c.Subject, "…") {
			t.Errorf("subject %q", c.Subject)
		}
		if !strings.Contains(c.Body, "hold all of them") || !strings.Contains(c.Body, "not a trailer") || strings.Contains(c.Body, "\x1b") {
			t.Errorf("body %q", c.Body)
		}
		want := map[string]string{"Jitos-Rule": "graph", "Jitos-Actor": "shell", "Jitos-Process": "process-aaaaaaaa",
			"Jitos-Task": "task-aaaaaaaa", "Jitos-Landed": "abc def"}
		if fmt.Sprint(c.Trailers) != fmt.Sprint(want) {
			t.Errorf("trailers %v", c.Trailers)
		}
		if c.Author != "shell <shell@jitos.invalid>" {
			t.Errorf("author %s", c.Author)
		}
	})
}

func TestStore_logAndRefs(t *testing.T) {
	stores(t, func(t *testing.T, s *Store) {
		first := born(t, s)
		second := appendTo(t, s, jitos.SystemRef, first, graphRule(nil, nil))
		fork, err := s.Append(ctx, jitos.SWSPrefix+"one", "", second, graphRule([]jitos.Node{node("thing", "a")}, nil))
		if err != nil {
			t.Fatal(err)
		}
		var got []jitos.CommitID
		for c, err := range s.Log(ctx, fork[0]) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, c.ID)
		}
		if !slices.Equal(got, []jitos.CommitID{fork[0], second, first}) {
			t.Errorf("log %v", got)
		}
		if err := s.Archive(ctx, fork[0], "gave up"); err != nil {
			t.Fatal(err)
		}
		if err := s.Archive(ctx, fork[0], "gave up"); err != nil {
			t.Fatal(err)
		}
		if err := s.Archive(ctx, second, "another"); err != nil {
			t.Fatal(err)
		}
		var refs []string
		for at, err := range s.Refs(ctx, "refs/heads/jitos/") {
			if err != nil {
				t.Fatal(err)
			}
			refs = append(refs, string(at.Ref))
		}
		month := jitos.ArchivePrefix + "2026-01"
		if !slices.Equal(refs, []string{month, jitos.SWSPrefix + "one", string(jitos.SystemRef)}) {
			t.Errorf("refs %v", refs)
		}
		head, err := s.Head(ctx, jitos.Ref(month))
		if err != nil {
			t.Fatal(err)
		}
		var tips []jitos.CommitID
		for c, err := range s.Log(ctx, head) {
			if err != nil {
				t.Fatal(err)
			}
			if c.Tree != treeID(EmptyTree) || c.Record != nil {
				t.Errorf("archive commit %+v", c)
			}
			tips = append(tips, c.Parents[min(1, len(c.Parents)):]...)
		}
		if !slices.Equal(tips, []jitos.CommitID{second, fork[0]}) {
			t.Errorf("archived tips %v, want each once", tips)
		}
	})
}

func TestStore_concurrentAppends(t *testing.T) {
	stores(t, func(t *testing.T, s *Store) {
		born(t, s)
		var wg sync.WaitGroup
		const workers, each = 4, 5
		for w := range workers {
			wg.Go(func() {
				for i := range each {
					n := node("thing", fmt.Sprintf("w%d-%d", w, i))
					for {
						head, err := s.Head(ctx, jitos.SystemRef)
						if err == nil {
							_, err = s.Append(ctx, jitos.SystemRef, head, head, graphRule([]jitos.Node{n}, nil))
						}
						if err == nil {
							break
						}
						if !errors.Is(err, jitos.ErrStale) {
							t.Error(err)
							return
						}
					}
				}
			})
		}
		wg.Wait()
		head, err := s.Head(ctx, jitos.SystemRef)
		if err != nil {
			t.Fatal(err)
		}
		snap := open(t, s, head)
		if got := nodeNames(t, snap, "thing"); len(got) != workers*each || snap.Commit().Record.Seq != 1+workers*each {
			t.Errorf("%d nodes at seq %d", len(got), snap.Commit().Record.Seq)
		}
	})
}

// Names and ids alone are those of the whole walk, in its order.
func TestStore_namesAlone(t *testing.T) {
	stores(t, func(t *testing.T, s *Store) {
		tip := born(t, s)
		for i := range 5 {
			rw := graphRule(nil, nil)
			for j := range 20 {
				rw.Set = append(rw.Set, node([]string{"thing", "part"}[j%2], fmt.Sprint("n", i*31+j)))
			}
			tip = appendTo(t, s, jitos.SystemRef, tip, rw)
		}
		snap := open(t, s, tip)
		for _, kind := range []string{"", "part", "none"} {
			var want, got []string
			for n, err := range snap.Nodes(ctx, kind) {
				if err != nil {
					t.Fatal(err)
				}
				want = append(want, n.ID.String())
			}
			for id, err := range s.NodeIDs(ctx, snap, kind) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, id.String())
			}
			if !slices.Equal(got, want) {
				t.Errorf("kind %q: %v, want %v", kind, got, want)
			}
		}
		var want, got []jitos.CommitID
		for c, err := range s.Log(ctx, tip) {
			if err != nil {
				t.Fatal(err)
			}
			want = append(want, c.ID)
		}
		for id, err := range s.Line(ctx, tip) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, id)
		}
		if len(got) != 6 || !slices.Equal(got, want) {
			t.Errorf("line %v, want %v", got, want)
		}
	})
}

// A ref that stands still is in every list, while git packs refs and makes them loose again beside it.
func TestRefs_listedWhilePacked(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	tip := born(t, r.Store)
	if _, err := r.Store.Append(ctx, jitos.SWSPrefix+"still", "", tip); err != nil {
		t.Fatal(err)
	}
	loose := filepath.Join(dir, ".git/refs/heads/jitos/sws/still")
	done := make(chan bool)
	t.Cleanup(func() { <-done })
	go func() {
		defer close(done)
		put := func(path, text string) {
			os.MkdirAll(filepath.Dir(path), 0o777)
			os.WriteFile(filepath.Join(dir, ".git/new"), []byte(text), 0o666)
			os.Rename(filepath.Join(dir, ".git/new"), path)
		}
		packed := filepath.Join(dir, ".git/packed-refs")
		for range 3000 { // in the order in which git pack-refs does it, and an update makes it loose again
			put(packed, "# pack-refs with: peeled fully-peeled sorted\n"+string(tip)+" refs/heads/jitos/sws/still\n")
			os.Remove(loose)
			put(loose, string(tip)+"\n")
		}
	}()
	for lists := 0; ; lists++ {
		select {
		case <-done:
			t.Logf("%d lists", lists)
			return
		default:
		}
		list, err := r.refs.list(jitos.SWSPrefix)
		there := slices.ContainsFunc(list, func(n namedRef) bool { return n.name == jitos.SWSPrefix+"still" })
		if err != nil || !there {
			t.Fatalf("list %d: %v, %v", lists, list, err)
		}
	}
}
