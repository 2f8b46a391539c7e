package warpgit

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"pgregory.net/rapid"
)

// A hash is found where it stands in a table, and no other, whether hashes are spread evenly or made to mislead.
func TestSearchIDs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.OneOf(rapid.SampledFrom([]byte{0, 1, 0x7f, 0xfe, 0xff}), rapid.Byte())
		id := rapid.Custom(func(t *rapid.T) (id plumbing.Hash) {
			same := part.Draw(t, "filled with")
			for i := range id {
				id[i] = same
			}
			for range rapid.IntRange(0, 6).Draw(t, "parts") {
				id[rapid.IntRange(0, 19).Draw(t, "at")] = part.Draw(t, "byte")
			}
			return id
		})
		all := rapid.SliceOfDistinct(id, func(id plumbing.Hash) plumbing.Hash { return id }).Draw(t, "ids")
		slices.SortFunc(all, func(a, b plumbing.Hash) int { return bytes.Compare(a[:], b[:]) })
		var table, fanout []byte
		for first := range 256 {
			n := 0
			for n < len(all) && int(all[n][0]) <= first {
				n++
			}
			fanout = binary.BigEndian.AppendUint32(fanout, uint32(n))
		}
		for _, id := range all {
			table = append(table, id[:]...)
		}
		for i, id := range all {
			if at, ok := searchIDs(fanout, table, len(all), id); !ok || at != i {
				t.Errorf("%s stands at %d, found at %d %v", id, i, at, ok)
			}
		}
		for _, other := range rapid.SliceOf(id).Draw(t, "others") {
			if at, ok := searchIDs(fanout, table, len(all), other); ok != slices.Contains(all, other) || ok && all[at] != other {
				t.Errorf("%s found at %d %v", other, at, ok)
			}
		}
	})
}

// The first looks into an index find what the mapped one has: few hashes and many, spread evenly or not, near and far offsets.
func TestGlance(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		enc, seed := &packEncoder{}, rapid.Uint64().Draw(rt, "seed")
		random := rand.New(rand.NewPCG(seed, seed))
		known := map[plumbing.Hash]int64{}
		for i := range rapid.IntRange(0, 2000).Draw(rt, "objects") {
			var id plumbing.Hash
			for at := range id {
				id[at] = byte(random.Uint32())
			}
			if i%3 == 0 {
				copy(id[:10], "one corner")
			}
			known[id] = int64(12 + i)
			if i%5 == 0 {
				known[id] += 1 << 33
			}
			enc.entries = append(enc.entries, &staged{id: id, pack: slot{offset: known[id]}})
		}
		path := filepath.Join(t.TempDir(), "p")
		if err := os.WriteFile(path+".idx", enc.index(plumbing.ZeroHash), 0o666); err != nil {
			rt.Fatal(err)
		}
		p, err := glancePack(path)
		if err != nil {
			rt.Fatal(err)
		}
		defer p.close()
		asked := 0
		ask := func(id plumbing.Hash) {
			asked++
			want, ok := known[id]
			got, err := p.find(id)
			if ok != (err == nil) || !ok && err != plumbing.ErrObjectNotFound || got != want {
				rt.Errorf("look %d: %s at %d, want %d; %v", asked, id, got, want, err)
			}
		}
		for id := range known {
			ask(id)
			id[rapid.IntRange(0, 19).Draw(rt, "byte")]++
			ask(id)
			if asked > 2*manyLooks {
				break
			}
		}
		if asked > manyLooks && (p.idx == nil || p.glance != nil) {
			rt.Errorf("after %d looks the index is not mapped", asked)
		}
	})
}
