package client

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/jitos/jitos"
)

// Kernel has a daemon do what a command would have a jitos.Kernel do. Its methods are those of that one: the same answers and the same
// errors, in the same words. What a command makes of the repository it reads itself.
type Kernel struct {
	Daemon
	Store  jitos.Store
	Merger interface {
		Changed(ctx context.Context, from, to jitos.TreeID) ([]string, error)
	}
	Notify func(jitos.Event) // told what happens meanwhile; nil for nobody

	mode jitos.AbsorbMode // of the last Absorb: a run absorbs again
}

// result is the member of a union that a command answers with.
type result struct {
	Task      struct{ ID string }
	Candidate struct{ ID string }
	Commit    struct{ ID jitos.CommitID }
	Nearest   []string
}

// command carries out a command. A refusal is its error.
func (k *Kernel) command(ctx context.Context, text string, variables any, into any) error {
	var data struct{ Did json.RawMessage }
	if err := k.Ask(ctx, text, variables, &data); err != nil {
		return err
	}
	var r Refusal
	if err := json.Unmarshal(data.Did, &r); err != nil {
		return err
	}
	if r.Code != "" {
		return r.Err()
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(data.Did, into)
}

type vars = map[string]any

// named is the name of a node's id.
func named(id string) string {
	n, err := jitos.ParseNodeID(id)
	if err != nil {
		return id
	}
	return n.Name
}

func (k *Kernel) SubmitIntent(ctx context.Context, r jitos.Request) (id jitos.TaskID, m jitos.Match, err error) {
	args := []vars{}
	for name, value := range r.Args {
		args = append(args, vars{"name": name, "value": value})
	}
	var did result
	err = k.command(ctx, submitIntent, vars{"input": vars{"intent": r.Intent, "args": args, "gates": r.Gates}}, &did)
	return jitos.TaskID(named(did.Task.ID)), jitos.Match{Nearest: did.Nearest}, err
}

func (k *Kernel) Withdraw(ctx context.Context, id jitos.TaskID, why string) error {
	return k.command(ctx, withdraw, vars{"task": id.Node().String(), "why": why}, nil)
}

func (k *Kernel) Plan(ctx context.Context, id jitos.TaskID) (found jitos.Found[jitos.Planning], slaps []jitos.Found[jitos.Slap], err error) {
	var did struct {
		Task struct{ Planning struct{ ID string } }
	}
	if err = k.command(ctx, plan, vars{"task": id.Node().String()}, &did); err != nil {
		return found, nil, err
	}
	at, err := k.system(ctx)
	if err != nil {
		return found, nil, err
	}
	if found.ID, err = jitos.ParseNodeID(did.Task.Planning.ID); err == nil {
		found.Record, err = jitos.Get[jitos.Planning](ctx, at, found.ID)
	}
	for _, id := range found.Record.Slaps {
		slap, err := jitos.Get[jitos.Slap](ctx, at, id.Node())
		if err != nil {
			return found, nil, err
		}
		slaps = append(slaps, jitos.Found[jitos.Slap]{ID: id.Node(), Record: slap})
	}
	return found, slaps, err
}

func (k *Kernel) SubmitPlan(ctx context.Context, id jitos.TaskID, s jitos.Slap) (jitos.SlapID, error) {
	var did result
	err := k.command(ctx, submitPlan, vars{"task": id.Node().String(), "plan": s}, &did)
	return jitos.SlapID(named(did.Candidate.ID)), err
}

func (k *Kernel) Answer(ctx context.Context, id string, d jitos.Decision, text string) (q jitos.Question, err error) {
	decision := map[jitos.Decision]string{jitos.Answered: "ANSWERED", jitos.Approved: "APPROVED", jitos.Rejected: "REJECTED"}[d]
	if err = k.command(ctx, decide, vars{"question": id, "decision": decision, "text": text}, nil); err != nil {
		return q, err
	}
	at, err := k.system(ctx)
	if err != nil {
		return q, err
	}
	return jitos.Get[jitos.Question](ctx, at, jitos.NodeID{Kind: jitos.KindQuestion, Name: id})
}

func (k *Kernel) SubmitRewrite(ctx context.Context, s jitos.Submission, sws string) (c jitos.Commit, err error) {
	nodes, edges := []vars{}, []vars{}
	for _, n := range s.Set {
		nodes = append(nodes, vars{"id": n.ID.String(), "fields": n.Fields})
	}
	for _, e := range s.Edges {
		one := vars{"from": e.From.String(), "label": e.Label, "to": e.To.String(), "key": e.Key}
		if len(e.Attrs) > 0 {
			one["attrs"] = e.Attrs
		}
		edges = append(edges, one)
	}
	in := vars{"set": nodes, "edges": edges, "drop": s.Drop, "what": s.What, "why": s.Why}
	if sws != "" {
		in["workspace"] = sws
	}
	if len(s.Reads) > 0 {
		in["reads"] = s.Reads
	}
	return k.made(ctx, submitRewrite, vars{"input": in})
}

// made is the rewrite that a command made.
func (k *Kernel) made(ctx context.Context, text string, variables any) (c jitos.Commit, err error) {
	var did result
	if err = k.command(ctx, text, variables, &did); err != nil {
		return c, err
	}
	at, err := k.Store.Open(ctx, did.Commit.ID)
	if err != nil {
		return c, err
	}
	return at.Commit(), nil
}

func (k *Kernel) Collapse(ctx context.Context, p jitos.ProcessView, o jitos.CollapseOptions) (done jitos.Collapsed, err error) {
	in := vars{"workspace": p.Process.SWS}
	if o.NoGate != "" {
		in["noGate"] = o.NoGate
	}
	c, err := k.made(ctx, collapse, in)
	if err != nil {
		return done, err
	}
	done.Commit = c.ID
	if done.Files, err = k.changed(ctx, c); err != nil {
		return done, err
	}
	at, err := k.Store.Open(ctx, c.ID)
	if err != nil {
		return done, err
	}
	view, err := jitos.ViewProcess(ctx, at, p.ID)
	if err != nil || view.Collapse == nil {
		return done, err
	}
	done.Approved = view.Collapse.Approved
	for _, name := range view.Collapse.Evidence {
		e, err := jitos.Get[jitos.Evidence](ctx, at, jitos.NodeID{Kind: jitos.KindEvidence, Name: name})
		if err != nil {
			return done, err
		}
		done.Evidence = append(done.Evidence, e)
	}
	return done, nil
}

// changed are the files that a rewrite of the system line changed.
func (k *Kernel) changed(ctx context.Context, c jitos.Commit) ([]string, error) {
	before, err := k.Store.Open(ctx, c.Parents[0])
	if err != nil {
		return nil, err
	}
	return k.Merger.Changed(ctx, before.Tree(), c.Tree)
}

func (k *Kernel) Discard(ctx context.Context, p jitos.ProcessView, _, why string) error {
	return k.command(ctx, discard, vars{"workspace": p.Process.SWS, "why": why}, nil)
}

func (k *Kernel) Absorb(ctx context.Context, branch string, mode jitos.AbsorbMode) (done jitos.Absorbed, err error) {
	k.mode = mode
	before, err := k.Store.Head(ctx, jitos.SystemRef)
	if err != nil {
		return done, err
	}
	in := vars{"uncommitted": uncommitted(mode)}
	if branch != "" {
		in["branch"] = branch
	}
	c, err := k.made(ctx, absorb, in)
	if err != nil {
		return done, err
	}
	at, err := k.Store.Open(ctx, c.ID)
	if err != nil {
		return done, err
	}
	sync, err := jitos.Get[jitos.Sync](ctx, at, jitos.SyncNode)
	if err != nil && !errors.Is(err, jitos.ErrNotFound) {
		return done, err
	}
	done.From, done.Branch = sync.Commit, sync.Branch
	if c.ID == before || c.Record == nil || c.Record.Rule != jitos.RuleAbsorb {
		return done, nil
	}
	done.Commit = c.ID
	done.Files, err = k.changed(ctx, c)
	k.notify(jitos.Event{Kind: "absorb", Text: c.Subject})
	return done, err
}

func uncommitted(mode jitos.AbsorbMode) string {
	switch mode {
	case jitos.TakeDirty:
		return "TAKE"
	case jitos.LeaveDirty:
		return "LEAVE"
	}
	return "REFUSE"
}

func (k *Kernel) Land(ctx context.Context, o jitos.LandOptions) (done jitos.Landed, err error) {
	in := vars{"new": o.New}
	if o.Branch != "" {
		in["branch"] = o.Branch
	}
	var did struct {
		Commit      jitos.CommitID
		Branch      string
		Files       []string
		WorkingTree bool
	}
	err = k.command(ctx, land, in, &did)
	return jitos.Landed{Commit: did.Commit, Branch: did.Branch, Files: did.Files, Patched: did.WorkingTree}, err
}

func (k *Kernel) Do(ctx context.Context, r jitos.Request) (out jitos.Outcome, err error) {
	if _, err := k.Absorb(ctx, "", r.Mode); err != nil {
		return jitos.FailedOutcome(err), err
	}
	id, match, err := k.SubmitIntent(ctx, r)
	if err != nil {
		return jitos.FailedOutcome(err), err
	}
	k.notify(jitos.Event{Kind: "task", Task: id, Text: r.Intent})
	out, err = k.Run(ctx, id, jitos.RunOptions{Race: r.Race})
	if out.Outcome == "no-plan" {
		out.Nearest = match.Nearest
	}
	if err == nil && r.Land && out.Outcome == "collapsed" {
		landed, lerr := k.Land(ctx, jitos.LandOptions{})
		out.Landed, err = landed.Commit, lerr
	}
	return out, err
}

// progress is what the schema calls Progress.
type progress struct {
	Kind, Text, Verdict string
	Process, Job        string
	Commit              jitos.CommitID
	Millis              int
	Outcome             string
	Result              jitos.Outcome
	Refusal             *Refusal
}

func (k *Kernel) Run(ctx context.Context, id jitos.TaskID, o jitos.RunOptions) (out jitos.Outcome, err error) {
	hearing, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	begun, ended := make(chan struct{}), make(chan error, 1)
	var end *progress
	go func() {
		ended <- k.Hear(hearing, follow, vars{"task": id.Node().String()}, func() { close(begun) }, func(data json.RawMessage) (bool, error) {
			var p struct{ Progress progress }
			if err := json.Unmarshal(data, &p); err != nil {
				return false, err
			}
			if p.Progress.Outcome != "" {
				end = &p.Progress
				return true, nil
			}
			k.notify(p.Progress.event(id))
			return false, nil
		})
	}()
	select {
	case <-begun:
	case err := <-ended:
		return jitos.FailedOutcome(err), err
	}
	in := vars{"task": id.Node().String(), "uncommitted": uncommitted(k.mode), "race": max(1, o.Race)}
	if o.Slap != "" {
		in["candidate"] = o.Slap.Node().String()
	}
	if err := k.command(ctx, run, in, nil); err != nil {
		return jitos.FailedOutcome(err), err
	}
	select {
	case err = <-ended:
	case <-ctx.Done(): // as an interrupt stops a run in this process: what is settled stays
		if err = k.command(hearing, stop, vars{"task": id.Node().String()}, nil); err == nil || errors.Is(err, jitos.ErrNotFound) {
			err = <-ended
		}
	}
	if err != nil {
		return jitos.FailedOutcome(err), err
	}
	out = end.Result
	switch {
	case end.Refusal != nil:
		err = end.Refusal.Err()
	case out.Outcome == "cancelled":
		err = &refused{out.Reason, context.Canceled}
	case out.Outcome == "failed":
		err = &refused{out.Reason, nil}
	}
	return out, err
}

func (p progress) event(task jitos.TaskID) jitos.Event {
	verdict := map[string]jitos.Verdict{"PASS": jitos.Pass, "FAIL": jitos.Fail, "COULD_NOT_RUN": jitos.CouldNot}[p.Verdict]
	return jitos.Event{Kind: p.Kind, Text: p.Text, Task: task, Process: jitos.ProcessID(named(p.Process)), Job: jitos.JobID(named(p.Job)),
		Commit: p.Commit, Verdict: verdict, Took: time.Duration(p.Millis) * time.Millisecond}
}

func (k *Kernel) notify(e jitos.Event) {
	if k.Notify != nil {
		k.Notify(e)
	}
}

func (k *Kernel) system(ctx context.Context) (jitos.Snapshot, error) {
	head, err := k.Store.Head(ctx, jitos.SystemRef)
	if err != nil {
		return nil, err
	}
	return k.Store.Open(ctx, head)
}
