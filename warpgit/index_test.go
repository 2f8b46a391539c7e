package warpgit

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/jitos/jitos"
)

// Whatever was written by whom, and whatever becomes of the files, the index says what a walk says: of the head, of an older
// commit, and of a workspace.
func TestIndex_againstWalk(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	head := born(t, r.Store)
	other := openDir(t, dir)
	m := &graphModel{map[jitos.ItemID]jitos.Node{}, map[jitos.ItemID]jitos.Edge{}}
	random := rand.New(rand.NewPCG(1, 2))
	old, ws := head, jitos.CommitID("")
	for round := range 40 {
		writer := r
		if random.IntN(4) == 0 {
			writer = other
		}
		var group []jitos.Rewrite
		for range 1 + random.IntN(3) {
			rw := m.step(random)
			for range random.IntN(3) {
				n := node("b", fmt.Sprintf("w%d-%d", random.IntN(4), random.IntN(30)), "round", fmt.Sprint(round))
				if _, twice := m.nodes[n.ID.Item()]; !twice && !slices.Contains(rw.Drop, n.ID.Item()) {
					rw.Set, m.nodes[n.ID.Item()] = append(rw.Set, n), n
				}
			}
			group = append(group, rw)
		}
		head = appendTo(t, writer.Store, jitos.SystemRef, head, group...)
		if round%7 == 3 {
			old = head
			rw := (&graphModel{maps.Clone(m.nodes), maps.Clone(m.edges)}).step(random)
			ids, err := r.Store.Append(ctx, jitos.Ref(fmt.Sprintf("%sw%d", jitos.SWSPrefix, round)), "", head, rw)
			if err != nil {
				t.Fatal(err)
			}
			ws = ids[0]
		}
		switch random.IntN(6) {
		case 0:
			damage(t, random, filepath.Join(dir, ".git/jitos/index"))
		case 1, 2:
			damage(t, random, filepath.Join(dir, ".git/jitos/index"))
			fallthrough
		case 3:
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			r = openDir(t, dir)
		case 4:
			other.Store.index.close(ctx)
		}
		for _, at := range []jitos.CommitID{head, old, ws} {
			if at != "" && random.IntN(2) > 0 {
				compareIndex(t, r.Store, at, at == head)
			}
		}
	}
	compareIndex(t, other.Store, head, true)
	compareIndex(t, r.Store, ws, false)
	if err := r.Reindex(ctx); err != nil {
		t.Fatal(err)
	}
	if x := r.Store.index; len(x.segments) != 1 || x.recent.commits != 0 || commitID(x.head) != head {
		t.Errorf("after Reindex %d segments and %d commits", len(x.segments), x.recent.commits)
	}
	compareIndex(t, r.Store, head, true)
}

// damage does to a file of the index what a disk, a power cut or a hand may do.
func damage(t *testing.T, random *rand.Rand, dir string) {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil || len(names) == 0 {
		return
	}
	path := filepath.Join(dir, names[random.IntN(len(names))].Name())
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	what := random.IntN(6)
	switch what {
	case 0:
		err = os.Remove(path)
	case 1:
		err = os.RemoveAll(dir)
	case 2:
		err = os.Truncate(path, int64(random.IntN(len(data)))) // under those that have mapped it
	case 3:
		data[random.IntN(len(data))] ^= 1 << random.IntN(8)
	case 4:
		data = data[:random.IntN(len(data))]
	case 5:
		data = bytes.Repeat([]byte{0}, len(data))
	}
	if err == nil && what > 2 {
		err = os.WriteFile(path+".tmp", data, 0o666)
		if err == nil {
			err = os.Rename(path+".tmp", path)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// compareIndex compares what the index says of a WARP with a walk through its trees and its history.
func compareIndex(t testing.TB, s *Store, id jitos.CommitID, isHead bool) {
	t.Helper()
	at := open(t, s, id)
	to := map[jitos.NodeID][]string{}
	var names []string
	for n, err := range at.Nodes(ctx, "") {
		if err != nil {
			t.Fatal(err)
		}
		to[n.ID] = append(to[n.ID], "")
		names = append(names, n.ID.Name+" "+n.ID.Kind)
	}
	for id := range to {
		for e, err := range at.Edges(ctx, id, "") {
			if err != nil {
				t.Fatal(err)
			}
			to[e.To] = append(to[e.To], string(e.Item()))
		}
	}
	set := map[jitos.ItemID]jitos.CommitID{}
	if isHead {
		for c, err := range s.Log(ctx, id) {
			if err != nil {
				t.Fatal(err)
			}
			for item := range c.Record.Set {
				if set[item] == "" {
					set[item] = c.ID
				}
			}
		}
	}
	for id, want := range to {
		got := []string{""}
		for e, err := range s.To(ctx, at, id) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, string(e.Item()))
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("to %s\n got %v\nwant %v", id, got, want)
		}
		if by, err := s.SetBy(ctx, id); isHead && (err != nil || by != set[id.Item()]) {
			t.Fatalf("%s was set by %s %v, want %s", id, by, err, set[id.Item()])
		}
	}
	for item := range set {
		p, err := item.Parse()
		if err != nil {
			t.Fatal(err)
		}
		if _, there := to[p.Node]; there || p.Label != "" || p.File != "" {
			continue
		}
		if by, err := s.SetBy(ctx, p.Node); by != "" || err != nil {
			t.Fatalf("%s is gone, and was set by %s %v", item, by, err)
		}
	}
	for _, prefix := range []string{"", "n", "n1", "n42", "w", "w1-", "2", "13", "x"} {
		for _, kind := range []string{"", "b"} {
			compareNamed(t, s, at, kind, prefix, names)
		}
	}
}

func compareNamed(t testing.TB, s *Store, at jitos.Snapshot, kind, prefix string, all []string) {
	t.Helper()
	var whole, last []string
	for _, n := range all {
		name, k, _ := strings.Cut(n, " ")
		if kind != "" && kind != k {
			continue
		}
		if strings.HasPrefix(name, prefix) {
			whole = append(whole, n)
		}
		if i := strings.LastIndexByte(name, '-'); i >= 0 && strings.HasPrefix(name[i+1:], prefix) {
			last = append(last, n)
		}
	}
	if len(whole) == 0 {
		whole = last
	}
	slices.Sort(whole)
	found, more, err := s.Named(ctx, at, kind, prefix, 100_000)
	var got []string
	for _, id := range found {
		got = append(got, id.Name+" "+id.Kind)
	}
	slices.Sort(got)
	if err != nil || more != 0 || !slices.Equal(got, whole) {
		t.Fatalf("named %q of kind %q\n got %.300q, %d more, %v\nwant %.300q", prefix, kind, strings.Join(got, ", "), more, err, strings.Join(whole, ", "))
	}
	names := slices.Compact(slices.Collect(func(yield func(string) bool) {
		for _, n := range whole {
			name, _, _ := strings.Cut(n, " ")
			if !yield(name) {
				return
			}
		}
	}))
	if _, more, err = s.Named(ctx, at, kind, prefix, 3); err != nil || more != max(0, len(names)-3) {
		t.Fatalf("named %q: %d more than 3 of %d, %v", prefix, more, len(names), err)
	}
}

// The rows that a segment gives back are those that were put in, from any key on; and no change of a byte goes unnoticed where
// it is read.
func TestSegment(t *testing.T) {
	dir := t.TempDir()
	x := &graphIndex{dir: dir, clone: func() string { return "here" }}
	rapid.Check(t, func(t *rapid.T) {
		rows := map[string]row{}
		random := dice(t)
		for range rapid.IntRange(0, 400).Draw(t, "rows") {
			key := strings.Repeat("k", random.IntN(3)*random.IntN(200)) + fmt.Sprint(random.IntN(500))
			rows[key] = row{[]byte(key), bytes.Repeat([]byte("v"), random.IntN(30)*random.IntN(30)), random.IntN(5) == 0}
		}
		keys := slices.Sorted(maps.Keys(rows))
		from, to := EmptyTree, EmptyTree
		from[0], to[0] = 1, 2
		s, err := x.write(from, to, -3, func(w *segmentWriter) error {
			for _, k := range keys {
				if err := w.add(rows[k]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		defer s.close()
		if s.ended != -3 || s.rows != int64(len(keys)) {
			t.Fatalf("%d rows, %d ended", s.rows, s.ended)
		}
		for _, key := range append([]string{"", "k", "kkkk", "5", "z"}, keys[:min(len(keys), 20)]...) {
			c, err := s.seek(key)
			if err != nil {
				t.Fatal(err)
			}
			i, _ := slices.BinarySearch(keys, key)
			for ; ; i++ {
				more, err := c.next()
				if err != nil || more != (i < len(keys)) {
					t.Fatalf("from %q: row %d of %d: %t %v", key, i, len(keys), more, err)
				}
				if !more {
					break
				}
				if want := rows[keys[i]]; string(c.row.key) != keys[i] || !bytes.Equal(c.row.value, want.value) || c.row.gone != want.gone {
					t.Fatalf("from %q: row %d is %q", key, i, c.row.key)
				}
			}
		}
		if _, err := openSegment(s.path, "elsewhere"); err == nil {
			t.Fatal("another clone's segment was opened")
		}
		data, err := os.ReadFile(s.path)
		if err != nil {
			t.Fatal(err)
		}
		data[random.IntN(len(data))] ^= 1 << random.IntN(8)
		if err := os.WriteFile(s.path+".tmp", data, 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(s.path+".tmp", s.path); err != nil {
			t.Fatal(err)
		}
		bad, err := openSegment(s.path, "here")
		if err == nil {
			c := &cursor{segment: bad}
			for more := true; more && err == nil; {
				more, err = c.next()
			}
			bad.close()
		}
		if err == nil {
			t.Fatal("a flipped bit was not noticed")
		}
	})
}

// A commit costs a small file, and never many: they are joined, and a row is not written again too often.
func TestIndex_joined(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	head := born(t, r.Store)
	files := func() int {
		names, err := os.ReadDir(filepath.Join(dir, ".git/jitos/index"))
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	for i := range 60 {
		set := []jitos.Node{node("thing", fmt.Sprint("n", i))}
		if i == 0 {
			for j := range 3000 {
				set = append(set, node("many", fmt.Sprint("m", j)))
			}
		}
		var drop []jitos.ItemID
		if i%5 == 3 {
			drop = append(drop, node("many", fmt.Sprint("m", i)).ID.Item())
		}
		head = appendTo(t, r.Store, jitos.SystemRef, head, graphRule(set, nil, drop...))
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		r = openDir(t, dir)
	}
	if err := r.Store.index.follow(ctx); err != nil {
		t.Fatal(err)
	}
	x := r.Store.index
	if n := len(x.segments); n < 2 || n > manySegments || x.recent.commits > 0 {
		t.Errorf("%d segments, %d commits in none", n, x.recent.commits)
	}
	if x.segments[0].rows < 3000 {
		t.Errorf("the first of %d segments has %d rows", len(x.segments), x.segments[0].rows)
	}
	if n := files(); n > 70 {
		t.Errorf("%d files", n)
	}
	compareIndex(t, r.Store, head, true)
}

// Tasks are listed with the status that the graph gives, however they came and whatever became of the files.
func TestIndex_tasks(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	head := born(t, r.Store)
	declare := func(name, intent string) jitos.Rewrite {
		rw := graphRule([]jitos.Node{node(jitos.KindTask, name, "intent", intent, "actor", ada)}, nil)
		rw.Task = jitos.TaskID(name)
		return rw
	}
	withdraw := func(name string) jitos.Rewrite {
		rw := graphRule([]jitos.Node{node(jitos.KindWithdrawal, name, "reason", "no need")}, nil)
		rw.Task = jitos.TaskID(name)
		return rw
	}
	long := strings.Repeat("long \"words\" ", 1000)
	check := func(s *Store, want ...string) {
		t.Helper()
		for _, all := range []bool{true, false} {
			list, ended, err := s.Tasks(ctx, all)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range list {
				got = append(got, fmt.Sprintf("%s %s %s", l.ID, l.Status, l.Intent[:2]))
			}
			var open []string
			for _, w := range want {
				if all || !strings.Contains(w, "withdrawn") {
					open = append(open, w)
				}
			}
			if !slices.Equal(got, open) || ended != strings.Count(strings.Join(want, " "), "withdrawn") {
				t.Fatalf("got %v and %d ended, want %v", got, ended, want)
			}
		}
	}
	head = appendTo(t, r.Store, jitos.SystemRef, head, declare("b-1", "be"), declare("a-1", "ay"), declare("c-1", long))
	check(r.Store, "a-1 declared ay", "b-1 declared be", "c-1 declared lo")
	head = appendTo(t, r.Store, jitos.SystemRef, head, withdraw("b-1"))
	check(r.Store, "a-1 declared ay", "b-1 withdrawn be", "c-1 declared lo")
	again := openDir(t, dir)
	check(again.Store, "a-1 declared ay", "b-1 withdrawn be", "c-1 declared lo")
	head = appendTo(t, again.Store, jitos.SystemRef, head, withdraw("c-1"))
	again.Store.index.close(ctx)
	check(r.Store, "a-1 declared ay", "b-1 withdrawn be", "c-1 withdrawn lo")
	again.Store.index.close(ctx)
	note := graphRule([]jitos.Node{node("note", "late")}, nil)
	note.Task = "b-1"
	head = appendTo(t, r.Store, jitos.SystemRef, head, note)
	check(r.Store, "a-1 declared ay", "b-1 withdrawn be", "c-1 withdrawn lo")
	rw := graphRule(nil, nil, jitos.NodeID{Kind: jitos.KindTask, Name: "a-1"}.Item())
	rw.Task = "a-1"
	appendTo(t, r.Store, jitos.SystemRef, head, rw)
	check(r.Store, "b-1 withdrawn be", "c-1 withdrawn lo")
	if list, _, err := r.Store.Tasks(ctx, true); err != nil || list[1].Intent != long {
		t.Errorf("a long intent was cut: %v", err)
	}
	if err := os.RemoveAll(filepath.Join(dir, ".git/jitos/index")); err != nil {
		t.Fatal(err)
	}
	s := openDir(t, dir).Store
	check(s, "b-1 withdrawn be", "c-1 withdrawn lo")
}

// Several look and write at once, and each time the files are joined or taken away under the others.
func TestIndex_crowd(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	head := born(t, r.Store)
	rw := graphRule([]jitos.Node{node("thing", "hub")}, nil)
	for i := range 50 {
		n := node("thing", fmt.Sprint("n", i))
		rw.Set, rw.Edges = append(rw.Set, n), append(rw.Edges, edge(n, "to", rw.Set[0], ""))
	}
	head = appendTo(t, r.Store, jitos.SystemRef, head, rw)
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 12 {
				mine, err := Open(dir)
				if err != nil {
					t.Error(err)
					return
				}
				at, err := mine.Store.Open(ctx, head)
				if err != nil {
					t.Error(err)
					return
				}
				n := 0
				for _, err := range mine.Store.To(ctx, at, rw.Set[0].ID) {
					if n++; err != nil {
						t.Error(err)
					}
				}
				if n != 50 {
					t.Errorf("%d edges point to the hub", n)
				}
				if err := mine.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	tip := head
	for i := range 25 {
		tip = appendTo(t, r.Store, jitos.SystemRef, tip, graphRule([]jitos.Node{node("thing", fmt.Sprint("x", i))}, nil))
		r.Store.index.close(ctx)
		if i%8 == 7 {
			os.RemoveAll(filepath.Join(dir, ".git/jitos/index"))
		}
	}
	group.Wait()
	compareIndex(t, openDir(t, dir).Store, tip, true)
}

// The index follows rewrites that were staged first, without reading their records, as it follows any other.
func TestIndex_staged(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	head := born(t, r.Store)
	tip := head
	for i := range 3 {
		snap, err := r.Store.Stage(ctx, tip, graphRule([]jitos.Node{node("thing", fmt.Sprint("n", i))}, nil), graphRule([]jitos.Node{node("part", fmt.Sprint("p", i))}, nil))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := snap.Node(ctx, jitos.NodeID{Kind: "part", Name: fmt.Sprint("p", i)}); err != nil {
			t.Errorf("what was staged cannot be read: %v", err)
		}
		tip = snap.Commit().ID
	}
	if at, err := r.Store.Head(ctx, jitos.SystemRef); err != nil || at != head {
		t.Errorf("a stage moved the line to %s, %v", at, err)
	}
	if _, err := r.Store.Append(ctx, jitos.SystemRef, head, tip); err != nil {
		t.Fatal(err)
	}
	if x := r.Store.index; x.recent == nil || commitID(x.head) != tip || len(r.Store.staged) != 0 {
		t.Errorf("the index is at %s, want %s; %d lines are left", x.head, tip, len(r.Store.staged))
	}
	compareIndex(t, r.Store, tip, true)
	run(t, dir, "fsck", "--strict")
}
