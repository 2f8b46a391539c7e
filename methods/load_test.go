package methods

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

func TestLoad_library(t *testing.T) {
	lib, err := Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range lib.Entries() {
		if e.Origin != "" {
			t.Errorf("%s %s: origin %s, want none: it is built in", e.Kind, e.Name, e.Origin)
		}
		if _, err := lib.Describe(e.Name); err != nil {
			t.Errorf("%s %s: %v", e.Kind, e.Name, err)
		}
	}
	for _, name := range []string{"run-checks", "run-tests", "format", "tidy-dependencies", "update-dependency", "apply-patch", "run-command", "fix-failing-tests"} {
		if _, ok := lib.Task(name); !ok {
			t.Errorf("task %s is missing", name)
		}
	}
	again, err := Load(nil)
	if err != nil || again.Hash() != lib.Hash() {
		t.Errorf("hash of the same library: %s, then %s (%v)", lib.Hash(), again.Hash(), err)
	}
}

// Every command of the library is text that a shell can read, with any value put in.
func TestLoad_commandsAreShell(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	lib, err := Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	commands := map[string]Text{}
	for _, j := range lib.Jobs() {
		commands["job "+j.Name] = j.Run
	}
	for _, g := range lib.Gates() {
		commands["gate "+g.Name] = g.Run
	}
	for _, c := range lib.Toolchains() {
		commands["version of "+c.Name] = ParseText(c.Version)
		for _, p := range c.Prepare {
			commands["prepare "+c.Name+" "+p.Where[0]] = ParseText(p.Run)
		}
		for name, ask := range c.Ask {
			commands["ask "+c.Name+" "+name] = ParseText(ask)
		}
		for _, a := range c.Can {
			for i, v := range a.Variants {
				commands["can "+c.Name+" "+a.Name+string(rune('0'+i))] = v.Run
			}
		}
	}
	for name, text := range commands {
		values := map[string]string{}
		for _, v := range text.Variables() {
			values[v] = `it's "$(odd)" \ { value`
		}
		if text.Zero() {
			continue
		}
		if out, err := exec.Command(sh, "-n", "-c", text.Shell(values)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s\n%s", name, err, out, text.Shell(values))
		}
	}
}

// good is a library that loads. The cases below each break one thing in it.
const good = `task: ship
says: ["ship {what}", "ship the box{es} to {where}"]
params:
  what: {type: string, default: box}
  where: {type: path, default: "."}
  count: {type: int, default: 1}
goal: {gate: shipped, args: {what: $what}}
gates: [{run: "test -d {where}"}]
methods:
- name: by-sea
  title: ship {what} by sea
  cost: 2
  vars: {ship: vessel, port: string, manifest: path}
  when:
  - node: {kind: vessel, is: $ship, has: {port: $port}}
  - file: {path: "{where}/*.txt", as: $manifest, contains: '^{what}\b'}
  - different: [$port, nowhere]
  - not: {node: {kind: attempt, of: $task, method: by-sea, at: $snapshot}}
  steps:
    load: {job: load, args: {ship: $ship}, produces: [bill]}
    sail: {task: sail, args: {ship: $ship}, after: [load]}
    file: {run: "cat {manifest}", inputs: {bill: load.bill}}
    look: {each: {node: {kind: harbour, is: $h}}, run: "echo {h}"}
    prove: {gate: shipped, args: {what: $what}, after: [sail]}
---
task: sail
params: {ship: name}
methods:
- name: go
  steps:
    row: {job: load, args: {ship: $ship}, resource: "oars of {ship}"}
---
jobs:
  load:
    params: {ship: name}
    when: [{node: {kind: vessel, is: $ship}}]
    run: load {ship}
    needs: ["fs.write:**", net]
    effects:
      delete: [{kind: vessel, is: $ship}]
      add: [{kind: loaded, is: $ship, has: {full: yes-it-is}}]
  build: {params: {on: name}, can: build, chain: $on}
gates:
  shipped: {params: {what: string}, run: "test -n {what}"}
  built: {can: build}
  all-well: {params: {what: string}, all: [shipped, built]}
toolchains:
  wood:
    files: [plank]
    version: echo 1
    can:
      build: {when: [{file: {path: plank}}], run: saw, report: exit}
  iron: {files: [ore], unless: [wood]}
`

func TestLoad_good(t *testing.T) {
	lib, err := LoadOnly(map[string][]byte{"good.yaml": []byte(good)})
	if err != nil {
		t.Fatal(err)
	}
	task, _ := lib.Task("ship")
	if got := task.Methods[0].When[0].Text; got != "node: {kind: vessel, is: $ship, has: {port: $port}}" {
		t.Errorf("condition as written: %s", got)
	}
	if task.Origin != Origin([]byte(good)) || len(task.Origin) != 32 {
		t.Errorf("origin %q, want that of the file", task.Origin)
	}
}

// Each check of the loader, with a file that only it refuses. The line is that of the mistake.
func TestLoad_problems(t *testing.T) {
	cases := []struct{ name, old, new, want string }{
		{"yaml", "says: [", "says: [[", "yaml"},
		{"unknown key of a task", "goal: {gate", "gaol: {gate", `good.yaml:7:1: task: unknown key "gaol": did you mean "goal"?`},
		{"unknown key of a step", "after: [sail]", "afer: [sail]", `unknown key "afer": did you mean "after"?`},
		{"unknown key of a job", "needs: [\"fs", "neds: [\"fs", `job load: unknown key "neds"`},
		{"unknown key of a condition", "as: $manifest", "is: $manifest", `file: unknown key "is"`},
		{"unknown section", "gates:\n  shipped", "gate:\n  shipped", `document: unknown key "gate": did you mean "gates"?`},
		{"duplicate key", "cost: 2", "cost: 2\n  cost: 3", `good.yaml:13:3: method: duplicate key "cost": keep one of them`},
		{"duplicate entry", "after: [sail]", "after: [sail, sail]", `after: "sail" stands there twice`},
		{"alias of a mapping", "params: {ship: name}\nmethods", "params: &p {ship: name}\ngoal: *p\nmethods", "only text may be an alias"},
		{"no mapping", "params: {ship: name}\nmethods", "params: ship\nmethods", `params: want a mapping, found "ship"`},
		{"no list", "gates: [{run: \"test -d {where}\"}]", "gates: none", `gates: want a list, found "none": start each entry with -`},
		{"no text", "title: ship {what} by sea", "title: [ship]", "title: want text, found a list"},
		{"number for text", "task: sail\nparams", "task: 7\nparams", `task: want text, found "7": put quotes around it`},
		{"text for number", "cost: 2", "cost: much", `cost: want a whole number from 0 to 1000, found "much"`},
		{"cost below zero", "cost: 2", "cost: -2", "cost: want a whole number"},
		{"no name of a task", "task: sail\nparams", "task: Sail away\nparams", `"Sail away" is no name`},
		{"type of a parameter", "count: {type: int, default: 1}", "count: {type: number}", `parameter count: unknown type "number": types are string, name, path, int`},
		{"default of a parameter", "count: {type: int, default: 1}", "count: {type: int, default: one}", `default of count "one": invalid: want a whole number`},
		{"parameter that hides", "count: {type", "task: {type", "parameter task hides $task"},
		{"name of a parameter", "count: {type", "Count: {type", `parameter "Count" is no name`},
		{"phrase with an unknown parameter", "ship {what}\"", "ship {wat}\"", "{wat} is no parameter of task ship"},
		{"phrase without words", "\"ship {what}\"", "\"{what}\"", "a phrase needs a word of its own"},
		{"phrase with parameters side by side", "\"ship {what}\"", "\"ship {what} {where}\"", "{what} and {where} stand side by side"},
		{"phrase that repeats", "\"ship {what}\"", "\"ship {what} or {what}\"", "{what} stands there twice"},
		{"phrase with odd braces", "\"ship {what}\"", "\"ship {wh at}\"", "is neither a word nor a {parameter}"},
		{"unknown gate", "goal: {gate: shipped", "goal: {gate: shiped", `there is no gate "shiped": did you mean "shipped"?`},
		{"gate without its argument", "goal: {gate: shipped, args: {what: $what}}", "goal: {gate: shipped}", "gate shipped needs the argument what"},
		{"gate and command", "goal: {gate: shipped, args", "goal: {run: x, gate: shipped, args", "goal has gate, run: give exactly one of gate, run"},
		{"goal with a variable that is not known yet", "goal: {gate: shipped, args: {what: $what}}", "goal: {gate: shipped, args: {what: $task}}", `unbound variable task in "$task"`},
		{"command with args", "gates: [{run: \"test -d {where}\"}]", "gates: [{run: \"test -d {where}\", args: {a: b}}]", "a command has no args"},
		{"no method", "methods:\n- name: go\n  steps:\n    row: {job: load, args: {ship: $ship}, resource: \"oars of {ship}\"}\n", "", "task sail: no method says how"},
		{"two methods of a name", "- name: go\n", "- name: go\n- name: go\n", "two methods are called go"},
		{"undeclared variable", "vars: {ship: vessel, port: string, manifest: path}", "vars: {port: string, manifest: path}", "unbound variable ship: declare it under vars"},
		{"variable of another type", "vars: {ship: vessel,", "vars: {ship: harbour,", "variable ship is declared as harbour, but this binds vessel"},
		{"variable that nothing binds", "vars: {ship: vessel,", "vars: {crew: sailor, ship: vessel,", "nothing binds the variable crew"},
		{"variable that hides", "vars: {ship: vessel,", "vars: {what: string, ship: vessel,", "variable what hides a parameter"},
		{"type of a variable", "vars: {ship: vessel,", "vars: {x: no/type, ship: vessel,", `variable x: unknown type "no/type"`},
		{"variable bound by not", "at: $snapshot}}", "at: $when}}", "unbound variable when: not binds nothing"},
		{"not of not", "not: {node: {kind: attempt, of: $task, method: by-sea, at: $snapshot}}", "not: {not: {node: {kind: attempt}}}", "not of not"},
		{"field of a known kind", "method: by-sea, at", "methd: by-sea, at", `a node of kind attempt has no field "methd": did you mean "method"?`},
		{"two conditions in one", "- different: [$port, nowhere]", "- {different: [$port, nowhere], same: [a, a]}", "condition has same, different: give exactly one"},
		{"comparison of three", "different: [$port, nowhere]", "different: [$port, a, b]", "different: want two values"},
		{"unbound in a comparison", "different: [$port, nowhere]", "different: [$harbour, nowhere]", "unbound variable harbour"},
		{"path out of the tree", `path: "{where}/*.txt"`, `path: "../x"`, "leads out of the tree"},
		{"file without a path", `path: "{where}/*.txt", as`, `as`, "file: no path"},
		{"as what", "as: $manifest", "as: manifest", "as: want a variable"},
		{"regular expression", `contains: '^{what}\b'`, `contains: '({what}'`, "file: contains: error parsing regexp"},
		{"unbound in a regular expression", `contains: '^{what}\b'`, `contains: '^{wat}\b'`, "unbound variable wat"},
		{"kind of a node", "node: {kind: vessel, is: $ship, has", "node: {is: $ship, has", `node: kind: "" is no name`},
		{"unbound in a title", "title: ship {what} by sea", "title: ship {wat} by sea", "title: unbound variable wat"},
		{"step that does nothing", "load: {job: load, args: {ship: $ship}, produces: [bill]}", "load: {produces: [bill]}", "step load has none: give exactly one of task, job, gate, run"},
		{"step that does two things", `file: {run: "cat {manifest}"`, `file: {gate: shipped, run: "cat {manifest}"`, "step file has gate, run"},
		{"name of a step", "    file: {run", "    fi.le: {run", "a dot stands between a step and the steps of its task"},
		{"after an unknown step", "after: [sail]", "after: [sial]", `after: there is no step "sial": did you mean "sail"?`},
		{"steps that wait for each other", "produces: [bill]}", "produces: [bill], after: [prove]}", "steps wait for each other: load after prove after sail after load"},
		{"input of an unknown step", "bill: load.bill", "bill: laod.bill", `there is no step "laod"`},
		{"input that is not made", "bill: load.bill", "bill: load.bil", "step load does not produce bil"},
		{"input of a task that does not make it", "bill: load.bill", "bill: sail.bill", "method go of task sail does not produce bill in exactly one step"},
		{"input of each", "bill: load.bill", "bill: look.bill", "step look may be there any number of times"},
		{"input without an artifact", "bill: load.bill", "bill: load", "names no artifact of a step"},
		{"input that is a parameter", "sail: {task", "extra: {job: load, args: {ship: x}, inputs: {ship: load.bill}}\n    sail: {task", "input ship is a parameter of job load, but is known at run time only"},
		{"inputs of a task", "after: [load]}", "after: [load], inputs: {x: load.bill}}", "a task is planned before there are artifacts"},
		{"expect of a task", "after: [load]}", "after: [load], expect: fail}", "step sail: a task has no expect"},
		{"needs of a gate", "after: [sail]}", "after: [sail], needs: [net]}", "a gate takes only args, after, each, expect and title"},
		{"args of a command", `file: {run: "cat {manifest}"`, `file: {args: {a: b}, run: "cat {manifest}"`, "step file: a command has no args"},
		{"unknown task", "sail: {task: sail", "sail: {task: sial", `there is no task "sial"`},
		{"unknown job", "row: {job: load", "row: {job: laod", `there is no job "laod"`},
		{"unknown argument", "load: {job: load, args: {ship: $ship}", "load: {job: load, args: {ship: $ship, shp: a}", `job load has no parameter "shp": did you mean "ship"?`},
		{"missing argument", "load: {job: load, args: {ship: $ship}", "load: {job: load", "job load needs the argument ship"},
		{"argument of the wrong type", "load: {job: load, args: {ship: $ship}", "load: {job: load, args: {ship: a ship}", `argument ship "a ship": invalid: want one word`},
		{"unbound in a command", `run: "cat {manifest}"`, `run: "cat {manifst}"`, `unbound variable manifst in "cat {manifst}"`},
		{"variable in quotes", `run: "cat {manifest}"`, `run: 'cat "{manifest}"'`, `{manifest} stands inside " quotes: write it outside of them`},
		{"empty command", `run: "cat {manifest}"`, "run: ' '", "run: is empty"},
		{"each that binds nothing", "each: {node: {kind: harbour, is: $h}}", "each: {node: {kind: harbour}}", "each binds no variable of its own"},
		{"each of not", "each: {node: {kind: harbour, is: $h}}", "each: {not: {node: {kind: harbour, is: $h}}}", "each binds no variable of its own"},
		{"report", "report: exit}", "report: exti}", `report: unknown value "exti": did you mean "exit"?`},
		{"expect", "resource: \"oars", "expect: maybe, resource: \"oars", `expect: unknown value "maybe": known are pass, fail, any`},
		{"capability", `needs: ["fs.write:**", net]`, `needs: ["fs write"]`, `needs: "fs write" is no capability`},
		{"timeout", "resource: \"oars", "timeout: 0, resource: \"oars", "timeout: want a whole number from 1"},
		{"artifact with a dot", "produces: [bill]", "produces: [bill.txt]", "a dot stands between a step and its artifact"},
		{"worker", "run: load {ship}", "worker: robot", `job load: unknown worker "robot"`},
		{"job without a command", "    run: load {ship}\n", "", "job load has none: give exactly one of run, can"},
		{"command for another worker", "run: load {ship}", "run: load {ship}\n    worker: patch", "the worker patch runs no command"},
		{"args for the shell", "run: load {ship}", "run: load {ship}\n    args: {a: b}", "the shell has no args"},
		{"ability of which toolchain", "can: build, chain: $on}", "can: build}", "job build: can build of which toolchain"},
		{"ability that nobody has", "can: build, chain: $on}", "can: biuld, chain: $on}", `no toolchain can "biuld": did you mean "build"?`},
		{"unknown toolchain", "can: build, chain: $on}", "can: build, chain: woood}", `there is no toolchain "woood": did you mean "wood"?`},
		{"unbound in a job's condition", "when: [{node: {kind: vessel, is: $ship}}]", "when: [{node: {kind: vessel, is: $shp}}]", "job load: unbound variable shp"},
		{"unbound in an effect", "add: [{kind: loaded, is: $ship", "add: [{kind: loaded, is: $shp", "job load: unbound variable shp"},
		{"added without a name", "add: [{kind: loaded, is: $ship, has", "add: [{kind: loaded, has", "what is added needs a name"},
		{"gate of nothing", "built: {can: build}", "built: {title: built}", "gate built has none: give exactly one of can, run, all"},
		{"gate made of an unknown one", "all: [shipped, built]", "all: [shipped, bilt]", `gate all-well: there is no gate "bilt"`},
		{"gate made of a made one", "all: [shipped, built]", "all: [shipped, all-well]", "all-well is made of other gates itself"},
		{"made gate without the parameter", "all-well: {params: {what: string}, all", "all-well: {all", "gate shipped needs the parameter what"},
		{"report of a gate by ability", "built: {can: build}", "built: {can: build, report: exit}", "gate built: only a gate with run has report"},
		{"toolchain that nothing gives away", "wood:\n    files: [plank]", "wood:\n    title: Wood", "toolchain wood: nothing gives it away"},
		{"unless an unknown one", "unless: [wood]", "unless: [would]", `unless: there is no toolchain "would": did you mean "wood"?`},
		{"unless itself", "unless: [wood]", "unless: [iron]", "toolchain iron: unless itself"},
		{"ability without a command", "run: saw, report: exit", "report: exit", "ability build: no command"},
		{"ability that asks the graph", "when: [{file: {path: plank}}]", "when: [{node: {kind: plank}}]", "a toolchain is recognised by files alone"},
		{"ability with an unbound variable", "run: saw, report", "run: 'saw {wood}', report", "can build (as used by gate built): unbound variable wood"},
		{"ability that nobody asks for", "      build: {when", "      burn: {run: \"burn {it}\"}\n      build: {when", "can burn: nothing that asks for it binds the variable it"},
		{"extend what is not there", "task: sail\nparams: {ship: name}", "extend: sailing", `extend: there is no task "sailing"`},
		{"extend what cannot be", "task: sail\nparams: {ship: name}\n", "extend: ship\nparams: {ship: name}\n", "extend ship: params cannot be added"},
		{"defined twice", "task: sail\n", "task: ship\n", "task ship is defined twice"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if strings.Count(good, c.old) == 0 {
				t.Fatalf("%q does not stand in the good library", c.old)
			}
			_, err := LoadOnly(map[string][]byte{"good.yaml": []byte(strings.Replace(good, c.old, c.new, 1))})
			if !errors.Is(err, jitos.ErrInvalid) {
				t.Fatalf("error %v, want invalid", err)
			}
			if !strings.HasPrefix(err.Error(), "good.yaml:") || c.want != "yaml" && !strings.Contains(err.Error(), c.want) {
				t.Errorf("error:\n%v\nwant in it:\n%s", err, c.want)
			}
		})
	}
}

// All that is wrong is told at once, in the order of the file.
func TestLoad_severalProblems(t *testing.T) {
	text := strings.Replace(strings.Replace(good, "cost: 2", "cost: x", 1), "report: exit}", "report: exti}", 1)
	_, err := LoadOnly(map[string][]byte{"good.yaml": []byte(text)})
	var load *LoadError
	if !errors.As(err, &load) || len(load.Problems) != 2 || load.Problems[0].Line != 12 || load.Problems[1].Line <= 12 {
		t.Errorf("problems: %v", err)
	}
}

func TestLoad_replaceAndExtend(t *testing.T) {
	own := `extend: fix-failing-tests
says: ["unbreak it"]
methods:
- {name: ask-somebody, cost: 9, steps: {ask: {job: ask, args: {question: why}}}}
- {name: regenerate, cost: 7}
---
task: format
methods: [{name: nothing}]
---
gates: {tests-pass: {run: "true", params: {pkg: {type: path, default: "."}, chain: {type: name, default: ""}}}}
`
	lib, err := Load(map[string][]byte{"methods/own.yaml": []byte(own)})
	if err != nil {
		t.Fatal(err)
	}
	origin := Origin([]byte(own))
	fix, _ := lib.Task("fix-failing-tests")
	var names []string
	for _, m := range fix.Methods {
		names = append(names, m.Name)
		if mine := m.Name == "ask-somebody" || m.Name == "regenerate"; mine != (m.Origin == origin) {
			t.Errorf("method %s: origin %q", m.Name, m.Origin)
		}
	}
	if got := strings.Join(names, " "); got != "restore-dependency-files revert-the-culprit regenerate choose-among-small-edits search-small-edits ask-somebody ask-a-model" {
		t.Errorf("methods by cost: %s", got)
	}
	if m, ok := lib.Understand("Unbreak it!"); !ok || m.Task != fix {
		t.Error("the phrase that was added is not understood")
	}
	if f, _ := lib.Task("format"); f.Origin != origin || len(f.Methods) != 1 {
		t.Error("the task was not replaced")
	}
	if g, _ := lib.Gate("tests-pass"); g.Origin != origin {
		t.Error("the gate was not replaced")
	}
	plain, _ := Load(nil)
	if plain.Hash() == lib.Hash() {
		t.Error("another library, the same hash")
	}
	if f, _ := plain.Task("fix-failing-tests"); len(f.Methods) != 6 || f.Methods[0].Name != "regenerate" {
		t.Error("the embedded library has changed with it")
	}
}

func TestCheck(t *testing.T) {
	broken := map[string][]byte{"methods/other.yaml": []byte("task: x\n")}
	if err := Check(broken, "methods/own.yaml", []byte("gates: {mine: {run: \"true\"}}\n")); err != nil {
		t.Errorf("a good file beside a bad one: %v", err)
	}
	err := Check(nil, "methods/own.yaml", []byte("gates:\n  mine: {rum: x}\n"))
	if err == nil || !strings.Contains(err.Error(), `methods/own.yaml:2:10: gate mine: unknown key "rum": did you mean "run"?`) {
		t.Errorf("lint: %v", err)
	}
}
