package warpgit

import (
	"runtime"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
)

// What is read again is kept, with the room that it lies in: that of a small rewrite must not be the 128 KiB that a large one wants.
// A program that made 10,000 small ones held 1.2 GB.
func TestBatch_small(t *testing.T) {
	const batches = 100
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range batches {
		b := newBatch(8)
		for j := range 8 {
			b.add(plumbing.Hash{byte(i), byte(j)}, rawObject{kind: plumbing.BlobObject, data: append(b.take(200), "some"...)}, plumbing.ZeroHash)
		}
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / batches; each > 16<<10 {
		t.Errorf("%d bytes for eight objects of 200", each)
	}
}

// Room that is taken belongs to one object, however much is taken, and is as large as was asked for: what is put behind it goes elsewhere.
func TestBatch_take(t *testing.T) {
	for _, first := range []int{0, firstArena + 1, arenaSize} {
		b := newBatch(0)
		rooms := [][]byte{b.take(first)}
		for n := range 1000 {
			rooms = append(rooms, b.take(n*20))
		}
		for i, room := range rooms {
			if want := max(i-1, 0) * 20; len(room) != 0 || i > 0 && cap(room) != want {
				t.Fatalf("room for %d: %d of %d", want, len(room), cap(room))
			}
			room = room[:cap(room)]
			for j := range room {
				room[j] = byte(i)
			}
		}
		for i, room := range rooms {
			for _, c := range room[:cap(room)] {
				if c != byte(i) {
					t.Fatalf("room %d is another's as well", i)
				}
			}
		}
	}
}
