package jitos

import (
	"context"
	"fmt"
	"strings"
)

// Rebase merges the system line as it is into a workspace. In a workspace made by hand the merge must be clean. In
// another, the changes of the jobs whose reads still hold are carried over, and the others will be claimed anew.
func (k *Kernel) Rebase(ctx context.Context, p ProcessView) error {
	at, err := k.System(ctx)
	if err != nil {
		return err
	}
	ws, err := k.workspace(ctx, p)
	if err != nil {
		return err
	}
	base, err := k.snapshotOf(ctx, ws)
	if err != nil {
		return err
	}
	if base.Commit().ID == at.Commit().ID {
		return nil
	}
	merger, err := k.merger(ctx, at)
	if err != nil {
		return err
	}
	merged, conflicts, err := merger.Merge(ctx, base, ws, at)
	if err != nil {
		return err
	}
	var hard []Conflict
	for _, c := range conflicts {
		if !c.ReadMoved() && (p.Process.Hand || c.Path == "") {
			hard = append(hard, c)
		}
	}
	if len(hard) > 0 {
		return &ConflictError{hard}
	}
	rw := k.rewrite(RuleRebase, p, "onto system "+short(at.Commit().ID))
	rw.Set, rw.Edges, rw.Drop, rw.Fabric, rw.Tree = merged.Set, merged.Edges, merged.Drop, merged.Fabric, merged.Tree
	rw.Parents = []CommitID{at.Commit().ID}
	if !p.Process.Hand {
		if err := k.replay(ctx, &rw, p, base, at, ws); err != nil {
			return err
		}
	}
	if _, err = k.extend(ctx, p, ws, rw); err == nil {
		k.notify(Event{Kind: "rebase", Task: p.Process.Task, Process: p.ID, Text: strings.TrimSuffix(rw.What+": "+rw.Why, ": ")})
	}
	return err
}

func short(id CommitID) string { return string(id[:min(10, len(id))]) }

// replay builds the files of a rebased workspace: the system's, then the change of each settled job whose reads still hold,
// in the order in which they were settled. Every other job, and what comes after it, gets a stale settlement, so that it is
// claimed anew.
func (k *Kernel) replay(ctx context.Context, rw *Rewrite, p ProcessView, base, at, ws Snapshot) error {
	jobs, err := jobsOf(ctx, ws, p.ID)
	if err != nil {
		return err
	}
	changes, err := k.settledChanges(ctx, ws)
	if err != nil {
		return err
	}
	stale := map[string]string{} // step → why
	settled, again := 0, []string{}
	rw.Tree = at.Tree()
	for _, c := range changes {
		j := jobOfClaim(jobs, c.claim)
		if j == nil || !j.passed() || j.last().name != c.claim {
			continue
		}
		settled++
		why := staleBefore(*j, stale)
		if why == "" {
			moved, err := Moved(ctx, base, at, c.reads)
			if err != nil {
				return err
			}
			if len(moved) > 0 {
				why = ReadMovedWhy + ": " + moved[0].words()
			}
		}
		if why == "" && c.before != c.after {
			tree, conflicts, err := k.mergeFiles(ctx, at, c.before, rw.Tree, c.after)
			if err != nil {
				return err
			}
			if len(conflicts) > 0 {
				why = (&ConflictError{conflicts}).Error()
			} else {
				rw.Tree = tree
			}
		}
		if why == "" {
			continue
		}
		stale[j.step.Name], again = why, append(again, j.step.Name)
		if err := k.markStale(rw, *j, why); err != nil {
			return err
		}
	}
	rw.Why = fmt.Sprintf("%d of %s to run again", len(again), plural(settled, "settled job"))
	if len(again) > 0 {
		rw.Why += ": " + few(again)
	}
	return nil
}

// settledChange is what one settlement did to the files.
type settledChange struct {
	claim         string
	before, after TreeID
	reads         []Read

	claimed        CommitID // where the claim was made: its directory had the files of this commit
	parent, commit CommitID // what before and after are the files of
}

// settledChanges lists them, oldest first.
func (k *Kernel) settledChanges(ctx context.Context, ws Snapshot) ([]settledChange, error) {
	var newest []settledChange
	var after *settledChange // waits for its first parent's tree
	claimed := map[string]CommitID{}
	for c, err := range k.Store.Log(ctx, ws.Commit().ID) {
		if err != nil {
			return nil, err
		}
		if after != nil {
			after.before, after.parent = c.Tree, c.ID
			newest, after = append(newest, *after), nil
		}
		if c.Record != nil && IsSystemRule(c.Record.Rule) {
			break
		}
		if c.Record == nil || c.Record.Rule != RuleSettle && c.Record.Rule != RuleClaim {
			continue
		}
		for item := range c.Record.Set {
			if claim, ok := strings.CutPrefix(string(item), KindClaim+"/"); ok && !strings.Contains(claim, "#") {
				claimed[claim] = c.ID
			}
			if claim, ok := strings.CutPrefix(string(item), KindSettlement+"/"); ok && !strings.Contains(claim, "#") {
				after = &settledChange{claim: claim, after: c.Tree, reads: c.Record.Reads, commit: c.ID}
			}
		}
	}
	oldest := make([]settledChange, 0, len(newest))
	for i := len(newest) - 1; i >= 0; i-- {
		newest[i].claimed = claimed[newest[i].claim]
		oldest = append(oldest, newest[i])
	}
	return oldest, nil
}

func jobOfClaim(jobs []jobState, claim string) *jobState {
	for i := range jobs {
		for _, c := range jobs[i].claims {
			if c.name == claim {
				return &jobs[i]
			}
		}
	}
	return nil
}

func staleBefore(j jobState, stale map[string]string) string {
	for _, dep := range j.step.After {
		if stale[dep] != "" {
			return "it comes after " + dep + ", which runs again"
		}
	}
	return ""
}

func (k *Kernel) markStale(rw *Rewrite, j jobState, why string) error {
	last := j.claims[len(j.claims)-1]
	number := last.claim.Number + 1
	claim := NodeID{KindClaim, fmt.Sprintf("%s.%d", j.id, number)}
	settlement := NodeID{KindSettlement, claim.Name}
	if err := rw.put(claim, Claim{Job: j.id, Number: number, Base: rw.Tree}); err != nil {
		return err
	}
	rw.Edges = append(rw.Edges, Edge{From: j.id.Node(), Label: LabelClaim, To: claim},
		Edge{From: claim, Label: LabelSettlement, To: settlement})
	return rw.put(settlement, Settlement{Claim: claim.Name, Job: j.id, Stale: true, Verdict: CouldNot, Reason: why})
}
