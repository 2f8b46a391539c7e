package methods

import (
	"fmt"
	"strings"
	"testing"
)

// The library that comes with jitos has nothing that lint finds.
func TestLint_library(t *testing.T) {
	found, err := Lint(nil)
	if len(found) > 0 || err != nil {
		t.Error(found, err)
	}
}

// tools is what the cases below stand on.
const tools = `
---
toolchains:
  wood: {files: [plank], commands: [saw], can: {cut: {run: saw, needs: ["exec:wood", "fs.write:**"]}, look: {run: saw -n, needs: ["exec:wood"]}}}
gates:
  flat: {can: look}
  neat: {all: [flat, dry]}
  dry: {run: "true"}
jobs:
  take: {params: {c: name}, run: "take {c}", needs: ["fs.write:**"], effects: {delete: [{kind: cup, is: $c}]}}
  make: {params: {c: name}, run: "make-one {c}", needs: ["fs.write:**"], effects: {add: [{kind: cup, is: $c}]}}
  mark: {params: {c: name}, run: "mark {c}", effects: {add: [{kind: seen, is: $c}]}}
  cut: {can: cut, chain: wood}
  talk: {run: talk}
  ask: {worker: human}
`

// What lint finds, and beside each case that has it one that looks alike and has not.
func TestLint(t *testing.T) {
	cases := []struct{ name, library, want string }{
		{"nothing", `task: a
says: [do it]
methods: [{name: m, steps: {s: {job: talk}}}]`, ""},

		{"a task that nothing leads to", `task: a
methods: [{name: m, steps: {s: {job: talk}}}]`, "1:1 unreachable-task"},
		{"a task that a task leads to that nothing leads to", `task: a
methods: [{name: m, steps: {s: {task: b}}}]
---
task: b
methods: [{name: m, steps: {s: {job: talk}}}]`, "1:1 unreachable-task, 4:1 unreachable-task"},
		{"a task that a step leads to", `task: a
says: [do it]
methods: [{name: m, steps: {s: {task: b}}}]
---
task: b
methods: [{name: m, steps: {s: {job: talk}}}]`, ""},

		{"values that are not the same", `task: a
says: [do it]
methods:
- {name: m, when: [{same: [x, y]}], steps: {s: {job: talk}}}
- {name: n, when: [{same: [x, x]}], steps: {s: {job: talk}}}`, "4:3 unreachable-method"},
		{"a value that differs from itself", `task: a
says: ["do {p}"]
params: {p: name}
methods:
- {name: m, when: [{different: [$p, $p]}], steps: {s: {job: talk}}}
- {name: n, when: [{different: [$p, x]}], steps: {s: {job: talk}}}`, "5:3 unreachable-method"},
		{"a condition and its opposite", `task: a
says: [do it]
methods:
- {name: m, when: [{node: {kind: cup, is: x}}, {not: {node: {kind: cup, is: x}}}], steps: {s: {job: talk}}}
- {name: n, when: [{node: {kind: cup, is: x}}, {not: {node: {kind: cup, is: y}}}], steps: {s: {job: talk}}}`, "4:3 unreachable-method"},
		{"a toolchain that there is not", `task: a
says: [do it]
methods:
- {name: m, when: [{node: {kind: toolchain, is: woods}}], steps: {s: {job: talk}}}
- {name: n, when: [{node: {kind: toolchain, is: wood}}], steps: {s: {job: talk}}}`, "4:3 unreachable-method"},
		{"what no toolchain can", `task: a
says: [do it]
methods:
- {name: m, when: [{node: {kind: toolchain, has: {can: fly}}}], steps: {s: {job: talk}}}
- {name: n, when: [{node: {kind: toolchain, has: {can: cut}}}], steps: {s: {job: talk}}}`, "4:3 unreachable-method"},
		{"a task that never ends", `task: a
says: [do it]
methods:
- {name: m, vars: {c: cup}, when: [{node: {kind: cup, is: $c}}], steps: {one: {job: take, args: {c: $c}}, more: {task: a, after: [one]}}}`, "4:3 unreachable-method"},
		{"a task that ends", `task: a
says: [do it]
methods:
- {name: m, vars: {c: cup}, when: [{node: {kind: cup, is: $c}}], steps: {one: {job: take, args: {c: $c}}, more: {task: a, after: [one]}}}
- {name: n, when: [{not: {node: {kind: cup}}}]}`, ""},

		{"a variable that nothing uses", `task: a
says: [do it]
methods: [{name: m, vars: {c: cup}, when: [{node: {kind: cup, is: $c}}], steps: {s: {job: talk}}}]`, "3:11 unused-variable"},
		{"a variable that a condition uses", `task: a
says: [do it]
methods: [{name: m, vars: {c: cup}, when: [{node: {kind: cup, is: $c}}, {different: [$c, x]}], steps: {s: {job: talk}}}]`, ""},
		{"a field that must be there", `task: a
says: [do it]
methods: [{name: m, vars: {f: string}, when: [{node: {kind: cup, has: {full: $f}}}], steps: {s: {job: talk}}}]`, ""},
		{"a parameter of a task that nothing uses", `task: a
says: ["do {p}"]
params: {p: name}
methods: [{name: m, steps: {s: {job: talk}}}]`, "3:13 unused-variable"},
		{"a filler", `task: a
says: ["do {p}"]
params: {p: {type: name, default: ""}}
methods: [{name: m, steps: {s: {job: talk}}}]`, ""},
		{"parameters of a job and a gate that nothing uses", `jobs:
  j: {params: {p: name, q: name}, run: "say {q}"}
  h: {params: {p: name}, worker: human}
gates:
  g: {params: {p: name, q: name}, run: "say {q}"}`, "2:19 unused-variable, 5:19 unused-variable"},

		{"a task that leads back to itself", `task: a
says: [do it]
methods:
- {name: m, steps: {more: {task: b}}}
- {name: n}
---
task: b
methods: [{name: m, steps: {more: {task: a}}}]`, "4:27 left-recursion, 8:35 left-recursion"},
		{"a fact is used up, but made again", `task: a
says: [do it]
methods:
- {name: m, vars: {c: cup}, when: [{node: {kind: cup, is: $c}}], steps: {one: {job: take, args: {c: $c}}, two: {job: make, args: {c: $c}}, more: {task: a, after: [one]}}}
- {name: n}`, "4:146 left-recursion"},
		{"a fact is used up, but beside the step", `task: a
says: [do it]
methods:
- {name: m, vars: {c: cup}, when: [{node: {kind: cup, is: $c}}], steps: {one: {job: take, args: {c: $c}}, more: {task: a}}}
- {name: n}`, "4:113 left-recursion"},
		{"a mark is set", `task: a
says: [do it]
methods:
- {name: m, vars: {c: cup}, when: [{node: {kind: cup, is: $c}}, {not: {node: {kind: seen, is: $c}}}], steps: {one: {job: mark, args: {c: $c}}, more: {task: a, after: [one]}}}
- {name: n}`, ""},
		{"an argument moves on", `task: a
says: ["do {p}"]
params: {p: name}
methods:
- {name: m, vars: {c: cup}, when: [{node: {kind: cup, is: $c, has: {of: $p}}}], steps: {more: {task: a, args: {p: $c}}}}
- {name: n}`, ""},
		{"an argument that is made up", `task: a
says: ["do {p}"]
params: {p: name}
methods:
- {name: m, steps: {more: {task: a, args: {p: "x{p}"}}}}
- {name: n, when: [{same: [$p, y]}]}`, "5:27 left-recursion"},

		{"a goal that nothing reaches", `task: a
says: [do it]
goal: {gate: flat}
methods:
- {name: m, steps: {s: {job: talk}}}
- {name: seen-red, steps: {s: {gate: flat, expect: fail}}}
- {name: another, steps: {s: {gate: dry}}}
- {name: changes, steps: {s: {job: cut}}}
- {name: asks, steps: {s: {job: ask}}}
- {name: proves, steps: {s: {gate: flat}}}
- {name: proves-more, steps: {s: {gate: neat}}}
- {name: below, steps: {s: {task: b}}}
---
task: b
methods: [{name: m, steps: {s: {job: cut}}}]`, "5:3 goal-not-reached, 6:3 goal-not-reached, 7:3 goal-not-reached"},
		{"a goal that is proven too early", `task: a
says: [do it]
goal: {gate: flat}
methods:
- {name: m, steps: {p: {gate: flat}, s: {job: cut, after: [p]}}}
- {name: n, steps: {p: {gate: flat}, s: {job: cut}}}
- {name: o, steps: {s: {job: cut}, p: {gate: flat, after: [s]}}}`, "5:41 goal-not-reached, 6:41 goal-not-reached"},

		{"rights that commands need", `jobs:
  net: {run: "curl -o $OUT https://example.org"}
  file: {run: "date > built.txt"}
  temp: {run: "date > $TMP/x; date > /dev/null; date 2>&1; echo 'rm x'"}
  chain: {run: "PATH=x saw plank && true"}
  other-chain: {run: "saw plank", needs: ["exec:iron"]}
  some-chain: {run: "saw plank", needs: ["exec:saw"]}
  removes: {run: "if true; then rm -f old; fi"}
  here: {run: "cat <<END\nrm x\nEND\n# rm x\n"}
  has: {run: "wget x | tee y; git clone z", needs: [net, "fs.write:**"]}
  takes-back: {worker: revert}
  narrow: {run: "git push", needs: ["net:example.org"]}
gates:
  writes: {run: "rm -f x; go get y"}`,
			"2:8 missing-capability, 3:9 missing-capability, 5:10 missing-capability, 6:16 missing-capability, 8:12 missing-capability, " +
				"11:15 missing-capability, 11:15 missing-capability, 14:11 missing-capability"},
		{"rights that a step and a toolchain need", `task: a
says: [do it]
methods: [{name: m, steps: {s: {run: "sed -i s/a/b/ x"}, q: {run: "sed s/a/b/ x"}}}]
---
toolchains:
  iron: {files: [ore], can: {cut: {run: "mv a b"}, look: {run: "mv a b"}, melt: {run: wget x}}}`,
			"3:32 missing-capability, 6:35 missing-capability, 6:81 missing-capability"},

		{"the same words twice", `task: a
says: ["do {p} now", "do the thing{s}", "do thing{s}"]
params: {p: {type: name, default: ""}}
methods: [{name: m, steps: {s: {job: talk}}}]
---
task: b
says: ["do {x} now"]
params: {x: {type: name, default: ""}}
methods: [{name: m, steps: {s: {job: talk}}}]`, "2:41 duplicate-phrase, 7:8 duplicate-phrase"},
		{"words that fit two tasks", `task: a
says: ["do {p} now"]
params: {p: {type: name, default: ""}}
methods: [{name: m, steps: {s: {job: talk}}}]
---
task: b
says: ["do sample {p}", "do sample now"]
params: {p: {type: name, default: ""}}
methods: [{name: m, steps: {s: {job: talk}}}]`, "2:8 ambiguous-phrase"},
		{"words that are the name of a task", `task: a
says: [c]
methods: [{name: m, steps: {s: {job: talk}}}]
---
task: c
says: [something else]
methods: [{name: m, steps: {s: {job: talk}}}]`, "2:8 ambiguous-phrase"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			lib, err := LoadOnly(map[string][]byte{"own.yaml": []byte(c.library), "tools.yaml": []byte(tools)})
			if err != nil {
				t.Fatal(err)
			}
			var found, said []string
			for _, p := range lint(lib, []string{"own.yaml"}) {
				found = append(found, fmt.Sprintf("%d:%d %s", p.Line, p.Column, p.Code))
				said = append(said, p.String())
				if p.Do == "" {
					t.Errorf("it does not say what to do: %s", p)
				}
			}
			if got := strings.Join(found, ", "); got != c.want {
				t.Errorf("found\n%s\nwant\n%s\nsaid:\n%s", got, c.want, strings.Join(said, "\n"))
			}
		})
	}
}

// A fabric's own file that takes the words of a task of the embedded library is told so, at its own place.
func TestLint_rivalOfTheLibrary(t *testing.T) {
	own := "task: mine\nsays: [\"run the tests\"]\nmethods: [{name: m, steps: {s: {run: \"true\"}}}]\n"
	found, err := Lint(map[string][]byte{"methods/mine.yaml": []byte(own)}, "methods/mine.yaml")
	if err != nil || len(found) != 1 || found[0].Code != CodeAmbiguousPhrase || found[0].Line != 2 {
		t.Errorf("found %v, %v", found, err)
	}
}
