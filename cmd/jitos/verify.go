package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

func verifyCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:     "verify",
		Category: groupLook,
		Usage:    "replay the whole history and name the first commit that does not hold",
		Description: `Replays every rewrite on its first parent: it must give the same .jitos/ and the same files, byte for byte. So does every
workspace: collapsed, open, or given up and in the archive. Deterministic rules (plan and its repairs, compile, collapse,
absorb) are run again where this program has the recorded version, and must give the same. Your own history is not replayed.

--rerun runs the settled jobs and gates of all workspaces again, those whose results would be reused, in the same environment
and where they are allowed, and wants the same files and verdicts: a result that is not what its job gives is found.

First every object that these lines lead to is read and compared with its name, your history as far as it was absorbed
included. Of a damaged or missing one you are told the name, and the commits that need it; nothing is replayed then.

--signatures looks at the signatures on the system line as well. Where git signs your commits (commit.gpgsign) jitos signs the
last commit of each move of that line, which vouches for those before it. Each signature must be good, of a signer who is
allowed here: <git dir>/jitos/signers or else gpg.ssh.allowedSignersFile, lines of ssh's allowed signers; in the former also
"gpg FINGERPRINT". The newest commits must be vouched for.

Ends with 1 where a commit does not hold, a signature is not good, or an object is damaged. --json: {"holds","system","commits","rerun","replayed","plain","edges",
"workspaces","archived","bad":{"line","commit","why"},"damaged":[{"object","path","why","commits"}],"actions":{"run","skipped"},
"signatures":{"good","signers","bad","unsigned"}}; plain are your own commits in workspaces, edges the ends of a shallow
clone, archived the lines of the archive: workspaces that were given up, and the system line as it was before a sync; bad is
null where all holds.`,
		Flags: []cli.Flag{rerunFlag(),
			&cli.BoolFlag{Name: "signatures", Usage: "check the signatures on the system line, too"}, jsonFlag()},
		Action: func(c *cli.Context) error { return a.verify(c) },
	}
}

// verdict is what `verify --json` prints.
type verdict struct {
	Holds      bool           `json:"holds"`
	System     jitos.CommitID `json:"system"`
	Commits    int            `json:"commits"`
	Rerun      int            `json:"rerun"`    // of them, their rule was run again as well
	Replayed   int            `json:"replayed"` // of them, replayed only
	Plain      int            `json:"plain"`
	Edges      int            `json:"edges"`
	Workspaces int            `json:"workspaces"`
	Archived   int            `json:"archived"`
	Bad        *badCommit     `json:"bad"`

	Damaged []warpgit.Damage `json:"damaged"`
	Actions *rerunning       `json:"actions,omitempty"` // with --rerun

	Signatures *signatures `json:"signatures,omitempty"` // with --signatures
}

type badCommit struct {
	Line   string         `json:"line"` // "system", "workspace x", "archive 2024-05"
	Commit jitos.CommitID `json:"commit"`
	Why    string         `json:"why"`
}

func (a *app) verify(c *cli.Context) error {
	ctx := c.Context
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	f, err := a.open(ctx)
	if err != nil {
		return err
	}
	f.repo.CheckObjects()
	v := &verifying{f: f, known: map[jitos.CommitID]bool{}}
	if c.Bool("rerun") {
		v.out.Actions, f.kernel.NoCache = &rerunning{}, true
	}
	if err := v.objects(ctx); err != nil {
		return err
	}
	if len(v.out.Damaged) == 0 {
		if err := v.all(ctx); err != nil {
			return err
		}
	}
	if c.Bool("signatures") && len(v.out.Damaged) == 0 && v.out.Bad == nil {
		if err := v.signatures(ctx); err != nil {
			return err
		}
	}
	v.out.Holds = v.out.Bad == nil && len(v.out.Damaged) == 0 && v.out.Signatures.hold()
	if c.Bool("json") {
		if err := a.ui.json(v.out); err != nil {
			return err
		}
	}
	if len(v.out.Damaged) > 0 {
		if !c.Bool("json") {
			a.printDamage(v.out.Damaged)
		}
		return jitos.Hint(fmt.Errorf("%s damaged or missing: %s", areObjects(len(v.out.Damaged)), v.out.Damaged[0].Object),
			"a clone or a backup may have them: its packs can be copied to objects/pack, beside what is there; nothing was changed")
	}
	if bad := v.out.Bad; bad != nil {
		return jitos.Hint(fmt.Errorf("commit %s on %s does not hold: %s", bad.Commit, bad.Line, bad.Why),
			"`git show %s` shows it; nothing was changed", short(bad.Commit))
	}
	if !c.Bool("json") {
		a.printVerdict(v.out)
	}
	return v.out.Signatures.refuse()
}

func areObjects(n int) string {
	if n == 1 {
		return "1 object is"
	}
	return fmt.Sprintf("%d objects are", n)
}

// printDamage names each object, and the first of the commits that it harms.
func (a *app) printDamage(list []warpgit.Damage) {
	const some = 10
	for _, d := range list {
		a.ui.printf("%s %s\n  %s\n", d.Object, clean(d.Path), line(d.Why))
		for i, id := range d.Commits {
			if i == some {
				a.ui.printf("  and %s more\n", plural(len(d.Commits)-some, "commit"))
				break
			}
			a.ui.printf("  harms commit %s\n", id)
		}
	}
}

func (a *app) printVerdict(o verdict) {
	a.ui.printf("%s hold: %s run again, %s replayed only", plural(o.Commits, "commit"), plural(o.Rerun, "rule"), plural(o.Replayed, "rewrite"))
	if o.Plain > 0 {
		a.ui.printf(", %s of your own in workspaces", plural(o.Plain, "commit"))
	}
	if o.Edges > 0 {
		a.ui.printf(", %s at the edge of a shallow clone", plural(o.Edges, "commit"))
	}
	a.ui.printf("\n")
	if s := o.Signatures; s != nil && s.Good > 0 {
		a.ui.printf("signed: %s, by %s\n", plural(s.Good, "good signature"), line(strings.Join(s.Signers, ", ")))
	}
	if o.Actions != nil {
		a.ui.printf("run again: %s, %d not to be compared\n", plural(o.Actions.Run, "settled job"), o.Actions.Skipped)
	}
	if o.Workspaces+o.Archived > 0 {
		a.ui.printf("looked into %s and %s of the archive\n", plural(o.Workspaces, "open workspace"), plural(o.Archived, "line"))
	}
}

// verifying goes through the lines of a fabric. A commit that was found to hold is not looked at twice.
type verifying struct {
	f     *fabric
	known map[jitos.CommitID]bool
	out   verdict
}

// objects reads everything that the lines of the fabric lead to.
func (v *verifying) objects(ctx context.Context) error {
	var tips []jitos.CommitID
	for at, err := range v.f.store.Refs(ctx, "refs/heads/jitos/") {
		if err != nil {
			return err
		}
		tips = append(tips, at.ID)
	}
	var err error
	v.out.Damaged, err = v.f.store.Damaged(ctx, tips...)
	if v.out.Damaged == nil {
		v.out.Damaged = []warpgit.Damage{}
	}
	return err
}

func (v *verifying) all(ctx context.Context) error {
	head, err := v.f.store.Head(ctx, jitos.SystemRef)
	if errors.Is(err, jitos.ErrNotFound) {
		return jitos.Hint(fmt.Errorf("this repository has no fabric: %w", err), "`jitos init` makes one")
	}
	if err != nil {
		return err
	}
	v.out.System = head
	if err := v.line(ctx, "system", head); err != nil || v.out.Bad != nil {
		return err
	}
	for at, err := range v.f.store.Refs(ctx, jitos.SWSPrefix) {
		if err != nil {
			return err
		}
		v.out.Workspaces++
		if err := v.line(ctx, "workspace "+strings.TrimPrefix(string(at.Ref), jitos.SWSPrefix), at.ID); err != nil || v.out.Bad != nil {
			return err
		}
	}
	for at, err := range v.f.store.Refs(ctx, jitos.ArchivePrefix) {
		if err != nil {
			return err
		}
		if err := v.month(ctx, strings.TrimPrefix(string(at.Ref), jitos.ArchivePrefix), at.ID); err != nil || v.out.Bad != nil {
			return err
		}
	}
	return ctx.Err()
}

// month goes through the lines of an archive month: each is the second parent of a commit with no files.
func (v *verifying) month(ctx context.Context, month string, tip jitos.CommitID) error {
	for c, err := range v.f.store.Log(ctx, tip) {
		if err != nil {
			return err
		}
		for _, p := range c.Parents[min(1, len(c.Parents)):] {
			v.out.Archived++
			if err := v.line(ctx, "archive "+month, p); err != nil || v.out.Bad != nil {
				return err
			}
		}
	}
	return nil
}

// line verifies one line back to what is known, and the workspaces that were collapsed into it. A commit that does not hold
// goes into the verdict; the error is for what could not be read.
func (v *verifying) line(ctx context.Context, name string, tip jitos.CommitID) error {
	last := tip
	for found, err := range v.commits(ctx, tip) {
		if err != nil {
			return v.bad(ctx, name, last, err)
		}
		c := found.Commit
		last = c.ID
		v.known[c.ID] = true
		v.out.Commits++
		switch {
		case found.Plain:
			v.out.Plain++
			if name == "system" {
				return v.bad(ctx, name, c.ID, fmt.Errorf("%w: a plain commit stands on the system line", jitos.ErrCorrupt))
			}
			continue
		case found.Edge:
			v.out.Edges++
			continue
		}
		if c.Record.Rule == jitos.RuleCollapse && len(c.Parents) == 2 {
			if err := v.line(ctx, "the workspace that "+short(c.ID)+" collapsed", c.Parents[1]); err != nil || v.out.Bad != nil {
				return err
			}
		}
		if c.Record.Rule == jitos.RuleProbe || c.Record.Rule == jitos.RuleConflict { // a conflict's is a workspace that stayed open
			for _, probe := range c.Parents[1:] {
				if err := v.line(ctx, name, probe); err != nil || v.out.Bad != nil {
					return err
				}
			}
		}
		ran, err := v.f.kernel.Rerun(ctx, c)
		if err == nil {
			err = v.settled(ctx, c)
		}
		if err != nil {
			return v.bad(ctx, name, c.ID, err)
		}
		if ran {
			v.out.Rerun++
		} else {
			v.out.Replayed++
		}
	}
	return nil
}

func (v *verifying) commits(ctx context.Context, tip jitos.CommitID) iter.Seq2[warpgit.Verified, error] {
	return v.f.store.VerifyBack(ctx, tip, func(id jitos.CommitID) bool { return v.known[id] })
}

// bad notes the first commit that does not hold. The commit is the one that the error names: "verify <id>: …".
func (v *verifying) bad(ctx context.Context, name string, id jitos.CommitID, err error) error {
	if ctx.Err() != nil || !errors.Is(err, jitos.ErrCorrupt) && !errors.Is(err, jitos.ErrInvalid) && !errors.Is(err, jitos.ErrNotFound) {
		return err
	}
	why := err.Error()
	if rest, ok := strings.CutPrefix(why, "verify "); ok {
		if named, reason, ok := strings.Cut(rest, ": "); ok && len(named) == 40 {
			id, why = jitos.CommitID(named), reason
		}
	}
	v.out.Bad = &badCommit{Line: name, Commit: id, Why: why}
	return nil
}
