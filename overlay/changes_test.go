package overlay

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/jitos/jitos"
)

// sameChanges looks every item up in both commits, and wants Changes to name those whose blobs differ.
func (f *fabric) sameChanges(rt rapid.TB, a, b jitos.Snapshot, items []jitos.ItemID) {
	ctx := context.Background()
	d, err := f.Changes(ctx, a.Commit().ID, b.Commit().ID)
	if err != nil {
		rt.Fatal(err)
	}
	var want []ItemChange
	for _, item := range slices.Compact(slices.Sorted(slices.Values(items))) {
		old, err1 := a.Blob(ctx, item)
		now, err2 := b.Blob(ctx, item)
		if err1 != nil || err2 != nil {
			rt.Fatal(item, err1, err2)
		}
		if old != now {
			want = append(want, ItemChange{item, old, now})
		}
	}
	if !reflect.DeepEqual(d.Items, want) {
		rt.Errorf("changed items\n%v, want\n%v", d.Items, want)
	}
	paths, err := f.Changed(ctx, a.Tree(), b.Tree())
	if err != nil || !slices.Equal(paths, d.Paths) {
		rt.Errorf("changed paths %v, want %v, %v", d.Paths, paths, err)
	}
}

func TestChanges_model(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFabric(t)
		w := emptyWarp().edit(rt, 12)
		next := w.edit(rt, 8)
		a := f.system(emptyWarp().rewrite(f, w))
		b := f.system(w.rewrite(f, next))
		items := append(w.items(), next.items()...)
		f.sameChanges(rt, a, b, items)
		f.sameChanges(rt, b, a, items)
	})
}

// Directories that one side has split and the other has not are compared by what is in them.
func TestChanges_shards(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := newFabric(t)
		draw := func(name string) map[int]int {
			nodes := map[int]int{}
			for range rapid.IntRange(25, 60).Draw(rt, name) {
				nodes[rapid.IntRange(0, 90).Draw(rt, "node")] = rapid.IntRange(0, 1).Draw(rt, "value")
			}
			return nodes
		}
		name := func(i int) jitos.Node { return node(fmt.Sprintf("thing/n%d", i)) }
		before, after := draw("before"), draw("after")
		var items []jitos.ItemID
		write := func(nodes, old map[int]int) jitos.Snapshot {
			var rw jitos.Rewrite
			for _, i := range slices.Sorted(maps.Keys(nodes)) {
				n := name(i)
				n.Fields["v"] = nodes[i]
				rw.Set = append(rw.Set, n)
				items = append(items, n.ID.Item())
			}
			for _, i := range slices.Sorted(maps.Keys(old)) {
				if _, stays := nodes[i]; !stays {
					rw.Drop = append(rw.Drop, name(i).ID.Item())
				}
			}
			return f.system(rw)
		}
		a := write(before, nil)
		b := write(after, before)
		f.sameChanges(rt, a, b, items)
	})
}
