package planner

import (
	"slices"
	"strings"
	"testing"
)

// Which edges a plan has: those of causal links, threats and orders that were written, and no others.
func TestOrder(t *testing.T) {
	const jobs = `---
jobs:
  make-red: {run: x, effects: {add: [{kind: cup, is: red}]}}
  make-blue: {run: x, effects: {add: [{kind: cup, is: blue, has: {full: "no"}}]}}
  fill-blue: {run: x, when: [{node: {kind: cup, is: blue}}], effects: {add: [{kind: cup, is: blue, has: {full: "yes"}}]}}
  break-all: {run: x, effects: {delete: [{kind: cup}]}}
  break-full: {run: x, effects: {delete: [{kind: cup, has: {full: "yes"}}]}}
  drink-red: {run: x, when: [{node: {kind: cup, is: red}}]}
  drink-green: {run: x, when: [{node: {kind: cup, is: green}}]}
  fill-green: {run: x, effects: {add: [{kind: cup, is: green, has: {full: "yes"}}]}}
  empty-green: {run: x, effects: {add: [{kind: cup, is: green, has: {full: "no"}}]}}
  sip-green: {run: x, when: [{node: {kind: cup, is: green, has: {full: "yes"}}}]}
  drink-full: {run: x, when: [{node: {kind: cup, is: blue, has: {full: "yes"}}}]}
  shop: {run: x, when: [{not: {node: {kind: cup, is: red}}}]}
  shop-all: {run: x, when: [{not: {node: {kind: cup}}}]}
  fell: {run: x, effects: {delete: [{kind: tree}]}}
  plant: {run: x, effects: {add: [{kind: tree, is: oak}]}}
`
	for _, c := range []struct{ name, steps, want string }{
		{"nothing in common", "a: {job: make-red}, b: {job: drink-green}", "a b"},
		{"other nodes of a kind", "a: {job: make-red}, b: {job: make-blue}", "a b"},
		{"a causal link", "a: {job: make-red}, b: {job: drink-red}", "a b<a"},
		{"a causal link, written the other way round", "b: {job: drink-red}, a: {job: make-red}", "a b<a"},
		{"a threat", "a: {job: break-all}, b: {job: drink-green}", "a<b b"},
		{"a threat to an absence", "a: {job: make-red}, b: {job: shop}", "a<b b"},
		{"no threat to another's absence", "a: {job: make-blue}, b: {job: shop}", "a b"},
		{"a threat to the absence of all", "a: {job: make-red}, b: {job: break-all}, c: {job: shop-all, after: [b]}", "a b<a c<b|a<c b c<b"},
		{"the same node", "a: {job: make-blue}, b: {job: fill-blue}, c: {job: drink-full}", "a b<a c<b"},
		{"what was asked is still so", "a: {job: drink-green}, b: {job: break-full}", "a b"},
		{"what would be deleted is added later", "a: {job: fell}, b: {job: plant}, c: {run: c, after: [a, b]}", "a b<a c<b|a<b b c<a"},
		{"a written order", "a: {job: make-red}, b: {job: drink-green, after: [a]}", "a b<a"},
		{"an edge that others imply", "a: {job: make-red}, b: {job: drink-red, after: [a]}, c: {job: drink-red, after: [a, b]}", "a b<a c<b"},
		{"conditions of the task above", "a: {job: make-red}, b: {task: party}", "a b.s<a"},
		{"a threat to the conditions of the task above, which have done their duty", "a: {job: break-all}, b: {task: hunt}", "a b.s"},
		{"as many as there are by then", "a: {job: make-red}, b: {task: each-cup, after: [a]}", "a b.s.green<a b.s.red<a"},
		{"a change that leaves the fact", "a: {job: drink-green}, b: {job: fill-green}", "a b"},
		{"one node, set to different values", "a: {job: empty-green}, b: {job: fill-green}, c: {job: sip-green}", "a b<a c<b|a<c b c<b"},
		{"as many values as there are by then", "a: {job: fill-green}, b: {task: each-value}", "a b.s.no|a b.s.yes<a"},
		{"one resource is the scheduler's", "a: {run: a, resource: table}, b: {run: b, resource: table}", "a b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, nil, "task: wish\nmethods: [{name: m, steps: {"+c.steps+"}}]\n---\n"+`task: party
methods: [{name: p, when: [{node: {kind: cup, is: red}}], steps: {s: {run: s}}}]
---
task: hunt
methods: [{name: p, when: [{node: {kind: cup, is: green}}], steps: {s: {run: s}}}]
---
task: each-cup
methods: [{name: p, steps: {s: {each: {node: {kind: cup, is: $c}}, run: "wash {c}"}}}]
---
task: each-value
methods: [{name: p, steps: {s: {each: {node: {kind: cup, has: {full: $f}}}, run: "tell {f}"}}}]
`+jobs)
			w.add(t, "cup", "green", map[string]any{"full": "no"})
			slaps, _ := planned(t, w, "wish", nil)
			var got []string
			for _, s := range slaps {
				var edges []string
				names := map[string]string{}
				for _, step := range s.Steps {
					names[step.Name] = strings.Join(step.After, ",")
				}
				for _, name := range keys(names) {
					if names[name] != "" {
						name += "<" + names[name]
					}
					edges = append(edges, name)
				}
				got = append(got, strings.Join(edges, " "))
			}
			slices.Sort(got) // plans that differ in nothing but their orders come by their hashes
			if strings.Join(got, "|") != c.want {
				t.Errorf("edges\n%s\nwant\n%s", strings.Join(got, "|"), c.want)
			}
		})
	}
}
