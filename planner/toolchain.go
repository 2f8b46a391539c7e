package planner

import (
	"fmt"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
)

// recognised tells which of the files that give a toolchain away are there.
func recognised(f *facts, t *methods.Toolchain) ([]string, error) {
	var found []string
	for _, pattern := range t.Files {
		list, err := f.files(pattern, true)
		if err != nil {
			return nil, err
		}
		for _, p := range list {
			if !slices.Contains(found, p) {
				found = append(found, p)
			}
		}
	}
	sort.Strings(found)
	return found, nil
}

// variant chooses how a toolchain does something here: the first variant whose conditions hold for the files; nil where
// there is none, or where the toolchain was not recognised. It also tells which files, named by exact path, decided that.
func variant(f *facts, t *methods.Toolchain, ability string) (*methods.Variant, []jitos.Read, error) {
	if found, err := recognised(f, t); err != nil || len(found) == 0 {
		return nil, nil, err
	}
	ask := asker{facts: f}
	var reads []jitos.Read
	for _, a := range t.Can {
		if a.Name != ability {
			continue
		}
		for i := range a.Variants {
			v := &a.Variants[i]
			holds := true
			for j := 0; holds && j < len(v.When); j++ {
				said, err := ask.ask(&v.When[j], nil)
				if err != nil {
					return nil, nil, err
				}
				holds = len(said.answers) > 0
				for _, r := range said.reads {
					if r.Path != "" && !isPattern(r.Path) {
						reads = append(reads, r)
					}
				}
			}
			if holds {
				return v, reads, nil
			}
		}
	}
	return nil, reads, nil
}

// able tells whether a toolchain does a thing here: it can, and none of those before which it steps back can.
func (l *library) able(f *facts, t *methods.Toolchain, ability string) (*methods.Variant, []jitos.Read, error) {
	v, reads, err := variant(f, t, ability)
	if err != nil || v == nil {
		return nil, reads, err
	}
	for _, name := range t.Unless {
		other, ok := l.Toolchain(name)
		if !ok {
			continue
		}
		if o, _, err := variant(f, &other, ability); err != nil || o != nil {
			return nil, reads, err
		}
	}
	return v, reads, nil
}

// observe makes the nodes of the toolchains that can do something here.
func (l *library) observe(f *facts) ([]jitos.Node, error) {
	var nodes []jitos.Node
	for _, t := range l.Toolchains() {
		found, err := recognised(f, t)
		if err != nil {
			return nil, err
		}
		if len(found) == 0 {
			continue
		}
		record := jitos.Toolchain{Name: t.Name, Found: found, Tests: t.Tests}
		for _, a := range t.Can {
			v, _, err := l.able(f, t, a.Name)
			if err != nil {
				return nil, err
			}
			if v != nil {
				record.Can = append(record.Can, a.Name)
			}
		}
		if len(record.Can) == 0 && len(t.Can) > 0 {
			continue
		}
		sort.Strings(record.Can)
		n, err := jitos.MakeNode(jitos.NodeID{Kind: jitos.KindToolchain, Name: t.Name}, record)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

// chainOf guesses the toolchain that a command line needs prepared: the recognised one whose command it starts, else the
// only one there is, else none.
func (l *library) chainOf(f *facts, command string) (string, error) {
	var here []*methods.Toolchain
	for _, t := range l.Toolchains() {
		if found, err := recognised(f, t); err != nil {
			return "", err
		} else if len(found) > 0 {
			here = append(here, t)
		}
	}
	at, best := len(command)+1, ""
	for _, t := range here {
		for _, word := range t.Words {
			re, err := regexp.Compile(`(?:^|[\s;&|('"=/])` + regexp.QuoteMeta(word) + `(?:$|[\s;&|)'"])`)
			if err != nil {
				return "", err
			}
			if m := re.FindStringIndex(command); m != nil && m[0] < at {
				at, best = m[0], t.Name
			}
		}
	}
	if best == "" && len(here) == 1 {
		best = here[0].Name
	}
	return best, nil
}

// resolveGate makes the steps of a gate, and tells which files decided on them.
func (l *library) resolveGate(f *facts, ref jitos.GateRef) ([]jitos.Step, []jitos.Read, error) {
	if ref.Gate == "" {
		if strings.TrimSpace(ref.Run) == "" {
			return nil, nil, fmt.Errorf("gate: %w: it has neither a name nor a command", jitos.ErrInvalid)
		}
		chain, err := l.chainOf(f, ref.Run)
		return []jitos.Step{{Name: "command", Title: ref.Run, Worker: "shell", Run: ref.Run, Gate: &ref, Chain: chain, Report: "exit",
			Needs: []string{"exec:*"}, Origin: ref.Origin}}, nil, err
	}
	g, ok := l.Gate(ref.Gate)
	if !ok {
		return nil, nil, jitos.Hint(fmt.Errorf("gate %s: %w: the method library has none of this name", ref.Gate, jitos.ErrNotFound),
			"`jitos method list` shows the gates there are")
	}
	var steps []jitos.Step
	var reads []jitos.Read
	parts := []string{g.Name}
	if len(g.All) > 0 {
		parts = g.All
	}
	for _, name := range parts {
		part, ok := l.Gate(name)
		if !ok {
			return nil, nil, fmt.Errorf("gate %s: %w", name, jitos.ErrNotFound)
		}
		args := map[string]string{}
		for _, p := range part.Params {
			if v, ok := ref.Args[p.Name]; ok {
				args[p.Name] = v
			}
		}
		if part == g {
			args = ref.Args
		}
		more, read, err := l.gateSteps(f, part, args, joinOrigins(ref.Origin, g.Origin))
		if err != nil {
			return nil, nil, fmt.Errorf("gate %s: %w", name, err)
		}
		steps, reads = append(steps, more...), append(reads, read...)
	}
	return steps, reads, nil
}

// gateSteps resolves a gate that is not made of others.
func (l *library) gateSteps(f *facts, g *methods.Gate, given map[string]string, origin string) ([]jitos.Step, []jitos.Read, error) {
	args, err := methods.Bind(g.Params, given)
	if err != nil {
		return nil, nil, err
	}
	origin = joinOrigins(origin, g.Origin)
	ref := &jitos.GateRef{Gate: g.Name, Args: methods.Given(g.Params, args), Origin: g.Origin}
	if g.Can == "" {
		run := g.Run.Shell(args)
		s := jitos.Step{Name: g.Name, Title: g.Title, Worker: "shell", Run: run, Gate: ref, Report: reportOf(g.Use.Report, "exit"),
			Needs: g.Use.Needs, Timeout: g.Use.Timeout, Chain: g.Use.Chain.Expand(args), Origin: origin}
		if g.Use.Chain.Zero() {
			s.Chain, err = l.chainOf(f, run)
		}
		return []jitos.Step{s}, nil, err
	}
	var steps []jitos.Step
	var reads []jitos.Read
	for _, t := range l.Toolchains() {
		if only := args["chain"]; only != "" && only != t.Name {
			continue
		}
		v, read, err := l.able(f, t, g.Can)
		if err != nil {
			return nil, nil, err
		}
		reads = append(reads, read...)
		if v != nil {
			steps = append(steps, jitos.Step{Name: g.Name + "." + t.Name, Title: g.Title + " (" + t.Title + ")", Worker: "shell",
				Run: v.Run.Shell(args), Gate: ref, Report: reportOf(v.Report, "exit"), Needs: v.Needs, Timeout: v.Timeout, Chain: t.Name,
				Origin: joinOrigins(origin, t.Origin)})
		}
	}
	return steps, reads, nil
}

// reportOf is the report of a step: none is told by the absence of one.
func reportOf(said, otherwise string) string {
	if said = orElse(said, otherwise); said == "none" {
		return ""
	}
	return said
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// joinOrigins puts the hashes together that must all be allowed, each once, in order, a space between two.
func joinOrigins(origins ...string) string {
	var all []string
	for _, o := range origins {
		all = append(all, strings.Fields(o)...)
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), " ")
}
