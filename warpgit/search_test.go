package warpgit

import (
	"bytes"
	"encoding/binary"
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
