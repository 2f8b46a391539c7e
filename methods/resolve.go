package methods

import (
	"fmt"
	"strings"
)

// Resolved tells what a file of the library makes run, whatever file the parts come from: for each step of its methods, and for
// each job, gate and toolchain that it defines, the worker, the command and the capabilities.
func (l *Library) Resolved(file string) string {
	var b strings.Builder
	for _, t := range l.Tasks() {
		for _, m := range t.Methods {
			if m.Pos.File != file {
				continue
			}
			fmt.Fprintf(&b, "task %s, method %s\n", t.Name, m.Name)
			item(&b, "at most", strings.Join(m.Needs, ", "))
			for _, s := range m.Steps {
				l.resolveStep(&b, s)
			}
		}
		if t.Pos.File == file {
			l.resolveGates(&b, t)
		}
	}
	for _, j := range l.Jobs() {
		if j.Pos.File == file {
			fmt.Fprintf(&b, "job %s\n", j.Name)
			l.resolveJob(&b, j, Use{})
		}
	}
	for _, g := range l.Gates() {
		if g.Pos.File == file {
			fmt.Fprintf(&b, "gate %s\n", g.Name)
			l.resolveGate(&b, g)
		}
	}
	for _, t := range l.Toolchains() {
		if t.Pos.File != file {
			continue
		}
		fmt.Fprintf(&b, "toolchain %s\n", t.Name)
		item(&b, "asks", t.Version)
		for _, p := range t.Prepare {
			item(&b, "prepares", p.Run)
		}
		for _, a := range t.Can {
			for _, v := range a.Variants {
				item(&b, a.Name, v.Run.String())
				item(&b, "needs", strings.Join(v.Needs, ", "))
			}
		}
	}
	return b.String()
}

func (l *Library) resolveGates(b *strings.Builder, t *Task) {
	uses := t.Gates
	if t.Goal != nil {
		uses = append([]GateUse{*t.Goal}, uses...)
	}
	for _, u := range uses {
		if u.Gate == "" {
			fmt.Fprintf(b, "task %s, gate\n", t.Name)
			item(b, "runs", u.Run.String())
		}
	}
}

func (l *Library) resolveStep(b *strings.Builder, s *Step) {
	fmt.Fprintf(b, " step %s\n", s.Name)
	switch {
	case s.Task != "":
		item(b, "does", "task "+s.Task+", by any method of it")
	case s.Gate != "":
		if g, ok := l.gates[s.Gate]; ok {
			l.resolveGate(b, g)
		}
	case s.Job != "":
		if j, ok := l.jobs[s.Job]; ok {
			l.resolveJob(b, j, s.Use)
		}
	default:
		item(b, "worker", "shell")
		item(b, "runs", s.Run.String())
		l.resolveUse(b, s.Use)
	}
}

func (l *Library) resolveJob(b *strings.Builder, j *Job, more Use) {
	item(b, "worker", j.Worker)
	item(b, "runs", j.Run.String())
	if j.Can != "" {
		item(b, "runs", "what the toolchain has for "+j.Can)
	}
	use := j.Use
	item(b, "at most", strings.Join(more.Needs, ", "))
	if more.Unless.String() != "" {
		use.Unless = more.Unless
	}
	l.resolveUse(b, use)
}

func (l *Library) resolveGate(b *strings.Builder, g *Gate) {
	item(b, "runs", g.Run.String())
	if g.Can != "" {
		item(b, "runs", "what the toolchain has for "+g.Can)
	}
	item(b, "all of", strings.Join(g.All, ", "))
	l.resolveUse(b, g.Use)
}

func (l *Library) resolveUse(b *strings.Builder, u Use) {
	item(b, "unless", u.Unless.String())
	needs := "nothing"
	if len(u.Needs) > 0 {
		needs = strings.Join(u.Needs, ", ")
	}
	item(b, "needs", needs)
}
