package verifier

import (
	"fmt"
	"strconv"
	"strings"
)

// Plan is a plan in the competition's format:
//
//	==>
//	0 load p1 v1 depot
//	1 drive v1 depot home
//	root 2
//	2 deliver p1 home -> by-van 0 3
//	3 get-to v1 home -> drive-on 1
//	<==
//
// First the steps in the order in which they are executed, then the ids of the tasks of the initial network, then for each
// compound task its method and the ids of the subtasks.
type Plan struct {
	File  string
	Steps []*Node // the primitive ones, in order
	Roots []int
	Nodes map[int]*Node // all
}

// Node is a task of the plan.
type Node struct {
	ID     int
	Line   int
	Name   string // as written
	Args   []string
	Method string // "" for a step
	Subs   []int

	first, last int // positions of the first and the last step below it; none: first > last
}

// compound tells whether the task is decomposed. A method may be empty, so the number of subtasks does not say.
func (n *Node) compound() bool { return n.Method != "" }

func (n *Node) String() string {
	return fmt.Sprintf("%d (%s)", n.ID, strings.Join(append([]string{n.Name}, n.Args...), " "))
}

// Refusal says why a plan is no solution, and at which line of the plan it shows; 0: of no single line.
type Refusal struct {
	File   string
	Line   int
	Reason string
}

func (r *Refusal) Error() string {
	if r.Line == 0 {
		return fmt.Sprintf("%s: %s", r.File, r.Reason)
	}
	return fmt.Sprintf("%s:%d: %s", r.File, r.Line, r.Reason)
}

func (p *Plan) refuse(line int, format string, args ...any) error {
	return &Refusal{p.File, line, fmt.Sprintf(format, args...)}
}

// ParsePlan reads a plan. What stands before ==> and after <== is ignored: planners print their log around it.
func ParsePlan(fileName string, src []byte) (*Plan, error) {
	p := &Plan{File: fileName, Nodes: map[int]*Node{}}
	open, closed, rooted := false, false, false
	line := 0
	for text := range strings.Lines(string(src)) {
		line++
		words := strings.Fields(text)
		switch {
		case len(words) == 0 || closed:
			continue
		case words[0] == "==>":
			open = true
			continue
		case !open:
			continue
		case words[0] == "<==":
			closed = true
			continue
		}
		var err error
		switch {
		case words[0] == "root":
			if rooted {
				return nil, p.refuse(line, "a second root")
			}
			rooted = true
			p.Roots, err = p.ids(line, words[1:])
		default:
			err = p.node(line, words, rooted)
		}
		if err != nil {
			return nil, err
		}
	}
	switch {
	case !open:
		return nil, p.refuse(0, "no plan: there is no line ==>")
	case !closed:
		return nil, p.refuse(line, "the plan is cut off: there is no line <==")
	case !rooted:
		return nil, p.refuse(line, "no line root")
	}
	return p, nil
}

func (p *Plan) node(line int, words []string, rooted bool) error {
	ids, err := p.ids(line, words[:1])
	if err != nil {
		return err
	}
	n := &Node{ID: ids[0], Line: line}
	rest := words[1:]
	for i, w := range rest {
		if w == "->" {
			if i+1 == len(rest) {
				return p.refuse(line, "-> is not followed by a method")
			}
			n.Method = rest[i+1]
			if n.Subs, err = p.ids(line, rest[i+2:]); err != nil {
				return err
			}
			rest = rest[:i]
			break
		}
	}
	if len(rest) == 0 {
		return p.refuse(line, "a task without a name")
	}
	n.Name, n.Args = rest[0], rest[1:]
	if other := p.Nodes[n.ID]; other != nil {
		return p.refuse(line, "id %d is given twice, here and in line %d", n.ID, other.Line)
	}
	p.Nodes[n.ID] = n
	if !n.compound() {
		if rooted {
			return p.refuse(line, "%v stands after root, but has no method", n)
		}
		n.first, n.last = len(p.Steps), len(p.Steps)
		p.Steps = append(p.Steps, n)
	}
	return nil
}

func (p *Plan) ids(line int, words []string) ([]int, error) {
	out := make([]int, len(words))
	for i, w := range words {
		id, err := strconv.Atoi(w)
		if err != nil || id < 0 {
			return nil, p.refuse(line, "want an id, not %q", w)
		}
		out[i] = id
	}
	return out, nil
}
