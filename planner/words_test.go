package planner

import (
	"regexp"
	"testing"

	"github.com/jitos/jitos/planner/hddl"
	"github.com/jitos/jitos/planner/htn"
)

// The same reason is told in the same words, whichever language it was planned for: but for what a condition and a step are.
func TestWhyNot_sameWords(t *testing.T) {
	// What each language writes in its own way.
	own := regexp.MustCompile(`step [^:]+:|(job|action) \w+|node: \{kind: \w+\}|\(\w+\)|genie|lamp/\w+`)
	for _, c := range []struct{ name, method, library, domain string }{
		{"a loop", "m", "task: wish\nmethods: [{name: m, steps: {s: {task: wish}}}, {name: n, when: [{node: {kind: genie}}]}]\n",
			`(:task wish :parameters ()) (:method m :parameters () :task (wish) :ordered-subtasks (wish))
			(:method n :parameters () :task (wish) :precondition (genie) :ordered-subtasks ())`},
		{"a condition", "m", "task: wish\nmethods: [{name: m, when: [{node: {kind: genie}}]}]\n",
			"(:task wish :parameters ()) (:method m :parameters () :task (wish) :precondition (genie) :ordered-subtasks ())"},
		{"an absence", "m", "task: wish\nmethods: [{name: m, when: [{not: {node: {kind: lamp}}}]}]\n",
			"(:task wish :parameters ()) (:method m :parameters () :task (wish) :precondition (not (lamp)) :ordered-subtasks ())"},
		{"a condition of a step", "m", "task: wish\nmethods: [{name: m, steps: {s: {job: j}}}]\n---\njobs: {j: {run: x, when: [{node: {kind: genie}}]}}\n",
			"(:task wish :parameters ()) (:method m :parameters () :task (wish) :ordered-subtasks (j)) (:action j :precondition (genie))"},
		{"a task that no method fits", "m", "task: wish\nmethods: [{name: m, steps: {s: {task: deep}}}]\n---\ntask: deep\nmethods: [{name: d, when: [{node: {kind: genie}}]}]\n",
			`(:task wish :parameters ()) (:method m :parameters () :task (wish) :ordered-subtasks (deep))
			(:task deep :parameters ()) (:method d :parameters () :task (deep) :precondition (genie) :ordered-subtasks ())`},
		{"nothing led to it", "d", "task: wish\nmethods: [{name: m, when: [{node: {kind: genie}}], steps: {s: {task: deep}}}]\n---\ntask: deep\nmethods: [{name: d}]\n",
			`(:task wish :parameters ()) (:method m :parameters () :task (wish) :precondition (genie) :ordered-subtasks (deep))
			(:task deep :parameters ()) (:method d :parameters () :task (deep) :ordered-subtasks ())`},
	} {
		w := newWorld(t, nil, c.library)
		w.add(t, "lamp", "brass", map[string]any{})
		_, planning := planned(t, w, "wish", nil)
		d, err := hddl.ParseDomain("domain", []byte("(define (domain d) (:predicates (genie) (lamp))"+c.domain+")"))
		if err != nil {
			t.Fatal(err)
		}
		p, err := hddl.ParseProblem("problem", []byte("(define (problem p) (:htn :ordered-subtasks (wish)) (:init (lamp)))"), d)
		if err != nil {
			t.Fatal(err)
		}
		res, err := htn.Solve(t.Context(), d, p, htn.Options{Explain: true})
		if err != nil {
			t.Fatal(err)
		}
		var ours, theirs string
		for _, why := range planning.WhyNot {
			if why.Method == c.method {
				ours = why.Reason
			}
		}
		for _, why := range res.WhyNot {
			if why.Method == c.method {
				theirs = why.Reason
			}
		}
		a, b := own.ReplaceAllString(ours, "…"), own.ReplaceAllString(theirs, "…")
		if ours == "" || a != b {
			t.Errorf("%s: %q for the library, %q for HDDL", c.name, ours, theirs)
		}
	}
}
