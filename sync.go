package jitos

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// AbsorbMode says what to do about uncommitted changes.
type AbsorbMode int

const (
	AskAboutDirty AbsorbMode = iota // stop, and name them
	TakeDirty                       // take tracked changes along
	LeaveDirty                      // work from the commit
)

// emptyTree is git's hash of a tree without entries.
const emptyTree TreeID = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

// Init makes the fabric, and absorbs HEAD where there is a commit. It tells whether it was made by this call; on a
// repository that has one it only finishes an Init that was interrupted.
func (k *Kernel) Init(ctx context.Context, fabric []byte) (bool, error) {
	if at, err := k.System(ctx); err == nil {
		return false, k.finishInit(ctx, at)
	} else if !errors.Is(err, ErrNotFound) {
		return false, err
	}
	birth := k.rule(RuleBirth, "", "", "the fabric of this repository")
	birth.Fabric = map[string][]byte{"fabric.json": fabric}
	birth.Tree = emptyTree
	if err := Apply(ctx, nothing{}, birth); err != nil {
		return false, err
	}
	_, err := k.Store.Append(ctx, SystemRef, "", "", birth)
	if errors.Is(err, ErrStale) {
		return false, nil // another was faster
	}
	if err != nil {
		return false, err
	}
	_, err = k.absorb(ctx, "", LeaveDirty)
	return true, err
}

// finishInit does what is missing of the first three rewrites: birth, absorb, observe.
func (k *Kernel) finishInit(ctx context.Context, at Snapshot) error {
	record := at.Commit().Record
	switch {
	case record != nil && record.Rule == RuleBirth:
		_, err := k.absorb(ctx, "", LeaveDirty)
		return err
	case record != nil && record.Rule == RuleAbsorb && record.Seq == 2:
		return k.observe(ctx)
	}
	return nil
}

// Absorbed is what an absorb brought in.
type Absorbed struct {
	Commit CommitID // on the system line, "" where nothing was new
	From   CommitID
	Branch string
	Files  []string
}

// Absorb brings the user's commits into the system WARP: base = the files of the commit last synced, ours = the system's,
// theirs = the branch's. So it also holds after an amend, a rebase or a switch of branch. branch "" is what is checked out;
// in the middle of a rebase or a merge of the user's that is refused with ErrBusy.
func (k *Kernel) Absorb(ctx context.Context, branch string, mode AbsorbMode) (Absorbed, error) {
	cur, err := k.Repository.Current(ctx)
	if err != nil {
		return Absorbed{}, err
	}
	if cur.Busy != "" && (branch == "" || branch == cur.Branch) {
		return Absorbed{}, Hint(fmt.Errorf("absorb: %w: a %s is under way in this repository", ErrBusy, cur.Busy), "finish or abort it first")
	}
	return k.absorb(ctx, branch, mode)
}

func (k *Kernel) absorb(ctx context.Context, branch string, mode AbsorbMode) (Absorbed, error) {
	var done Absorbed
	cur, err := k.Repository.Current(ctx)
	if err != nil {
		return done, err
	}
	tip, dirty, paths, err := k.source(ctx, cur, &branch, mode)
	if err != nil {
		return done, err
	}
	if own, err := k.ownCommit(ctx, branch, tip); err != nil {
		return done, err
	} else if own {
		return done, Hint(fmt.Errorf("absorb %s: %w: it is the fabric's own, not a branch of yours", branchWords(branch), ErrInvalid),
			"a workspace is collapsed (`jitos sws collapse`); for the rest, check out a branch of yours")
	}
	done.From, done.Branch = tip, branch
	after, err := k.record(ctx, func(at Snapshot) ([]Rewrite, error) {
		done.Commit, done.Files = "", nil
		old, theirs, err := k.theirs(ctx, at, tip, dirty)
		if err != nil {
			return nil, err
		}
		next := Sync{Commit: tip, Branch: branch, Tree: theirs, Dirty: dirty != ""}
		if old == next {
			return nil, nil
		}
		if tip == "" && old.Commit != "" {
			return nil, Hint(fmt.Errorf("absorb: %w: branch %s has no commit yet, and the fabric follows %s", ErrInvalid, branch, branchWords(old.Branch)),
				"check out a branch with commits")
		}
		if err := k.followable(ctx, at, old, next); err != nil {
			return nil, err
		}
		tree, conflicts, err := k.mergeFiles(ctx, at, old.Tree, at.Tree(), theirs)
		if err != nil {
			return nil, err
		}
		if len(conflicts) > 0 {
			return nil, Hint(fmt.Errorf("absorb %s: %w", branch, &ConflictError{conflicts}),
				"collapsed work that was not landed and your commits change the same lines: `jitos land --branch NAME` gives the former as a branch to merge")
		}
		if done.Files, err = k.Merger.Changed(ctx, at.Tree(), tree); err != nil {
			return nil, err
		}
		rw := k.rule(RuleAbsorb, "", "", absorbWords(next, len(paths)))
		rw.Tree = tree
		if tip != "" {
			rw.Parents = []CommitID{tip}
		}
		done.Commit = "new"
		return rw.with(SyncNode, next)
	})
	if err != nil {
		return done, err
	}
	if done.Commit != "" {
		done.Commit = after.Commit().ID
		k.notify(Event{Kind: "absorb", Text: after.Commit().Subject})
	}
	return done, k.observe(ctx)
}

// ownCommit tells whether what is checked out is the fabric's own: one of its branches, or a commit of one without a
// branch. A branch of the user's that was moved to such a commit, by a merge with plain git, is the user's all the same.
func (k *Kernel) ownCommit(ctx context.Context, branch string, tip CommitID) (bool, error) {
	if branch != "" || tip == "" {
		return strings.HasPrefix(branch, "jitos/"), nil
	}
	at, err := k.Store.Open(ctx, tip)
	return err == nil && at.Commit().Record != nil, err
}

// source finds the commit to absorb, and where uncommitted changes come along the tree with them, and their paths.
func (k *Kernel) source(ctx context.Context, cur Current, branch *string, mode AbsorbMode) (tip CommitID, dirty TreeID, paths []string, err error) {
	if *branch != "" && *branch != cur.Branch {
		tip, err = k.Repository.Tip(ctx, *branch)
		return tip, "", nil, err
	}
	*branch = cur.Branch
	if mode == LeaveDirty {
		return cur.Tip, "", nil, nil
	}
	if paths, err = k.Repository.DirtyPaths(ctx); err != nil || len(paths) == 0 {
		return cur.Tip, "", nil, err
	}
	if mode == AskAboutDirty {
		return "", "", nil, Hint(fmt.Errorf("%w: uncommitted changes in %s", ErrInvalid, few(paths)),
			"--dirty takes them along, --committed leaves them out")
	}
	dirty, err = k.Repository.Dirty(ctx)
	return cur.Tip, dirty, paths, err
}

// theirs returns the sync record and the tree of the user's side.
func (k *Kernel) theirs(ctx context.Context, at Snapshot, tip CommitID, dirty TreeID) (Sync, TreeID, error) {
	old, err := Get[Sync](ctx, at, SyncNode)
	if errors.Is(err, ErrNotFound) {
		old = Sync{Tree: emptyTree}
	} else if err != nil {
		return old, "", err
	}
	switch {
	case dirty != "":
		return old, dirty, nil
	case tip == "":
		return old, emptyTree, nil
	}
	user, err := k.Store.Open(ctx, tip)
	if err != nil {
		return old, "", err
	}
	return old, user.Tree(), nil
}

// followable refuses to follow another branch while work that started from the old one is open or not landed.
func (k *Kernel) followable(ctx context.Context, at Snapshot, old, next Sync) error {
	if old.Branch == next.Branch || old.Commit == "" {
		return nil
	}
	what := ""
	open, err := OpenProcesses(ctx, at)
	if err != nil {
		return err
	}
	if len(open) > 0 {
		what = "workspace " + open[0].Process.SWS + " is open"
	} else if at.Tree() != old.Tree {
		what = "collapsed work is not landed"
	}
	if what == "" {
		return nil
	}
	return Hint(fmt.Errorf("%w: the fabric follows branch %s, where %s, and %s is checked out", ErrBusy, branchWords(old.Branch), what, branchWords(next.Branch)),
		"land or discard that work, or check out %s again", branchWords(old.Branch))
}

func branchWords(branch string) string {
	if branch == "" {
		return "(detached HEAD)"
	}
	return branch
}

func absorbWords(s Sync, changed int) string {
	what := branchWords(s.Branch)
	if s.Commit == "" {
		return what + ", which has no commit yet"
	}
	what += " at " + short(s.Commit)
	if s.Dirty {
		what += " with uncommitted changes in " + plural(changed, "file")
	}
	return what
}

// observe records what the system's files are recognised as, where that has changed.
func (k *Kernel) observe(ctx context.Context) error {
	_, err := k.record(ctx, func(at Snapshot) ([]Rewrite, error) { return k.observed(ctx, at) })
	return err
}

// observed is the rewrite of an observation, none where nothing has changed.
func (k *Kernel) observed(ctx context.Context, at Snapshot) ([]Rewrite, error) {
	seen, err := k.Planner.Observe(ctx, at)
	if err != nil {
		return nil, err
	}
	rw := k.rule(RuleObserve, "", "", "")
	var names []string
	have := map[NodeID]bool{}
	for _, n := range seen {
		have[n.ID] = true
		names = append(names, n.ID.Name)
		if same, err := sameNode(ctx, at, n); err != nil {
			return nil, err
		} else if !same {
			rw.Set = append(rw.Set, n)
		}
	}
	for n, err := range at.Nodes(ctx, KindToolchain) {
		if err != nil {
			return nil, err
		}
		if !have[n.ID] {
			rw.Drop = append(rw.Drop, n.ID.Item())
		}
	}
	if len(rw.Set) == 0 && len(rw.Drop) == 0 {
		return nil, nil
	}
	rw.What = "no toolchain is recognised any more"
	if len(names) > 0 {
		rw.What = "this is " + strings.Join(names, " and ")
	}
	return []Rewrite{rw}, nil
}

func sameNode(ctx context.Context, at Graph, n Node) (bool, error) {
	old, err := at.Node(ctx, n.ID)
	if errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil && HashOf(old.Fields) == HashOf(n.Fields), err
}
