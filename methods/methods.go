// Package methods is the language in which work is described, its strict loader, and the library that comes with jitos.
//
// # Terms
//
//   - A task says what may be wanted: phrases for people, parameters, the gate that makes it true, gates that must not get worse.
//   - A method is one way to do a task: conditions (when), a cost that ranks it, and steps. Methods of a task are alternatives.
//   - A step is a job, a gate, another task, or a shell command; `after` orders steps, everything else may run side by side.
//   - A job is an operator: a worker with a command, capabilities, and the facts it is predicted to add or delete.
//   - A gate is a check whose verdict is evidence. A toolchain is how a project is recognised by its files, and what it can do.
//
// # Files
//
// A file holds YAML documents. A document is a task, or methods for a task defined elsewhere, or sections of definitions:
//
//	task: NAME                            extend: NAME              jobs: {NAME: …}
//	title: TEXT                           says: [PHRASE]            gates: {NAME: …}
//	says: [PHRASE]                        methods: [METHOD]         toolchains: {NAME: …}
//	params: {NAME: TYPE | {type: TYPE, default: VALUE}}
//	goal: GATE
//	gates: [GATE]                         must not get worse
//	methods: [METHOD]
//	examples: [EXAMPLE]                   after extend, too
//
//	GATE      {gate: NAME, args: {…}} or {run: COMMAND}
//	METHOD    {name:, title:, cost: 0…1000, vars: {NAME: TYPE}, when: [CONDITION], needs, steps: {NAME: STEP}}
//	STEP      one of task:, job:, gate:, run:; args, inputs: {ARGUMENT: STEP.ARTIFACT}, after: [STEP], each: CONDITION,
//	          title, expect, produces, needs, reads, keeps, report, chain, resource, fresh, retry,
//	          timeout, unless, secrets
//	job       title, params, when, worker (shell, bisect, revert, patch, repair, human, or one that is
//	          configured here: llm, agent/NAME, adapter/NAME), run or can, chain, args, needs, reads,
//	          produces, report, expect, fresh, retry, timeout, unless, secrets, keeps, resource, effects: {delete: [FACT], add: [FACT]}
//	needs     capabilities: of a job, or of a step that is a command, what it asks for; of a method and of a step that is a job or a task, what
//	          is left of that below it, verb by verb, and never more: ["fs.write:src/**", "net:none"]
//	FACT      {kind: K, is: NAME, has: {FIELD: VALUE}}; what is added needs is, what is deleted may leave it out: all such nodes
//	gate      title, params, and one of can: ABILITY, run: COMMAND, all: [GATE NAME]; report, chain, needs, timeout
//	toolchain title, files, unless, commands, version, tests, lend, env, ask, caches, shares, prepare: [{where, key, run, lend}],
//	          can: {ABILITY: VARIANT or [VARIANT]}, a VARIANT being {when, run, report, needs, timeout}
//
// A report says how the output tells which tests ran: go, pytest, unittest, tap, jest; exit: the command is the one test;
// none: it tells nothing of tests. A gate or ability without one has exit, a job none.
//
// unless is a command for the same directory: where it succeeds the work is done already, and the command does not run.
// retry: {times: N, wait: SECONDS} says that running again after a failure is safe: up to N more times, each in a fresh
// directory, the first after wait seconds, each further one after twice as long; retries: N is the same without waiting.
//
// A need secret:NAME lends the job a secret of the clone (jitos secret set NAME): as the variable NAME, or, with secrets: file, as
// a file in memory to which the variable NAME_FILE leads.
//
// The embedded files come first; a fabric's own files may add to them and replace a definition by its name. A definition
// remembers the hash of the fabric's file that it came from (Origin), so that the kernel can refuse what nobody allowed.
//
// A person's job (worker human) asks its argument question; given as an input, it is what an earlier step left, and nobody is asked
// where that is empty.
//
// # Values
//
// A value is text in which {name} stands for a variable; a value that is just $name is that variable. $$ at the start is a
// literal $, {{name}} a literal {name}. Variables are the parameters, what `vars` declares, and two that are always there:
// $task, the id of the task that is planned, and $snapshot, the hash of the file tree that is looked at. In a command (run)
// only {name} is ours, everything with a $ is the shell's; the value is quoted for the shell, so {name} must stand outside
// of quotes. The shell is sh -e, so a command that may fail says so (|| true).
//
// Types: string (one line or more, no control characters), name (one word that cannot be taken for an option: letters,
// digits and @._/+:~^=-, not starting with -), path (relative, clean, inside the tree), int.
//
// # Conditions
//
//	node: {kind: K, is: NAME, has: {FIELD: VALUE}}   a node of the graph. A field that is a list has each of its elements. FIELD: VALUE
//	                                                 may stand beside kind and is, too. A $variable not bound so far is bound.
//	file: {path: PATTERN or [PATTERN], as: $VAR, contains: REGEXP}   a file of the tree, by jitos.MatchPath; ^ and $ are ends
//	                                                 of lines; values in PATTERN and REGEXP stand for themselves
//	same: [A, B], different: [A, B]                  two values
//	not: CONDITION                                   nothing that the fabric observed makes it hold; binds nothing
//
// What the planner makes of all this is the subject of package planner.
//
// # Examples
//
// An example is a test that stands beside the methods: a small world, what is asked of it, and what must come. It is planned
// as a task would be, without a repository; nothing is run.
//
//	examples:
//	- name: WORDS
//	  files: [PATH] or {PATH: TEXT}         the file tree; toolchains are recognised in it
//	  nodes: [{kind: K, is: NAME, has: {FIELD: VALUE or [VALUE]}}]       $task and $snapshot may stand in a VALUE
//	  say: WORDS                            must be understood as this task, with exactly args
//	  args: {NAME: VALUE}                   without say: what the task is given
//	  plans: [PLAN]                         the candidates, best first, and no others; []: there is none
//	  not: {METHOD: TEXT}                   the method is in no candidate, and the reason, condition or nearest facts hold TEXT
//	  workers: [NAME]                       workers that are configured, like llm; otherwise none is
//	  refused: TEXT                         the arguments are refused with an error that holds TEXT
//
//	PLAN  {methods: [NAME], cost: N, steps: [NAME] or {NAME: [NAME that it comes after]}, run: {STEP: COMMAND}}; what is not
//	      there is not looked at
//
// Conditions do not ask for edges, so a world has none. `jitos method test` runs examples.
//
// # Lint
//
// Load refuses what cannot be used. Lint finds what can be, and will not do what was meant; the codes and what each means
// are in lint.go, what counts as a measure of a recursion at (*linter).recursion, as reaching a goal at (*linter).goals.
package methods

import "sort"

// Pos is where something was written.
type Pos struct {
	File         string
	Line, Column int // from 1
}

// Library is what Load returns: checked definitions, immutable.
type Library struct {
	tasks  map[string]*Task
	jobs   map[string]*Job
	gates  map[string]*Gate
	chains map[string]*Toolchain
	hash   string
}

// Task is what may be wanted.
type Task struct {
	Name     string
	Title    string // in words; never empty
	Says     []Phrase
	Params   []Param // as written
	Goal     *GateUse
	Gates    []GateUse
	Methods  []*Method  // by cost, then name
	Examples []*Example // as written
	Origin   string
	Pos      Pos
}

// Param is a typed parameter.
type Param struct {
	Name    string
	Type    string  // "string", "name", "path", "int"
	Default *string // nil: it must be given
	Pos     Pos
}

// GateUse names a gate with its arguments, or is a command.
type GateUse struct {
	Gate string
	Args map[string]Text
	Run  Text
	Pos  Pos
}

// Method is one way to do a task.
type Method struct {
	Task   string
	Name   string
	Title  Text // in words; never empty
	Cost   int
	Vars   map[string]string // free variables and their types: a kind of node, "path", "name", "string" or "int"
	When   []Condition
	Needs  []string // what its steps, and those of their tasks, have at most; see jitos.Step.Narrow
	Steps  []*Step  // as written
	Origin string
	Pos    Pos
}

// Step is one step of a method. Exactly one of Task, Job, Gate and Run says what it does.
type Step struct {
	Name   string
	Title  string
	Task   string
	Job    string
	Gate   string
	Run    Text
	Args   map[string]Text
	Inputs map[string]Input
	After  []string
	Each   *Condition // one step for each answer, named by what it binds
	Use    Use
	Pos    Pos
}

// Input is an artifact of another step of the same method.
type Input struct{ Step, Artifact string }

// Use says how a job is run. In a step it adds to what the job says (lists) or replaces it (the rest).
type Use struct {
	Needs    []string
	Reads    []string
	Keeps    []string
	Produces []string
	Report   string
	Chain    Text
	Expect   string
	Resource Text
	Fresh    bool // its result is never reused
	Retries  int
	Backoff  int    // seconds before the first retry
	Unless   Text   // a command: where it succeeds, there is nothing to do
	Timeout  int    // seconds
	Secrets  string // how it gets those that it needs: "env" (default) or "file"
}

// Job is an operator.
type Job struct {
	Name    string
	Title   string
	Params  []Param
	When    []Condition // every variable in it is a parameter
	Worker  string
	Run     Text            // for the shell
	Can     string          // the command is that of this ability of the toolchain Use.Chain
	Args    map[string]Text // for other workers, beside the parameters
	Use     Use
	Deletes []Fact
	Adds    []Fact
	Origin  string
	Pos     Pos
}

// Fact is a node that a job is predicted to add, or the nodes that it is predicted to delete. Is may be zero in a deletion.
type Fact struct {
	Kind string
	Is   Text
	Has  map[string]Text
}

// Gate is a check. Exactly one of Can, Run and All is given.
type Gate struct {
	Name   string
	Title  string
	Params []Param
	Can    string // each toolchain that can; a parameter named chain, where it is given, names the only one
	Run    Text
	All    []string // gates that make this one up
	Use    Use
	Origin string
	Pos    Pos
}

// Condition is one condition, with its source. Exactly one of Node, File, Equal and Not is given.
type Condition struct {
	Node  *NodeCondition
	File  *FileCondition
	Equal *EqualCondition
	Not   *Condition
	Text  string // as written, on one line
	Pos   Pos
}

// NodeCondition asks for a node.
type NodeCondition struct {
	Kind string
	Is   Text // zero: any
	Has  []Field
}

// Field is one field and its value.
type Field struct {
	Name  string
	Value Text
}

// FileCondition asks for a file that one of the patterns matches.
type FileCondition struct {
	Paths    []Text
	As       string // the variable that the path is bound to, "" for none
	Contains Text   // a regular expression in which values stand literally; zero: any content
}

// EqualCondition compares two values.
type EqualCondition struct {
	A, B Text
	Want bool
}

// Hash names everything that the library says.
func (l *Library) Hash() string { return l.hash }

// Task finds a task by its name.
func (l *Library) Task(name string) (*Task, bool) { t, ok := l.tasks[name]; return t, ok }

// Job finds a job by its name.
func (l *Library) Job(name string) (*Job, bool) { j, ok := l.jobs[name]; return j, ok }

// Gate finds a gate by its name.
func (l *Library) Gate(name string) (*Gate, bool) { g, ok := l.gates[name]; return g, ok }

// Toolchain finds a toolchain by its name.
func (l *Library) Toolchain(name string) (Toolchain, bool) {
	if t, ok := l.chains[name]; ok {
		return *t, true
	}
	return Toolchain{}, false
}

// ToolchainOf finds the toolchain that a command belongs to.
func (l *Library) ToolchainOf(command string) (Toolchain, bool) {
	for _, t := range l.Toolchains() {
		for _, word := range t.Words {
			if word == command {
				return *t, true
			}
		}
	}
	return Toolchain{}, false
}

// Tasks lists the tasks by name.
func (l *Library) Tasks() []*Task { return sorted(l.tasks) }

// Jobs lists the jobs by name.
func (l *Library) Jobs() []*Job { return sorted(l.jobs) }

// Gates lists the gates by name.
func (l *Library) Gates() []*Gate { return sorted(l.gates) }

// Toolchains lists the toolchains by name.
func (l *Library) Toolchains() []*Toolchain { return sorted(l.chains) }

func sorted[T any](m map[string]T) []T {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	sort.Strings(names)
	list := make([]T, len(names))
	for i, name := range names {
		list[i] = m[name]
	}
	return list
}
