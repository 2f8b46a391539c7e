package jitos

import (
	"slices"
	"strings"
)

// Narrowed is a need of a step's that a level of its decomposition, a method or a step of one, leaves less of.
type Narrowed struct {
	By   string   `json:"by"`            // in words: "method ship of task deploy"
	Need string   `json:"need"`          // that was left less of; a verb alone where the step would have had it without asking
	Has  []string `json:"has,omitempty"` // what is left; none: nothing, and the step is denied
}

// Narrow bounds what a step needs by the capabilities of one level, verb by verb: a verb that the level does not name stays as it
// is, of one that it names what both have is left. A level gives nothing that the step does not ask for; what every step has where
// nobody says otherwise (limits, fs.read, exec and tool) it takes away all the same. "net:none" leaves nothing.
func (s *Step) Narrow(by string, bound []string) {
	var left []string
	for _, need := range s.Needs {
		verb, _, _ := strings.Cut(need, ":")
		if isLimit(need) || firstOf(verb, bound) == "" || s.lacks(need) || covered(need, bound) {
			left = append(left, need)
			continue
		}
		has := inside(need, bound)
		s.Narrowed = append(s.Narrowed, Narrowed{by, need, has})
		if len(has) == 0 {
			has = []string{need} // which the kernel denies
		}
		left = append(left, has...)
	}
	for _, b := range bound {
		verb, _, _ := strings.Cut(b, ":")
		switch {
		case isLimit(b) && !slices.Contains(left, b):
			left = append(left, b) // the lowest counts
		case slices.Contains(freeVerbs, verb) && firstOf(verb, s.Needs) == "":
			s.Narrowed = append(s.Narrowed, Narrowed{by, verb, []string{b}})
			left = append(left, b)
		}
	}
	s.Needs = left
}

// freeVerbs are what a step has where nobody says otherwise.
var freeVerbs = []string{readVerb, execVerb, toolVerb}

// lacks tells whether a level has left nothing of a need.
func (s *Step) lacks(need string) bool { return s.lackedBy(need) != "" }

// lackedBy is the level that has left nothing of a need, "" for none.
func (s *Step) lackedBy(need string) string {
	for _, n := range s.Narrowed {
		if n.Need == need && len(n.Has) == 0 {
			return n.By
		}
	}
	return ""
}

// narrowedTo is the level that left this of more, and of what; the zero value for none.
func (s *Step) narrowedTo(need string) Narrowed {
	for _, n := range slices.Backward(s.Narrowed) {
		if slices.Contains(n.Has, need) {
			return n
		}
	}
	return Narrowed{}
}
