package jitos

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// reusable tells whether a step gives the same result whenever it is given the same: then a settled, successful action of
// it is never run twice. That is what the workers that are named here do with what keyOf puts together. What acts on the network
// or with a secret depends on more, and a step may say so itself (Step.Fresh). A gate's verdict is evidence, see prove.
func (s Step) reusable() bool {
	return slices.Contains([]string{"shell", "bisect", "revert", "patch"}, s.Worker) && s.Gate == nil && !s.Fresh && !unsafeToRepeat(s)
}

// inputs are the paths that a step's result depends on: those that it declares to read; "**", all files, where it declares none.
func (s Step) inputs() []string {
	if len(s.Reads) == 0 {
		return []string{"**"}
	}
	return s.Reads
}

// outputs are the paths that a step may write.
func (s Step) outputs() []string {
	var all []string
	for _, need := range s.Needs {
		if verb, scope, _ := strings.Cut(need, ":"); verb == "fs.write" {
			if scope == "" || scope == "*" {
				scope = "**"
			}
			all = append(all, scope)
		}
	}
	return all
}

// keyOf is the key of an action on the files of a workspace: the hash of its inputs, its command with its arguments and
// capabilities, and its environment. Steps that are called otherwise, or stand elsewhere in their plan, are no other
// actions. "" where the step is not reusable.
func (k *Kernel) keyOf(ctx context.Context, p ProcessView, ws Snapshot, a Action) (key, env string, err error) {
	s := a.Step
	if !s.reusable() {
		return "", "", nil
	}
	in := map[string]string{}
	for _, path := range s.inputs() {
		if path == "**" {
			in[path] = string(a.Tree)
			continue
		}
		if in[path], err = Look(ctx, ws, Read{Path: path}); err != nil {
			return "", "", err
		}
	}
	if reach := ReachOf(s, k.grants(p), k.bounds()); len(reach) > 0 {
		in["reach"] = HashOf(reach)
	}
	if starts := ProgramsOf(s, k.grants(p), k.bounds()); len(starts.Granted) > 0 {
		in["starts"] = HashOf(starts.Granted)
	}
	if covered("history:read", s.Needs) { // then it may ask what fails on the snapshot, too
		sync, err := Get[Sync](ctx, ws, SyncNode)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return "", "", err
		}
		task, err := Get[Task](ctx, ws, p.Process.Task.Node())
		if err != nil {
			return "", "", err
		}
		in["history"], in["snapshot"], in["goal"] = string(sync.Commit), string(p.Process.Tree), HashOf(task.Goal)
	}
	if env, err = k.environment(ctx, []Step{s}); err != nil {
		return "", "", err
	}
	sorted := func(list []string) []string { return slices.Sorted(slices.Values(list)) }
	return HashOf([]any{s.Worker, s.Run, s.Unless, a.Args, sorted(s.Produces), sorted(s.Keeps), s.Report, s.Chain, s.Expect, s.Timeout,
		sorted(s.Needs), in, env}), env, nil
}

// actionNode is the node of an action.
func actionNode(key string) NodeID { return NodeID{KindAction, key[:32]} }

// settles adds to a settlement which action it settles.
func (rw *Rewrite) settles(a SettledAction, settlement NodeID, by ProcessID) error {
	id := actionNode(a.Key)
	rw.Edges = append(rw.Edges, Edge{From: settlement, Label: LabelAction, To: id},
		Edge{From: id, Label: LabelBy, To: by.Node(), Key: settlement.Name})
	return rw.put(id, a)
}

// recalled is the result of an action that was settled before.
type recalled struct {
	Result
	from   string // the settlement, "" for none
	signer string // who signed it, "" where it was made in this clone
}

// mostSettlers bounds how many settlements of one action are looked at: anybody who can push can add to them.
const mostSettlers = 32

// recall looks for an action that was settled before, in a workspace and on the system line, and gives its result on the files
// of the workspace. None where there is no such action, where its line is gone, or where it is the claim of another clone that
// nobody who may sign here has signed.
func (k *Kernel) recall(ctx context.Context, key string, step Step, ws, at Snapshot) (r recalled, err error) {
	for _, g := range []Snapshot{ws, at} {
		settled, err := Get[SettledAction](ctx, g, actionNode(key))
		if errors.Is(err, ErrNotFound) || err == nil && settled.Key != key {
			continue
		}
		if err != nil {
			return r, err
		}
		list := settledBy(ctx, g, key)
		for _, by := range list[:min(len(list), mostSettlers)] {
			if r, err := k.resultOf(ctx, g, by, step, ws); r.from != "" || err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

// settler is who settled an action.
type settler struct {
	process ProcessID
	claim   string
}

// settledBy lists who settled an action, in order of the claims.
func settledBy(ctx context.Context, g Graph, key string) []settler {
	var list []settler
	for e, err := range g.Edges(ctx, actionNode(key), LabelBy) {
		if err != nil {
			return nil // what cannot be read is not reused
		}
		list = append(list, settler{ProcessID(e.To.Name), e.Key})
	}
	slices.SortFunc(list, func(a, b settler) int { return strings.Compare(a.claim, b.claim) })
	return list
}

// resultOf does to the files of a workspace what a claim of a process did to its own. None where that is not known any more,
// counts for nothing here, or would not be what the step does there.
func (k *Kernel) resultOf(ctx context.Context, g Graph, by settler, step Step, ws Snapshot) (none recalled, err error) {
	line, err := k.lineOf(ctx, g, by.process)
	if errors.Is(err, ErrNotFound) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	s, err := Get[Settlement](ctx, line, NodeID{KindSettlement, by.claim})
	if errors.Is(err, ErrNotFound) || err == nil && (s.Stale || s.Verdict != Pass) {
		return none, nil
	}
	if err != nil {
		return none, err
	}
	changes, err := k.settledChanges(ctx, line)
	i := slices.IndexFunc(changes, func(c settledChange) bool { return c.claim == by.claim })
	if err != nil || i < 0 {
		return none, err
	}
	c, tree, signer := changes[i], ws.Tree(), ""
	if !k.saw(string(c.commit)) {
		if signer, err = k.signer(ctx, c.commit); signer == "" || err != nil {
			return none, err
		}
	}
	if ok, err := k.fits(ctx, c, step, ws); !ok || err != nil {
		return none, err
	}
	if c.before != c.after {
		merged, conflicts, err := k.mergeFiles(ctx, ws, c.before, tree, c.after)
		if err != nil || len(conflicts) > 0 {
			return none, err
		}
		tree = merged
	}
	r := Result{Tree: tree, Exit: s.Exit, Verdict: Pass, Artifacts: s.Artifacts, Report: s.Report}
	return recalled{r, KindSettlement + "/" + by.claim, signer}, nil
}

// fits tells whether what a step may write is, in a workspace, as it was when the claim was made, or as the claim left it. A
// step that reads what it declares, and no more, does there what it did then; but of what it wrote, the record has only
// what differed from what was there.
func (k *Kernel) fits(ctx context.Context, c settledChange, step Step, ws Snapshot) (bool, error) {
	if len(step.Reads) == 0 {
		return true, nil // the whole file tree is the same
	}
	var at [3]Snapshot
	for i, id := range []CommitID{c.claimed, c.parent, c.commit} {
		if id == "" {
			return false, nil
		}
		var err error
		if at[i], err = k.Store.Open(ctx, id); err != nil {
			return false, err
		}
	}
	for _, path := range step.outputs() {
		var saw [3]string
		for i := range at {
			var err error
			if saw[i], err = Look(ctx, at[i], Read{Path: path}); err != nil {
				return false, err
			}
		}
		now, err := Look(ctx, ws, Read{Path: path})
		if err != nil || saw[0] != saw[1] || now != saw[1] && now != saw[2] {
			return false, err // another job wrote there meanwhile, or since
		}
	}
	return true, nil
}

// lineOf opens the last commit of a process's own line.
func (k *Kernel) lineOf(ctx context.Context, at Graph, id ProcessID) (Snapshot, error) {
	process, err := Get[Process](ctx, at, id.Node())
	if err != nil {
		return nil, err
	}
	p, err := viewProcess(ctx, at, Found[Process]{id.Node(), process})
	switch {
	case err != nil:
		return nil, err
	case p.Collapse != nil:
		return k.Store.Open(ctx, p.Collapse.Tip)
	case p.Attempt != nil:
		return k.Store.Open(ctx, p.Attempt.Tip)
	}
	return k.workspace(ctx, p)
}

// JobCounts tell how often the jobs of an attempt ran, and how many did not have to.
type JobCounts struct {
	Run    int `json:"run"`    // claims that were carried out and settled
	Reused int `json:"reused"` // jobs with the result of an earlier action, gates with earlier evidence
	Again  int `json:"again"`  // of Run: because something that the job had read moved, or in a further try
}

// countedJobs counts those of an attempt; none where its line is not here any more.
func (k *Kernel) countedJobs(ctx context.Context, id ProcessID) (JobCounts, error) {
	at, err := k.System(ctx)
	if err != nil {
		return JobCounts{}, err
	}
	line, err := k.lineOf(ctx, at, id)
	if errors.Is(err, ErrNotFound) {
		return JobCounts{}, nil
	}
	if err != nil {
		return JobCounts{}, err
	}
	return countJobs(ctx, line, id)
}

// countJobs counts in a graph that holds what a process did.
func countJobs(ctx context.Context, g Graph, id ProcessID) (JobCounts, error) {
	var n JobCounts
	jobs, err := jobsOf(ctx, g, id)
	for _, j := range jobs {
		ran := 0
		for _, c := range j.claims {
			switch s := c.settled; {
			case s == nil, s.Stale && s.Verdict == CouldNot: // interrupted; found stale by a rebase
			case strings.HasPrefix(s.From, KindAnswer+"/"): // a person's
			case s.From != "":
				n.Reused++
			default:
				ran++
			}
		}
		n.Run, n.Again = n.Run+ran, n.Again+max(0, ran-1)
	}
	return n, err
}
