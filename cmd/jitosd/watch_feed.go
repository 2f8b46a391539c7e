package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/internal/wire"
	"github.com/jitos/jitos/server"
)

// againAfter is how long it waits where the repository cannot be read at the moment.
const againAfter = 50 * time.Millisecond

// happening is one rewrite, as `jitos watch --json` prints it, a line each.
type happening struct {
	Commit    jitos.CommitID  `json:"commit"`
	Workspace string          `json:"workspace,omitempty"` // "" for the system line
	Rule      string          `json:"rule"`                // "" for a plain commit of a person's
	What      string          `json:"what"`
	Task      jitos.TaskID    `json:"task,omitempty"`
	Process   jitos.ProcessID `json:"process,omitempty"`
	When      time.Time       `json:"when"`
}

// feed follows the lines of a repository, whoever writes them. It needs no daemon.
type feed struct {
	f    *wire.Fabric
	note func(text string)            // told why it may be slow to see what others write; nil for nobody
	seen map[jitos.Ref]jitos.CommitID // the last rewrite that was told
}

// from begins behind the newest n rewrites of the system line, and behind what workspaces hold now where n is 0.
func (w *feed) from(ctx context.Context, n int) error {
	head, err := w.f.Store.Head(ctx, jitos.SystemRef)
	if err != nil {
		return err
	}
	w.seen = map[jitos.Ref]jitos.CommitID{}
	if n == 0 {
		for tip, err := range w.f.Store.Refs(ctx, jitos.SWSPrefix) {
			if err != nil {
				return err
			}
			w.seen[tip.Ref] = tip.ID
		}
	}
	for id, err := range w.f.Store.Line(ctx, head) {
		if err != nil {
			return err
		}
		w.seen[jitos.SystemRef] = id
		if n--; n < 0 {
			break
		}
	}
	if n >= 0 { // the line is shorter
		w.seen[jitos.SystemRef] = ""
	}
	return nil
}

// next returns what was written since it was called last. What happened in a workspace comes before the rewrite of the system line
// that ends it. Nothing is told twice, and nothing is left out but the end of a workspace whose commits are not here.
func (w *feed) next(ctx context.Context) ([]happening, error) {
	head, err := w.f.Store.Head(ctx, jitos.SystemRef)
	if err != nil {
		return nil, err
	}
	line, err := w.since(ctx, jitos.SystemRef, head, false)
	if err != nil {
		return nil, err
	}
	var all []happening
	for _, c := range line {
		ref, tip, err := w.ended(ctx, c)
		if err != nil {
			return nil, err
		}
		if tip != "" {
			inner, err := w.tell(ctx, ref, tip)
			if err != nil && !errors.Is(err, jitos.ErrNotFound) {
				return nil, err
			}
			all = append(all, inner...)
		}
		all = append(all, told(c, ""))
		w.seen[jitos.SystemRef] = c.ID
	}
	open := map[jitos.Ref]bool{jitos.SystemRef: true}
	for tip, err := range w.f.Store.Refs(ctx, jitos.SWSPrefix) {
		if err != nil {
			return nil, err
		}
		open[tip.Ref] = true
		inner, err := w.tell(ctx, tip.Ref, tip.ID)
		if err != nil {
			return nil, err
		}
		all = append(all, inner...)
	}
	if now, err := w.f.Store.Head(ctx, jitos.SystemRef); err == nil && now == head { // what is gone has been told of
		maps.DeleteFunc(w.seen, func(ref jitos.Ref, _ jitos.CommitID) bool { return !open[ref] })
	}
	return all, nil
}

// tell returns what is new in a workspace.
func (w *feed) tell(ctx context.Context, ref jitos.Ref, tip jitos.CommitID) ([]happening, error) {
	if w.seen[ref] == tip {
		return nil, nil
	}
	commits, err := w.since(ctx, ref, tip, true)
	if err != nil {
		return nil, err
	}
	w.seen[ref] = tip
	var list []happening
	for _, c := range commits {
		list = append(list, told(c, strings.TrimPrefix(string(ref), jitos.SWSPrefix)))
	}
	return list, nil
}

func told(c jitos.Commit, workspace string) happening {
	h := happening{Commit: c.ID, Workspace: workspace, What: c.Subject, When: c.When}
	if c.Record != nil {
		h.Rule, h.Task, h.Process = c.Record.Rule, c.Record.Task, c.Record.Process
		h.What = strings.TrimPrefix(c.Subject, c.Record.Rule+": ")
	}
	return h
}

// since lists the commits of a line behind the one that was told last, oldest first. A workspace begins where it was forked; a
// system line on which that one is not any more was reconciled with another clone's, and is gone on with from its end.
func (w *feed) since(ctx context.Context, ref jitos.Ref, tip jitos.CommitID, workspace bool) ([]jitos.Commit, error) {
	last := w.seen[ref]
	if tip == last {
		return nil, nil
	}
	var list []jitos.Commit
	for c, err := range w.f.Store.Log(ctx, tip) {
		if err != nil {
			return nil, err
		}
		if c.ID == last || workspace && c.Record != nil && jitos.IsSystemRule(c.Record.Rule) {
			slices.Reverse(list)
			return list, nil
		}
		list = append(list, c)
	}
	if !workspace && last != "" {
		list = list[:1]
	}
	slices.Reverse(list)
	return list, nil
}

// ended is the workspace that a rewrite of the system line ends, with its last commit; "" where it ends none.
func (w *feed) ended(ctx context.Context, c jitos.Commit) (ref jitos.Ref, tip jitos.CommitID, err error) {
	if c.Record == nil || c.Record.Process == "" || c.Record.Rule != jitos.RuleCollapse && c.Record.Rule != jitos.RuleDiscard {
		return "", "", nil // the collapse of an unnamed workspace is one commit
	}
	at, err := w.f.Store.Open(ctx, c.ID)
	if err != nil {
		return "", "", err
	}
	p, err := jitos.ViewProcess(ctx, at, c.Record.Process)
	if err != nil {
		return "", "", fmt.Errorf("process %s: %w", c.Record.Process, err)
	}
	switch {
	case p.Collapse != nil:
		tip = p.Collapse.Tip
	case p.Attempt != nil:
		tip = p.Attempt.Tip
	}
	return jitos.Ref(jitos.SWSPrefix + p.Process.SWS), tip, nil
}

// follow tells what is written, until ctx ends. A repository that cannot be read at the moment is asked again.
func (w *feed) follow(ctx context.Context, tell func([]happening) error) error {
	refs := &server.Follower{Common: w.f.Repo.Common, Store: w.f.Store, Note: w.note}
	moved, end := refs.Listen()
	defer end()
	for failed := 0; ; {
		wake := moved()
		list, err := w.next(ctx)
		var again <-chan time.Time
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			if failed++; failed > 20 || errors.Is(err, jitos.ErrNotFound) && failed > 1 {
				return err
			}
			again = time.After(againAfter)
		default:
			failed = 0
		}
		if len(list) > 0 {
			if err := tell(list); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-wake:
		case <-again:
		}
	}
}
