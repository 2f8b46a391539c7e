package backtrack

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/jitos/jitos"
)

type offer struct {
	cost int
	way  string
}

func compareOffers(a, b offer) int {
	return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.way, b.way))
}

// Whatever the order in which they come: the best of each way, as far as there is room, and the best of the rest in the room
// that is left; and Last tells the truth about what would be kept.
func TestBest(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 1))
		b := Best[offer]{K: 1 + r.IntN(4), Compare: compareOffers, Alike: func(a, b offer) bool { return a.way == b.way }}
		var all []offer
		for range r.IntN(12) {
			x := offer{r.IntN(6), fmt.Sprint(r.IntN(4))}
			last, full := b.Last()
			before := slices.Clone(b.List())
			gone, ok := b.Offer(x)
			if full && compareOffers(last, x) < 0 && (!ok || gone != x || !slices.Equal(before, b.List())) {
				t.Fatalf("seed %d: %v is worse than the last, %v, and is kept", seed, x, last)
			}
			if !slices.Contains(all, x) {
				all = append(all, x)
			}
		}
		slices.SortFunc(all, compareOffers)
		var firsts, rest []offer
		for _, x := range all {
			if slices.ContainsFunc(firsts, func(f offer) bool { return f.way == x.way }) {
				rest = append(rest, x)
			} else {
				firsts = append(firsts, x)
			}
		}
		want := firsts[:min(len(firsts), b.K)]
		want = append(slices.Clone(want), rest[:min(len(rest), b.K-len(want))]...)
		slices.SortFunc(want, compareOffers)
		if !slices.Equal(b.List(), want) {
			t.Fatalf("seed %d: kept %v of %v, want %v", seed, b.List(), all, want)
		}
	}
}

// The reason that came farthest is kept, the first of equals.
func TestReasons(t *testing.T) {
	var r Reasons[string]
	note := func(rank Rank, progress int, text string) {
		r.Note("m", rank, progress, whyNot(text))
	}
	for i, c := range []struct {
		rank     Rank
		progress int
		want     string
	}{{AtCondition, 1, "0"}, {AtCondition, 1, "0"}, {AtCondition, 2, "2"}, {AtArguments, 9, "2"}, {AtStep, 0, "4"}, {AtOther, 9, "4"}} {
		if note(c.rank, c.progress, fmt.Sprint(i)); mustTell(t, &r) != c.want {
			t.Errorf("after %d: %s, want %s", i, mustTell(t, &r), c.want)
		}
	}
	if _, ok := r.Of("n"); ok {
		t.Error("something is said of a method of which nothing is known")
	}
}

func whyNot(text string) jitos.WhyNot { return jitos.WhyNot{Reason: text} }

func mustTell(t *testing.T, r *Reasons[string]) string {
	t.Helper()
	why, ok := r.Of("m")
	if !ok {
		t.Fatal("nothing is told")
	}
	return why.Reason
}
