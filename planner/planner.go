// Package planner turns tasks into plans: a deterministic hierarchical task network (HTN) planner over the method library.
//
// # Terms
//
//   - The state is the nodes of the graph at a snapshot, with what the steps placed so far are predicted to delete and add.
//     The files are those of the snapshot throughout: a prediction speaks of facts, never of what is in a file.
//   - A task is decomposed by one of its methods, whose steps take its place; a job or a gate is placed as it is.
//   - A candidate is what remains when nothing is left to decompose: primitive steps in partial order, with the
//     decomposition that explains them.
//
// # Semantics
//
// Methods of a task are alternatives: each whose conditions hold gives candidates of its own, one for every way to bind its
// variables. The conditions of `when` are asked one after the other, as written; the answers of each come in the order of
// the nodes' names or the paths' bytes, so variables are bound in a fixed order. They are checked before the first step of
// the method, in the state of that moment. A method without steps is still a check.
//
// `not` is closed-world over what the fabric observed: it holds when no node of the state, or no file, makes its condition
// hold. What nobody observed is absent to it; a method that needs to tell "no" from "unknown" asks for a node that says so.
//
// A job's own conditions are checked in the state in which it is placed; its effects delete first and add then, so that a
// fact that it deletes and adds is there.
//
// `after` and `inputs` order steps. `after` a step that is a task (or has `each`) means after everything it became; what it
// became comes after everything that the task comes after. Otherwise steps may run side by side, and steps of different
// tasks may interleave. Where the library's effects make the order matter (one may write a kind of node that the other
// reads or writes) the planner tries each order; where they do not, one order stands for all.
// The plan keeps the orders that were asked for, and those that the effects need: of two steps of which one gives or takes a
// fact that the other (or a condition of a task above it) rests on, or that change one node, the one placed first comes
// first. A condition rests on the node that answered it, `not` and `each` on all that would. Whatever else is free runs side by
// side, and whichever order the steps run in, each finds what it was planned on. A fact is checked when its
// condition is; other steps may come between a method's conditions and its first step, as in HDDL.
//
// A task may come up again below itself, in another state or with other arguments. The same task with the same arguments
// in the same state cannot help and is cut off.
//
// The search is that of package backtrack. What no job of the library can change, files and the kinds of nodes that no effect
// names, is asked once for the same values; predictions are bits with an undo log; where nothing that could be done led to a
// candidate, that is not tried again in the same state with the same items left.
//
// # Candidates
//
// The cost of a candidate is the sum of the costs of its methods. The K cheapest are returned, then those first that are
// the names of their methods and their bindings before others. Two candidates that differ in neither methods nor steps are
// one; candidates that differ in bindings alone give way to one with other methods, so that K candidates are K ways where
// there are as many. A method costs nothing or more, and a task no less than its cheapest method and what that leads to;
// so the search leaves a branch when it must cost more than K candidates that are there already. It also ends after Budget
// decisions; then the planning says that it was truncated, and a dead end is not taken for one. Either way it proves a bound
// that no plan's cost is below.
//
// The best candidate comes first: see rank.go for how the record of its methods in this fabric counts beside its cost.
//
// For each method that could have played a part and is in no candidate the planning says why: the first condition that
// failed for the binding that came farthest, as written, and the facts that came nearest; or the step that could not be
// planned; or the candidates that were better; or that nothing reached it.
//
// # Reads
//
// Each condition of a candidate's decomposition becomes a jitos.Read with what it saw: a node by name, a kind of node by pattern,
// files by path pattern; presence and absence alike. Of the files by which a toolchain chooses its command only those
// named by exact path are read; whether it can do a thing at all is in its node.
package planner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
)

// Version names the planner in every planning. It changes when the same input may give another answer.
const Version = "jitos-htn/4"

// Planner plans with the library that is built in and what the fabric at the snapshot adds. It is safe for concurrent use.
type Planner struct {
	K      int // candidates returned at most; 0 means 5
	Budget int // decisions of one search at most; 0 means 20000

	// Workers says why a worker that each clone configures for itself cannot be used here, "" where it can; nil: there is none.
	Workers func(name string) string

	mu     sync.Mutex
	loaded map[string]*library
}

// New returns a planner.
func New() *Planner { return &Planner{} }

var (
	_ jitos.Planner = (*Planner)(nil)
	_ jitos.Chooser = (*Planner)(nil)
)

// Best returns a planner that gives at most k candidates.
func (p *Planner) Best(k int) jitos.Planner {
	return &Planner{K: k, Budget: p.Budget, Workers: p.Workers}
}

// maxLoaded bounds how many libraries are kept: a process sees one or two.
const maxLoaded = 8

// library returns the library as it is at a snapshot.
func (p *Planner) library(ctx context.Context, at jitos.Snapshot) (*library, error) {
	files, err := at.Fabric(ctx)
	if err != nil {
		return nil, fmt.Errorf("read methods: %w", err)
	}
	extra := map[string][]byte{}
	hashes := map[string]string{}
	for path, raw := range files {
		if strings.HasPrefix(path, "methods/") {
			extra[path] = raw
			hashes[path] = methods.Origin(raw)
		}
	}
	key := jitos.HashOf(hashes)
	p.mu.Lock()
	defer p.mu.Unlock()
	if lib, ok := p.loaded[key]; ok {
		return lib, nil
	}
	loaded, err := methods.Load(extra)
	if err != nil {
		return nil, jitos.Hint(fmt.Errorf("load methods: %w", err), "correct the file; `jitos method lint FILE` checks it")
	}
	if p.loaded == nil || len(p.loaded) >= maxLoaded {
		p.loaded = map[string]*library{}
	}
	lib := newLibrary(loaded)
	p.loaded[key] = lib
	return lib, nil
}

// Match finds the task that the words mean. Arguments given win over those that the words hold. A task that is understood
// but lacks an argument is an error that Is jitos.ErrInvalid.
func (p *Planner) Match(ctx context.Context, at jitos.Snapshot, intent string, args map[string]string) (jitos.Match, error) {
	lib, err := p.library(ctx, at)
	if err != nil {
		return jitos.Match{}, err
	}
	return lib.match(intent, args)
}

func (lib *library) match(intent string, args map[string]string) (jitos.Match, error) {
	m := jitos.Match{Task: jitos.Task{Intent: strings.TrimSpace(intent), Args: maps.Clone(args)}, Nearest: lib.Nearest(intent, 5)}
	meaning, ok := lib.Understand(intent)
	if !ok {
		return m, nil
	}
	all := meaning.Args
	for name, value := range args {
		all[name] = value
	}
	bound, err := methods.Bind(meaning.Task.Params, all)
	if err != nil {
		err = fmt.Errorf("task %s: %w", meaning.Task.Name, err)
		var hinted *jitos.HintError
		if !errors.As(err, &hinted) {
			err = jitos.Hint(err, "give it with --arg NAME=VALUE")
		}
		return jitos.Match{}, err
	}
	t := &m.Task
	t.Name, t.Args = meaning.Task.Name, methods.Given(meaning.Task.Params, bound)
	if meaning.Task.Goal != nil {
		goal := lib.gateRef(*meaning.Task.Goal, bound, meaning.Task.Origin)
		t.Goal = &goal
	}
	for _, g := range meaning.Task.Gates {
		t.Gates = append(t.Gates, lib.gateRef(g, bound, meaning.Task.Origin))
	}
	m.Nearest = nil
	return m, nil
}

// gateRef is a gate with its arguments put in. Arguments that have their default are left out, so that equal gates have
// equal references, whoever names them. Origin is that of whoever says so; it counts for a command, whose text is theirs.
func (l *library) gateRef(use methods.GateUse, values map[string]string, origin string) jitos.GateRef {
	g, named := l.Gate(use.Gate)
	if !named {
		return jitos.GateRef{Run: use.Run.Shell(values), Origin: origin}
	}
	args := map[string]string{}
	for name, text := range use.Args {
		args[name] = text.Expand(values)
	}
	return jitos.GateRef{Gate: g.Name, Args: methods.Given(g.Params, args), Origin: g.Origin}
}

// Observe recognises the toolchains of a file tree: one node for each that can do something here.
func (p *Planner) Observe(ctx context.Context, at jitos.Snapshot) ([]jitos.Node, error) {
	lib, err := p.library(ctx, at)
	if err != nil {
		return nil, err
	}
	return lib.observe(newFacts(ctx, at))
}

// Gate resolves a gate to the steps whose verdicts make it up: for a command of the user's own one step, for a gate of the
// library one for each toolchain that can run it; none where nothing here can.
func (p *Planner) Gate(ctx context.Context, at jitos.Snapshot, gate jitos.GateRef) ([]jitos.Step, error) {
	lib, err := p.library(ctx, at)
	if err != nil {
		return nil, err
	}
	steps, _, err := lib.resolveGate(newFacts(ctx, at), gate)
	return steps, err
}
