package planner

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/planner/backtrack"
)

// primitive makes the step of a plan from a job, a gate or a command, or says why it cannot be placed here.
func (s *search) primitive(it *item) (event, string, error) {
	e := event{item: it}
	step, why := jitos.Step{Name: it.name, Title: it.step.Title, Worker: "shell"}, ""
	for a := it.parent; a != nil; a = a.parent {
		if a.method != nil {
			step.Origin = joinOrigins(step.Origin, a.method.Origin)
		}
	}
	var err error
	switch {
	case it.step.Gate != "":
		why, err = s.placeGate(it, &step, &e)
	case it.step.Job != "":
		why, err = s.placeJob(it, &step, &e)
	default:
		step.Run = it.step.Run.Shell(it.values)
		step.Title = orElse(step.Title, strings.TrimSpace(strings.SplitN(strings.TrimSpace(step.Run), "\n", 2)[0]))
		err = s.lib.useOf(s.facts, &step, methods.Use{}, it.step.Use, it.values, it.values)
	}
	if step.Gate == nil && why == "" && err == nil {
		narrow(&step, it)
	}
	e.step = &step
	return e, why, err
}

// narrow bounds what a step needs by the methods and steps around it, the outermost first. Those of a command are its own.
func narrow(step *jitos.Step, it *item) {
	var levels []*item
	for a := it.parent; a != nil; a = a.parent {
		levels = append(levels, a)
	}
	for _, a := range slices.Backward(levels) {
		if a.step != nil && len(a.step.Use.Needs) > 0 {
			step.Narrow("step "+a.name, a.step.Use.Needs)
		}
		if a.method != nil && len(a.method.Needs) > 0 {
			step.Narrow("method "+a.method.Name+" of task "+a.method.Task, a.method.Needs)
		}
	}
	if it.step.Job != "" && len(it.step.Use.Needs) > 0 {
		step.Narrow("step "+it.name, it.step.Use.Needs)
	}
}

// placeGate keeps the gate as a reference: its verdict is proven on the tree of that moment, and it may be resolved
// differently there. Here it must be resolvable at all.
func (s *search) placeGate(it *item, step *jitos.Step, e *event) (string, error) {
	ref := s.lib.gateRef(methods.GateUse{Gate: it.step.Gate, Args: it.step.Args}, it.values, "")
	steps, reads, err := s.lib.resolveGate(s.facts, ref)
	if err != nil {
		return err.Error(), nil // wrong arguments: the library names only gates that are there
	}
	if len(steps) == 0 {
		return "gate " + ref.Gate + ": nothing that was recognised here can run it", nil
	}
	for _, r := range steps {
		step.Origin = joinOrigins(step.Origin, r.Origin)
	}
	g, _ := s.lib.Gate(it.step.Gate)
	step.Gate, step.Title, step.Expect, e.looked = &ref, orElse(step.Title, g.Title), it.step.Use.Expect, reads
	return "", nil
}

// jobValues are the variables of a job: its parameters, $task and $snapshot. The arguments were checked when it was placed.
func (s *search) jobValues(it *item, job *methods.Job) map[string]string {
	values := maps.Clone(s.always)
	if args, err := methods.Bind(job.Params, expand(it.step.Args, it.values)); err == nil {
		maps.Copy(values, args)
	}
	return values
}

func (s *search) placeJob(it *item, step *jitos.Step, e *event) (string, error) {
	job, ok := s.lib.Job(it.step.Job)
	if !ok {
		return backtrack.ThereIsNo("job " + it.step.Job), nil
	}
	if why := s.lacks(job.Worker); why != "" {
		return why, nil
	}
	args, err := methods.Bind(job.Params, expand(it.step.Args, it.values))
	if err != nil {
		return err.Error(), nil
	}
	values := s.jobValues(it, job)
	for i := range job.When {
		c := &job.When[i]
		v, err := s.ask(c, values)
		if err != nil {
			return "", err
		}
		if len(v.answers) == 0 {
			return backtrack.Needs("job "+job.Name, c.Text, v.reason), nil
		}
		e.asked = append(e.asked, v.answers[0].rests...)
		e.looked = append(e.looked, v.reads...)
	}
	step.Title = orElse(step.Title, job.Title)
	step.Worker = job.Worker
	step.Origin = joinOrigins(step.Origin, job.Origin)
	if job.Worker != "shell" {
		step.Args = maps.Clone(args)
		for name, t := range job.Args {
			step.Args[name] = t.Expand(values)
		}
	} else {
		step.Run = job.Run.Shell(values)
	}
	use := job.Use
	if job.Can != "" {
		reads, why, err := s.lib.withAbility(s.facts, step, job, &use, values)
		if why != "" || err != nil {
			return why, err
		}
		e.looked = append(e.looked, reads...)
	}
	if len(step.Args) == 0 {
		step.Args = nil
	}
	own := it.step.Use
	own.Needs = nil // they narrow those of the job
	return "", s.lib.useOf(s.facts, step, use, own, values, it.values)
}

// withAbility gives a job the command of its toolchain: the shell runs it, any other worker has it in its arguments run,
// report and chain.
func (l *library) withAbility(f *facts, step *jitos.Step, job *methods.Job, use *methods.Use, values map[string]string) ([]jitos.Read, string, error) {
	chain := use.Chain.Expand(values)
	t, ok := l.Toolchain(chain)
	if !ok {
		return nil, fmt.Sprintf("job %s: there is no toolchain %q", job.Name, chain), nil
	}
	v, reads, err := l.able(f, &t, job.Can)
	if err != nil {
		return nil, "", err
	}
	if v == nil {
		return nil, fmt.Sprintf("job %s: toolchain %s cannot %s here", job.Name, chain, job.Can), nil
	}
	step.Origin = joinOrigins(step.Origin, t.Origin)
	use.Needs = union(use.Needs, v.Needs)
	if job.Worker != "shell" {
		step.Args["run"], step.Args["report"], step.Args["chain"] = v.Run.Shell(values), reportOf(v.Report, "exit"), chain
		use.Chain = methods.Text{}
		return reads, "", nil
	}
	step.Run = v.Run.Shell(values)
	use.Report = orElse(use.Report, orElse(v.Report, "exit"))
	if use.Timeout == 0 {
		use.Timeout = v.Timeout
	}
	return reads, "", nil
}

// useOf fills in how a step is run: what the job says, with what the step of the method adds (lists) or says instead.
func (l *library) useOf(f *facts, step *jitos.Step, job, own methods.Use, values, outer map[string]string) error {
	step.Needs = union(job.Needs, own.Needs)
	step.Reads = union(job.Reads, own.Reads)
	step.Keeps = union(job.Keeps, own.Keeps)
	step.Produces = union(job.Produces, own.Produces)
	step.Report = reportOf(own.Report, orElse(job.Report, "none"))
	step.Expect = orElse(own.Expect, job.Expect)
	step.Resource = orElse(own.Resource.Expand(values), job.Resource.Expand(values))
	step.Fresh = own.Fresh || job.Fresh
	step.Secrets = orElse(own.Secrets, job.Secrets)
	step.Retries, step.Backoff = max(own.Retries, job.Retries), max(own.Backoff, job.Backoff)
	step.Unless = orElse(own.Unless.Shell(outer), job.Unless.Shell(values))
	step.Timeout = own.Timeout
	if step.Timeout == 0 {
		step.Timeout = job.Timeout
	}
	step.Chain = orElse(own.Chain.Expand(values), job.Chain.Expand(values))
	if step.Worker != "shell" {
		return nil
	}
	if step.Chain != "" {
		return nil
	}
	var err error
	step.Chain, err = l.chainOf(f, step.Run)
	return err
}

// union joins two lists, each entry once, in order of their first place.
func union(a, b []string) []string {
	var all []string
	for _, s := range append(slices.Clone(a), b...) {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}
