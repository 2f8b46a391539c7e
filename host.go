package jitos

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
)

// host is what a running job may ask of the kernel. It holds no more than the job's process.
type host struct {
	k      *Kernel
	p      ProcessView
	job    JobID
	seat   *seat   // the one that the job holds
	probes *probes // of the claim, nil for a gate
}

var _ Host = (*host)(nil)

func (h *host) Say(line string) {
	h.k.notify(Event{Kind: "say", Task: h.p.Process.Task, Process: h.p.ID, Job: h.job, Text: line})
}

func (h *host) History(ctx context.Context) iter.Seq2[Commit, error] {
	return func(yield func(Commit, error) bool) {
		at, err := h.k.System(ctx)
		if err != nil {
			yield(Commit{}, err)
			return
		}
		sync, err := Get[Sync](ctx, at, SyncNode)
		if err != nil {
			yield(Commit{}, err)
			return
		}
		if sync.Commit == "" {
			return
		}
		for c, err := range h.k.Store.Log(ctx, sync.Commit) {
			if !yield(c, err) || err != nil {
				return
			}
		}
	}
}

func (h *host) Try(ctx context.Context, tree TreeID, step Step) (Result, error) {
	step, err := h.k.admit(ctx, h.p, step)
	if err != nil {
		return Result{}, err
	}
	action := Action{Process: h.p.ID, Job: h.job, Step: step, Tree: tree, Args: step.Args, Grants: step.Needs}
	r, err := h.k.execute(h.seat.lend(ctx), action, &host{k: h.k, p: h.p, job: h.job, probes: h.probes})
	if err == nil {
		h.probes.add(tree, step, r)
	}
	return r, err
}

func (h *host) Merge(ctx context.Context, base, ours, theirs TreeID) (TreeID, []Conflict, error) {
	return h.k.Merger.Under(h.k.bounds().Merge).Files(ctx, base, ours, theirs)
}

func (h *host) Failing() *Report {
	ctx := h.seat.lend(context.Background())
	at, err := h.k.System(ctx)
	if err != nil {
		return nil
	}
	task, err := Get[Task](ctx, at, h.p.Process.Task.Node())
	if err != nil || task.Goal == nil {
		return nil
	}
	e, _, err := h.k.prove(ctx, at, h.p, h.p.Process.Tree, *task.Goal)
	if err != nil {
		return nil
	}
	return e.Report
}

// ---- Small things that the kernel's methods share ----

// System opens the system WARP as it is, and reads its policy. ErrNotFound where this repository has no fabric.
func (k *Kernel) System(ctx context.Context) (Snapshot, error) {
	head, err := k.Store.Head(ctx, SystemRef)
	if err != nil {
		return nil, err
	}
	at, err := k.Store.Open(ctx, head)
	if err != nil {
		return nil, err
	}
	return at, k.heed(ctx, at)
}

// ruled is System for what a policy bounds: it is refused where that cannot be read.
func (k *Kernel) ruled(ctx context.Context) (Snapshot, error) {
	at, err := k.System(ctx)
	if err == nil {
		err = k.PolicyError()
	}
	return at, err
}

// heed makes the policy of a system WARP the one that bounds what is done from here on. It is read where it is another one.
func (k *Kernel) heed(ctx context.Context, at Snapshot) error {
	blob, err := at.Blob(ctx, FabricItem("policy.yaml"))
	if err != nil {
		return err
	}
	k.mu.Lock()
	known := k.heeded && k.policyBlob == blob
	k.mu.Unlock()
	if known {
		if fabric, err := at.Blob(ctx, FabricItem("fabric.json")); fabric != "" || err != nil {
			return err
		}
	}
	policy, err := k.policyAt(ctx, at)
	unread := (*unreadPolicy)(nil)
	if err != nil && !errors.As(err, &unread) {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.policy, k.policyBlob, k.heeded, k.unread = policy, blob, true, nil
	if unread != nil { // it stops what it would bound, and nobody who only looks
		k.unread = err
	}
	return nil
}

// unreadPolicy is a policy.yaml on the system line that cannot be read: of another version of jitos, or put there without it.
type unreadPolicy struct{ err error }

func (e *unreadPolicy) Error() string {
	return "the policy of this fabric cannot be read: " + e.err.Error()
}
func (e *unreadPolicy) Unwrap() error { return e.err }

// PolicyError says why the policy of the system WARP that was opened last cannot be read, nil where it can. Then no attempt is
// opened, run or collapsed, and nothing decided; all else goes on.
func (k *Kernel) PolicyError() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.unread
}

// Query opens the WARP at a commit, the system's as it is for "". Every answer of one query comes from one snapshot.
func (k *Kernel) Query(ctx context.Context, at CommitID) (Snapshot, error) {
	if at == "" {
		return k.System(ctx)
	}
	return k.Store.Open(ctx, at)
}

func (k *Kernel) policyAt(ctx context.Context, at Snapshot) (Policy, error) {
	files, err := at.Fabric(ctx)
	if err != nil {
		return Policy{}, err
	}
	if _, ok := files["fabric.json"]; !ok {
		return Policy{}, fmt.Errorf("%s: %w: %s is no commit of a fabric", SystemRef, ErrCorrupt, short(at.Commit().ID))
	}
	raw, ok := files["policy.yaml"]
	if !ok || k.ParsePolicy == nil {
		return DefaultPolicy(), nil
	}
	policy, err := k.ParsePolicy(raw)
	if err != nil {
		return Policy{}, Hint(&unreadPolicy{err}, "`git show jitos/system:.jitos/policy.yaml` shows it: a newer jitos may know it, or `jitos method add policy.yaml` puts a sound one in its place")
	}
	return policy, nil
}

// bounds is the policy of the system WARP that was opened last.
func (k *Kernel) bounds() Policy {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.policy
}

// grants are what a process holds.
func (k *Kernel) grants(p ProcessView) []string {
	if p.ID == "" { // a gate on the system's own tree
		return k.bounds().Grants
	}
	return p.Process.Grants
}

// sideBySide is how many jobs run at a time: as many as the user says, and the policy lets.
func (k *Kernel) sideBySide() int {
	n := 2
	if k.Jobs > 0 {
		n = k.Jobs
	}
	if most := k.bounds().Quota.AtOnce; most > 0 {
		n = min(n, most)
	}
	return n
}

func (k *Kernel) notify(e Event) {
	if k.Notify != nil {
		k.Notify(e)
	}
}

// rule starts a rewrite of the system line.
func (k *Kernel) rule(rule string, task TaskID, process ProcessID, what string) Rewrite {
	return Rewrite{Rule: rule, Actor: k.Actor, Task: task, Process: process, What: what}
}

// rewrite starts a rewrite of a process's workspace.
func (k *Kernel) rewrite(rule string, p ProcessView, what string) Rewrite {
	return k.rule(rule, p.Process.Task, p.ID, what)
}

// put sets the node of a record.
func (rw *Rewrite) put(id NodeID, record any) error {
	n, err := MakeNode(id, record)
	if err == nil {
		rw.Set = append(rw.Set, n)
	}
	return err
}

// with is put for a rewrite that stands alone.
func (rw Rewrite) with(id NodeID, record any) ([]Rewrite, error) {
	err := rw.put(id, record)
	return []Rewrite{rw}, err
}

func (s Step) words() string {
	if s.Title != "" {
		return s.Name + ": " + s.Title
	}
	return s.Name
}

func (r Read) words() string {
	switch {
	case r.Pattern != nil:
		return "the " + r.Pattern.Kind + " nodes"
	case r.Path != "":
		return r.Path
	}
	return string(r.Item)
}

func actorName(actor string) string {
	name, _, _ := strings.Cut(actor, " <")
	return name
}

// slugOf drops the last part of a derived name.
func slugOf(id SlapID) string {
	s := string(id)
	if i := strings.LastIndexByte(s, '-'); i > 0 {
		return s[:i]
	}
	return s
}
