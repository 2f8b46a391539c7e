package backtrack

import (
	"context"
	"unsafe"
)

// Space is what a Search walks through: one state and what remains to be done in it, changed in place. It keeps what it needs to
// take a choice back; the search keeps the choices themselves.
type Space interface {
	// Advance goes on with the first thing that remains, and tells how far it came.
	Advance() (Step, Choice)
	// Open begins the choice that Advance came to; false where it repeats one above it with nothing changed: a loop.
	Open() bool
	// Next takes back all that was done since the last choice was opened and takes its next alternative; false: none is left.
	Next() bool
	// Close ends the last choice. Dead tells that its subtree was searched to the end in vain, and will be known as a dead end.
	Close(dead bool)
}

// Knower is a Space that wants to hear of choices that are not searched again.
type Knower interface {
	// Known is called in the place of Open. Open tells that the very same choice is open above: a loop.
	Known(key uint64, open bool)
}

// Step is how far Advance came.
type Step uint8

const (
	More   Step = iota // something was done, and something may remain
	Choose             // there is a choice
	Solved             // nothing remains
	Dead               // what is next cannot be done
	Cut                // what is next is not looked at, so that nothing is proved
)

// Choice says where a choice is made.
type Choice struct {
	Key   uint64 // of the state and of all that remains
	Task  uint64 // of the state and of the task that is chosen for, whatever comes after it; 0: it has no end of its own
	Depth int32  // how many tasks remain, where they are done one after the other; given with every Step
}

// Outcome is how a run ended.
type Outcome uint8

const (
	Found     Outcome = iota
	Exhausted         // there is nothing (more) to find
	GaveUp            // what was cut leaves it open, and there is nothing left to do
	Paused            // the nodes are spent
)

// Settings choose one of several searches.
type Settings struct {
	// All asks for every solution; only dead ends are remembered then. Else nothing is looked at twice: that finds a solution where
	// there is one, but not all.
	All bool
	// Cheap does not try a task again in a state in which it failed, even where it was what came after it that failed.
	Cheap bool
	// Limited, where it is not 0, is how often the first alternative may be left on one path, plus 1 (limited discrepancy search:
	// Harvey and Ginsberg, 1995).
	Limited int
}

// Bounds that keep a search within its memory.
const (
	maxKeys   = 3 << 20
	maxFrames = 2 << 20
)

// Search searches depth first, with an explicit stack of choices.
type Search struct {
	Nodes int // expanded so far, as the space counts them

	space  Space
	knower Knower // nil: the space does not care
	set    Settings
	frames []frame
	closed Seen // by Choice.Key
	failed Seen // by Choice.Task
	cuts   int
	turns  int
	back   bool // a solution was found: its last choice is taken back before all else
	over   bool
	end    Outcome
	err    error
}

// frame is a choice that is open.
type frame struct {
	key, task uint64
	depth     int32
	least     int32 // the least depth seen below
	left      int32 // how many more times the first alternative may be left
	tried     int32
	cut       bool // something below was not searched to the end
	found     bool // a solution is below
}

// Start makes the search ready. It is called once.
func (s *Search) Start(space Space, set Settings) {
	s.space, s.set, s.closed, s.failed = space, set, NewSeen(), NewSeen()
	s.knower, _ = space.(Knower)
}

// Run searches until a solution is found, everything is searched, or so many nodes are expanded; the next call goes on from
// there. An error is that of the context, or of Stop.
func (s *Search) Run(ctx context.Context, nodes int) (Outcome, error) {
	for limit := s.Nodes + nodes; !s.over; s.turns++ {
		if s.turns&1023 == 0 && ctx.Err() != nil {
			s.Stop(ctx.Err())
		}
		if s.err != nil {
			return GaveUp, s.err
		}
		if s.closed.n > maxKeys || s.failed.n > maxKeys {
			s.finish(GaveUp)
			break
		}
		if s.Nodes >= limit {
			return Paused, nil
		}
		if !s.back {
			switch s.advance() {
			case More:
				continue
			case Solved:
				s.back = true
				return Found, nil
			}
		}
		s.back = false
		for !s.choose() && !s.over && s.err == nil {
		}
	}
	return s.end, s.err
}

// Bytes is about what the search holds: what it remembers, and its open choices.
func (s *Search) Bytes() int {
	return 8*(len(s.closed.slots)+len(s.failed.slots)) + int(unsafe.Sizeof(frame{}))*len(s.frames)
}

// Over tells that the search has ended: another run finds nothing more.
func (s *Search) Over() bool { return s.over }

// Stop ends the search with an error, which is that of every run from now on.
func (s *Search) Stop(err error) {
	if s.err == nil {
		s.err = err
	}
}

// Cut notes that something below the last choice is left out: it is no dead end, whatever comes of the rest.
func (s *Search) Cut() {
	s.cuts++
	if n := len(s.frames); n > 0 {
		s.frames[n-1].cut = true
	}
}

func (s *Search) finish(end Outcome) { s.over, s.end = true, end }

// advance goes on with what remains, and opens the choice that it comes to.
func (s *Search) advance() Step {
	step, c := s.space.Advance()
	if n := len(s.frames); n > 0 {
		f := &s.frames[n-1]
		f.least = min(f.least, c.Depth)
		f.found = f.found || step == Solved
	}
	switch step {
	case Choose:
		s.open(c)
	case Cut:
		s.Cut()
	}
	return step
}

// open begins a choice, unless it is known what comes of it.
func (s *Search) open(c Choice) {
	left := int32(1 << 30)
	if n := len(s.frames); n > 0 {
		left = s.frames[n-1].left
	} else if s.set.Limited > 0 {
		left = int32(s.set.Limited - 1)
	}
	if s.set.Limited > 0 {
		c.Key = Mix(c.Key + uint64(left))
	}
	f := frame{key: c.Key &^ 3, task: c.Task &^ 3, depth: c.Depth, least: 1 << 30, left: left}
	mark, known := uint8(0), false
	if f.task != 0 {
		mark, known = s.failed.Get(f.task)
		mark |= MarkDone
	}
	if !known {
		mark, known = s.closed.Get(f.key)
	}
	switch {
	case known:
		if s.knower != nil {
			s.knower.Known(f.key, mark == 0)
		}
		if mark != MarkDone { // still open, or closed with something cut below
			s.Cut()
		}
	case len(s.frames) >= maxFrames || !s.space.Open():
		s.Cut()
	default:
		if !s.set.All {
			s.closed.Put(f.key, 0)
		}
		s.frames = append(s.frames, f)
	}
}

// choose takes the next alternative of the last choice, or closes it; it tells whether there was one.
func (s *Search) choose() bool {
	n := len(s.frames)
	if n == 0 {
		if s.finish(Exhausted); s.cuts > 0 {
			s.finish(GaveUp)
		}
		return false
	}
	f := &s.frames[n-1]
	if f.tried > 0 && f.left <= 0 {
		s.Cut()
	} else if s.space.Next() {
		if f.tried++; f.tried == 2 {
			f.left--
		}
		return true
	}
	s.close(f)
	return false
}

// close ends the last choice, and remembers what came of it.
func (s *Search) close(f *frame) {
	mark := uint8(MarkDone)
	if f.cut {
		mark |= MarkCut
	}
	dead := !f.cut && !f.found
	if dead || !s.set.All {
		s.closed.Put(f.key, mark)
	}
	// A task that was finished below may have failed by what came after it; one that was not failed by itself.
	finished := f.least < f.depth
	if f.task != 0 && (s.set.Cheap || !finished && dead) {
		if finished {
			mark |= MarkCut
		}
		s.failed.Put(f.task, mark)
	}
	s.space.Close(dead)
	if n := len(s.frames); n > 1 {
		above := &s.frames[n-2]
		above.cut, above.found = above.cut || f.cut, above.found || f.found
		above.least = min(above.least, f.least)
	}
	s.frames = s.frames[:len(s.frames)-1]
}
