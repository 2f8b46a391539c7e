package planner

import (
	"errors"

	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/planner/backtrack"
)

const (
	defaultK      = 5
	defaultBudget = 20000
	maxDepth      = 100 // tasks within tasks
)

// errSpent ends a search whose budget is spent.
var errSpent = errors.New("budget spent")

// search looks for all candidates, depth first (see package backtrack): a node of it is the state with the agenda.
type search struct {
	asker
	backtrack.Search
	lib       *library
	lacks     func(worker string) string
	k, budget int
	always    map[string]string // $task and $snapshot

	agenda   []*item // what remains
	ready    []int   // items of it that are to be tried first
	key      uint64  // of the state and the agenda
	choices  []choice
	log      []event
	finished []*item // in the order in which they were done
	cost     int     // of the methods chosen
	rest     int     // what the tasks that wait cost at least

	truncated bool
	kept      backtrack.Best[*candidate]
	repair    *repair // what a repair demands, nil for a plan from scratch
	reasons   backtrack.Reasons[methodKey]
	known     map[question]verdict // of conditions that no step can change
	deadEnds  map[uint64]trouble   // what is wrong with each, by its key
}

// choice is what may come next: one of the ready items, and of a task each method in each way in which its conditions hold.
type choice struct {
	mark   mark
	agenda []*item
	ready  []int // those that are left
	key    uint64
	worst  trouble // the deepest that came below

	at     int               // of the item being tried
	task   *item             // the same, where it is a task
	left   []*methods.Method // of the task, not tried yet
	method *methods.Method   // being tried
	ways   []binding         // of it, not tried yet
	fits   bool              // some method did
	unfit  string            // why the first did not
}

// mark is a point to which the search can go back.
type mark struct{ log, finished, state, cost, rest int }

// run looks for candidates until all were found or the budget is spent.
func (s *search) run() error {
	s.Start(s, backtrack.Settings{All: true})
	for {
		end, err := s.Run(s.facts.ctx, s.budget-s.Nodes)
		if end == backtrack.Paused || errors.Is(err, errSpent) {
			s.truncated = true
			return nil
		}
		if err != nil || end != backtrack.Found {
			return err
		}
	}
}

// expand counts a decision. Where the budget is spent it ends the search.
func (s *search) expand() bool {
	if s.Nodes++; s.Nodes > s.budget {
		s.Stop(errSpent)
		return false
	}
	return true
}

func (s *search) mark() mark {
	return mark{len(s.log), len(s.finished), s.state.Mark(), s.cost, s.rest}
}

func (s *search) back(m mark) {
	for len(s.finished) > m.finished {
		it := s.finished[len(s.finished)-1]
		s.finished = s.finished[:len(s.finished)-1]
		if it.done = false; it.parent != nil {
			it.parent.open++
		}
	}
	s.log = s.log[:m.log]
	s.state.Back(m.state)
	s.cost, s.rest = m.cost, m.rest
}

// Advance does what is ready where there is nothing to choose.
func (s *search) Advance() (backtrack.Step, backtrack.Choice) {
	if len(s.agenda) == 0 {
		if err := s.emit(); err != nil {
			s.Stop(err)
		}
		return backtrack.Solved, backtrack.Choice{}
	}
	s.ready = s.lib.choices(s.agenda)
	if it := s.agenda[s.ready[0]]; len(s.ready) > 1 || it.isTask() && !it.isGroup() {
		s.key = s.nodeKey()
		return backtrack.Choose, backtrack.Choice{Key: s.key}
	}
	if s.expand() && s.do(s.ready[0]) {
		return backtrack.More, backtrack.Choice{}
	}
	return backtrack.Dead, backtrack.Choice{}
}

// nodeKey is equal for equal states and agendas: the same steps of the same methods with the same values, waiting for the same.
func (s *search) nodeKey() uint64 {
	h := s.state.Hash
	for _, it := range s.agenda {
		h = backtrack.Mix(h*3 + it.sum)
		for _, b := range it.after {
			if h *= 5; b.done {
				h++
			}
		}
	}
	return h &^ 3
}

// Open begins a choice.
func (s *search) Open() bool {
	s.choices = append(s.choices, choice{mark: s.mark(), agenda: s.agenda, ready: s.ready, key: s.key})
	return true
}

// Next takes the next alternative of the last choice.
func (s *search) Next() bool {
	c := &s.choices[len(s.choices)-1]
	for {
		s.back(c.mark)
		s.agenda = c.agenda
		switch {
		case len(c.ways) > 0:
			b := c.ways[0]
			c.ways = c.ways[1:]
			s.decompose(c.at, c.task, c.method, b)
			return true
		case len(c.left) > 0:
			c.method, c.left = c.left[0], c.left[1:]
			ways, unfit, err := s.ways(c.task, c.method)
			if err != nil {
				s.Stop(err)
				return false
			}
			c.ways = ways
			if c.fits = c.fits || unfit == ""; c.unfit == "" {
				c.unfit = unfit
			}
			continue
		case c.task != nil:
			if !c.fits {
				s.blame(c.task, backtrack.NoneFits(c.task.task.Name, c.unfit))
			}
			c.task = nil
		}
		if len(c.ready) == 0 || !s.expand() {
			return false
		}
		c.at, c.ready = c.ready[0], c.ready[1:]
		it := s.agenda[c.at]
		if !it.isTask() || it.isGroup() {
			if s.do(c.at) {
				return true
			}
		} else if s.begin(it) {
			c.task, c.left, c.fits, c.unfit = it, it.task.Methods, false, ""
		}
	}
}

// Close ends the last choice. What is wrong with a dead end is kept, to be told of other ways that lead to it.
func (s *search) Close(dead bool) {
	top := len(s.choices) - 1
	c := s.choices[top]
	s.choices = s.choices[:top]
	if top > 0 {
		s.choices[top-1].worst.deepen(c.worst)
	}
	if dead {
		s.deadEnds[c.key] = c.worst.within(c.agenda, c.mark.log)
	}
}

// Known notes that what was chosen leads to a dead end, as something else did.
func (s *search) Known(key uint64, _ bool) {
	if t := s.deadEnds[key]; t.under != nil {
		s.trouble(trouble{s.agenda[t.at], t.at, t.step, t.why, len(s.log) + t.depth})
	}
}

// do does an item that there is one way to do, a step with `each` or a primitive one; it tells whether that can be done.
func (s *search) do(at int) bool {
	it, ok := s.agenda[at], true
	var err error
	if it.isGroup() {
		err = s.spread(at, it)
	} else {
		ok, err = s.place(at, it)
	}
	if err != nil {
		s.Stop(err)
	}
	return ok && err == nil
}

// finish marks an item as done, and what it was the last part of.
func (s *search) finish(it *item) {
	it.done = true
	s.finished = append(s.finished, it)
	if p := it.parent; p != nil {
		if p.open--; p.open == 0 {
			s.finish(p)
		}
	}
}

// adopt puts the children of an item into its place on the agenda.
func (s *search) adopt(at int, it *item, children []*item) {
	it.children, it.open = children, len(children)
	for _, c := range children {
		s.rest += s.lib.leastOf(c.step)
	}
	if len(children) == 0 {
		s.finish(it)
	}
	s.replace(at, children)
}

func (s *search) replace(at int, with []*item) {
	agenda := make([]*item, 0, len(s.agenda)-1+len(with))
	s.agenda = append(append(append(agenda, s.agenda[:at]...), with...), s.agenda[at+1:]...)
}
