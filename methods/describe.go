package methods

import (
	"fmt"
	"strings"

	"github.com/jitos/jitos"
)

// Entry is one definition in a listing.
type Entry struct {
	Kind   string `json:"kind"` // "task", "job", "gate", "toolchain"
	Name   string `json:"name"`
	Title  string `json:"title"`
	Origin string `json:"origin,omitempty"` // "" for the embedded library
	File   string `json:"file"`
	Line   int    `json:"line"`
}

// Entries lists every definition: tasks, jobs, gates, toolchains, each by name.
func (l *Library) Entries() []Entry {
	var list []Entry
	add := func(kind, name, title, origin string, pos Pos) {
		list = append(list, Entry{kind, name, title, origin, pos.File, pos.Line})
	}
	for _, t := range l.Tasks() {
		add("task", t.Name, t.Title, t.Origin, t.Pos)
	}
	for _, j := range l.Jobs() {
		add("job", j.Name, j.Title, j.Origin, j.Pos)
	}
	for _, g := range l.Gates() {
		add("gate", g.Name, g.Title, g.Origin, g.Pos)
	}
	for _, t := range l.Toolchains() {
		add("toolchain", t.Name, t.Title, t.Origin, t.Pos)
	}
	return list
}

// Describe tells people what definitions of a name there are, and all that they say; a method is found by its name, too.
// The error Is jitos.ErrNotFound where there is none.
func (l *Library) Describe(name string) (string, error) {
	var b strings.Builder
	if t, ok := l.tasks[name]; ok {
		describeTask(&b, t)
	}
	for _, t := range l.Tasks() {
		for _, m := range t.Methods {
			if m.Name == name {
				describeMethod(&b, m)
			}
		}
	}
	if j, ok := l.jobs[name]; ok {
		describeJob(&b, j)
	}
	if g, ok := l.gates[name]; ok {
		describeGate(&b, g)
	}
	if t, ok := l.chains[name]; ok {
		describeToolchain(&b, t)
	}
	if b.Len() == 0 {
		var all []string
		for _, e := range l.Entries() {
			all = append(all, e.Name)
		}
		return "", jitos.Hint(fmt.Errorf("method %q: %w", name, jitos.ErrNotFound), "%s", suggest(name, all))
	}
	return b.String(), nil
}

func heading(b *strings.Builder, kind, name, title, origin string, pos Pos) {
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	fmt.Fprintf(b, "%s %s: %s\n", kind, name, title)
	if origin == "" {
		fmt.Fprintf(b, "  from      the built-in library, %s:%d\n", pos.File, pos.Line)
		return
	}
	fmt.Fprintf(b, "  from      %s:%d, hash %s\n", pos.File, pos.Line, origin)
}

// item writes one line of a description; several lines of text are set below it. Nothing is written for no text.
func item(b *strings.Builder, label, text string) {
	text = strings.TrimRight(text, "\n")
	switch {
	case text == "":
	case strings.Contains(text, "\n"):
		fmt.Fprintf(b, "  %s\n      %s\n", label, strings.ReplaceAll(text, "\n", "\n      "))
	default:
		fmt.Fprintf(b, "  %-9s %s\n", label, text)
	}
}

func params(list []Param) string {
	var parts []string
	for _, p := range list {
		s := p.Name + " (" + p.Type + ")"
		if p.Default != nil {
			s += fmt.Sprintf(" = %q", *p.Default)
		}
		parts = append(parts, s)
	}
	return strings.Join(parts, ", ")
}

func args(m map[string]Text) string {
	var parts []string
	for _, name := range sortedKeys(m) {
		parts = append(parts, name+" = "+m[name].String())
	}
	return strings.Join(parts, ", ")
}

func (u GateUse) words() string {
	if u.Gate == "" {
		return "command " + u.Run.String()
	}
	if len(u.Args) == 0 {
		return u.Gate
	}
	return u.Gate + " (" + args(u.Args) + ")"
}

func describeTask(b *strings.Builder, t *Task) {
	heading(b, "task", t.Name, t.Title, t.Origin, t.Pos)
	for _, p := range t.Says {
		item(b, "say", p.Text)
	}
	item(b, "arguments", params(t.Params))
	if t.Goal != nil {
		item(b, "goal", t.Goal.words())
	}
	for _, g := range t.Gates {
		item(b, "keeps", g.words())
	}
	for _, m := range t.Methods {
		describeMethod(b, m)
	}
}

func describeMethod(b *strings.Builder, m *Method) {
	heading(b, "method", m.Name, m.Title.String(), m.Origin, m.Pos)
	item(b, "for", "task "+m.Task)
	item(b, "cost", fmt.Sprint(m.Cost))
	for _, c := range m.When {
		item(b, "when", c.Text)
	}
	for _, s := range m.Steps {
		item(b, "step", s.Name+": "+s.words())
	}
}

// words says what a step does, on one line.
func (s *Step) words() string {
	what := ""
	switch {
	case s.Task != "":
		what = "task " + s.Task
	case s.Job != "":
		what = "job " + s.Job
	case s.Gate != "":
		what = "gate " + s.Gate
	default:
		what = "run " + strings.TrimSpace(s.Run.String())
	}
	if len(s.Args) > 0 {
		what += " (" + args(s.Args) + ")"
	}
	for _, arg := range sortedKeys(s.Inputs) {
		what += ", " + arg + " from " + s.Inputs[arg].Step + "." + s.Inputs[arg].Artifact
	}
	if s.Each != nil {
		what += ", for each " + s.Each.Text
	}
	if s.Use.Expect != "" {
		what += ", expected to " + s.Use.Expect
	}
	if len(s.After) > 0 {
		what += ", after " + strings.Join(s.After, ", ")
	}
	return what
}

func describeUse(b *strings.Builder, u Use) {
	item(b, "needs", strings.Join(u.Needs, ", "))
	item(b, "produces", strings.Join(u.Produces, ", "))
	item(b, "chain", u.Chain.String())
	item(b, "report", u.Report)
}

func describeJob(b *strings.Builder, j *Job) {
	heading(b, "job", j.Name, j.Title, j.Origin, j.Pos)
	item(b, "arguments", params(j.Params))
	item(b, "worker", j.Worker)
	for _, c := range j.When {
		item(b, "when", c.Text)
	}
	item(b, "can", j.Can)
	item(b, "run", j.Run.String())
	describeUse(b, j.Use)
	for _, f := range j.Deletes {
		item(b, "deletes", f.words())
	}
	for _, f := range j.Adds {
		item(b, "adds", f.words())
	}
}

func (f Fact) words() string {
	s := f.Kind + "/" + f.Is.String()
	if len(f.Has) > 0 {
		s += " (" + args(f.Has) + ")"
	}
	return s
}

func describeGate(b *strings.Builder, g *Gate) {
	heading(b, "gate", g.Name, g.Title, g.Origin, g.Pos)
	item(b, "arguments", params(g.Params))
	item(b, "can", g.Can)
	item(b, "run", g.Run.String())
	item(b, "all of", strings.Join(g.All, ", "))
	describeUse(b, g.Use)
}

func describeToolchain(b *strings.Builder, t *Toolchain) {
	heading(b, "toolchain", t.Name, t.Title, t.Origin, t.Pos)
	item(b, "files", strings.Join(t.Files, ", "))
	item(b, "unless", strings.Join(t.Unless, ", "))
	item(b, "version", t.Version)
	item(b, "tests", strings.Join(t.Tests, ", "))
	item(b, "lend", strings.Join(t.Lend, ", "))
	for _, p := range t.Prepare {
		item(b, "prepare", "where there is "+strings.Join(p.Where, " and ")+":\n"+p.Run)
	}
	for _, a := range t.Can {
		for _, v := range a.Variants {
			text := ""
			for _, c := range v.When {
				text += "when " + c.Text + "\n"
			}
			item(b, "can "+a.Name, text+v.Run.String())
		}
	}
}
