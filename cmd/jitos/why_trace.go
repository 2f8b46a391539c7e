package main

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

// tale is what was found out about a line or an id.
type tale struct {
	origin string       // "jitos", "yours", "uncommitted"
	user   jitos.Commit // the user's commit that blame named, where it is one
	landed jitos.CommitID
	system jitos.CommitID // that the landed commit carries
	note   string         // why the way ends early, in words
	reason jitos.Reason
	card   whyCard
}

// tracer follows lines. For all lines of a file it asks git once for each version of it, and explains each commit once.
type tracer struct {
	*fabric
	whole     bool
	blames    map[string][]warpgit.Blamed
	explained map[jitos.CommitID]jitos.Reason
}

func (f *fabric) tracer(whole bool) *tracer {
	return &tracer{fabric: f, whole: whole, blames: map[string][]warpgit.Blamed{}, explained: map[jitos.CommitID]jitos.Reason{}}
}

// line blames one line of a file at a commit.
func (f *tracer) line(ctx context.Context, at jitos.CommitID, path string, number int) (warpgit.Blamed, error) {
	if !f.whole {
		list, err := f.repo.Blame(ctx, string(at), path, number, number)
		if err != nil || len(list) == 0 {
			return warpgit.Blamed{}, err
		}
		return list[0], nil
	}
	key := string(at) + ":" + path
	list, ok := f.blames[key]
	if !ok {
		var err error
		if list, err = f.repo.Blame(ctx, string(at), path, 0, 0); err != nil {
			return warpgit.Blamed{}, err
		}
		f.blames[key] = list
	}
	if number > len(list) {
		return warpgit.Blamed{}, nil
	}
	return list[number-1], nil
}

// why is the kernel's, once for each commit.
func (f *tracer) why(ctx context.Context, c jitos.Commit) (jitos.Reason, error) {
	if r, ok := f.explained[c.ID]; ok {
		return r, nil
	}
	r, err := f.kernel.Why(ctx, c)
	if err == nil {
		f.explained[c.ID] = r
	}
	return r, err
}

// landings bounds how often a line may lead from a branch to the system line and back: each step goes back in time.
const landings = 50

// traceLine follows one blamed line: a commit that landed work leads to the system commit that it carries, where blame goes
// on into the workspace; a rewrite leads to its job; anything else is the user's own.
func (f *tracer) traceLine(ctx context.Context, b warpgit.Blamed) (tale, error) {
	t := tale{origin: "yours"}
	if b.Commit == "" {
		t.origin, t.note = "uncommitted", "you changed this line and have not committed it"
		t.fill(f.fabric)
		return t, nil
	}
	for range landings {
		s, err := f.store.Open(ctx, b.Commit)
		if err != nil {
			return t, err
		}
		c := s.Commit()
		if c.Record != nil {
			return f.explain(ctx, t, c)
		}
		carried := landedOf(c)
		if carried == "" {
			if own, err := f.inWorkspace(ctx, s); err != nil {
				return t, err
			} else if own != nil {
				return f.explainPlain(ctx, t, c, *own)
			}
			if t.user.ID == "" {
				t.user = c
			}
			t.reason.Commit = &c
			break
		}
		if t.landed == "" {
			t.user, t.landed, t.system = c, c.ID, carried
		}
		next, err := f.across(ctx, s, carried, b)
		if errors.Is(err, jitos.ErrNotFound) {
			t.origin, t.note = "jitos", "its history is not in this clone: `jitos fetch` brings it"
			t.reason.Commit = &c
			break
		}
		if err != nil {
			return t, err
		}
		if next.Commit == "" {
			t.note = "the landing joined it from your lines and jitos's"
			t.reason.Commit = &c
			break
		}
		b = next
	}
	t.fill(f.fabric)
	return t, nil
}

// inWorkspace finds, for a plain commit that a person made in a workspace, the rewrite before it that belongs to the same
// process; nil for a commit of the user's own history.
func (f *tracer) inWorkspace(ctx context.Context, s jitos.Snapshot) (*jitos.Commit, error) {
	files, err := s.Fabric(ctx)
	if err != nil || files["fabric.json"] == nil {
		return nil, err
	}
	for c, err := range f.store.Log(ctx, s.Commit().ID) {
		if err != nil {
			return nil, err
		}
		if c.Record != nil && c.Record.Process != "" {
			return &c, nil
		}
		if c.Record != nil && jitos.IsSystemRule(c.Record.Rule) {
			return nil, nil
		}
	}
	return nil, nil
}

// explainPlain explains a person's plain commit by the process in whose workspace it stands.
func (f *tracer) explainPlain(ctx context.Context, t tale, c, own jitos.Commit) (tale, error) {
	var err error
	if t.reason, err = f.why(ctx, own); err != nil {
		return t, err
	}
	t.reason.Commit, t.reason.Job, t.reason.Settlement, t.reason.Path = &c, nil, nil, nil
	t.origin, t.note = "jitos", "a plain commit in the workspace: "+short(c.ID)+" "+c.Subject
	t.fill(f.fabric)
	return t, nil
}

// across goes from a line of a landed commit to the same line on the system line, and blames it there.
func (f *tracer) across(ctx context.Context, landed jitos.Snapshot, carried jitos.CommitID, b warpgit.Blamed) (warpgit.Blamed, error) {
	system, err := f.store.Open(ctx, carried)
	if err != nil {
		return warpgit.Blamed{}, err
	}
	before, err := landed.ReadFile(ctx, b.Path)
	if err != nil {
		return warpgit.Blamed{}, err
	}
	after, err := system.ReadFile(ctx, b.Path)
	if errors.Is(err, jitos.ErrNotFound) {
		return warpgit.Blamed{}, nil
	}
	if err != nil {
		return warpgit.Blamed{}, err
	}
	number := sameLine(before, after, b.Number)
	if number == 0 {
		return warpgit.Blamed{}, nil
	}
	return f.line(ctx, carried, b.Path, number)
}

// landedLine finds the trailer anywhere in a message: a squash on a forge puts whole messages into the middle of one.
var landedLine = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?m)^[ \t*-]*Jitos-Landed: ([0-9a-f]{40})[ \t]*$`) })

// landedOf is the system commit that a commit of the user's carries, "" for none.
func landedOf(c jitos.Commit) jitos.CommitID {
	if id := c.Trailers["Jitos-Landed"]; id != "" {
		return jitos.CommitID(id)
	}
	if m := landedLine().FindStringSubmatch(c.Body); m != nil {
		return jitos.CommitID(m[1])
	}
	return ""
}

// traceCommit explains a commit: a rewrite, a landing, or one of the user's own.
func (f *tracer) traceCommit(ctx context.Context, c jitos.Commit) (tale, error) {
	t := tale{origin: "yours"}
	if c.Record != nil {
		return f.explain(ctx, t, c)
	}
	t.user, t.reason.Commit = c, &c
	carried := landedOf(c)
	if carried == "" {
		t.fill(f.fabric)
		return t, nil
	}
	t.origin, t.landed, t.system = "jitos", c.ID, carried
	err := f.lastCollapse(ctx, &t, carried)
	if errors.Is(err, jitos.ErrNotFound) {
		t.note, err = "its history is not in this clone: `jitos fetch` brings it", nil
	}
	t.fill(f.fabric)
	return t, err
}

// lastCollapse explains a landed commit by the newest collapse that it carries.
func (f *tracer) lastCollapse(ctx context.Context, t *tale, carried jitos.CommitID) error {
	for c, err := range f.store.Log(ctx, carried) {
		if err != nil {
			return err
		}
		if c.Record == nil || c.Record.Rule != jitos.RuleCollapse {
			continue
		}
		t.reason, err = f.kernel.Why(ctx, c)
		return err
	}
	return nil
}

// explain follows a rewrite back to its task.
func (f *tracer) explain(ctx context.Context, t tale, c jitos.Commit) (tale, error) {
	var err error
	if t.reason, err = f.why(ctx, c); err != nil {
		return t, err
	}
	t.origin = "jitos"
	if c.Record.Rule == jitos.RuleAbsorb {
		t.origin, t.note = "yours", "it came in with your changes: "+strings.TrimPrefix(c.Subject, "absorb: ")
	}
	t.fill(f.fabric)
	return t, nil
}

// bare tells whether the repository has no working tree.
func (f *fabric) bare() bool { return f.repo.Worktree == "" }
