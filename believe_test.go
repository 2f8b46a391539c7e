package jitos_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

// signedBy is a clone in which commits are signed as the test says.
type signedBy struct {
	*warpgit.Repo
	who map[jitos.CommitID]string
}

func (s signedBy) Signer(_ context.Context, id jitos.CommitID) (string, error) { return s.who[id], nil }

// An answer from elsewhere counts by a signature of those who may decide. One that was submitted again has that of the commit that it
// was first submitted by, as long as that says the same.
func TestClaimedAnswer(t *testing.T) {
	ctx := context.Background()
	f := newFabric(t, map[string]string{"a": "a\n"})
	local := signedBy{f.repo, map[jitos.CommitID]string{}}
	f.kernel.Local = local
	p, err := f.kernel.NewWorkspace(ctx, "x", "")
	if err != nil {
		t.Fatal(err)
	}
	const name = "paths-x"
	q := jitos.Question{Task: p.Process.Task, Process: p.ID, About: jitos.AskPaths, Text: "may it?", By: []string{"*@example.org"}}
	put := func(a jitos.Answer, was jitos.CommitID) jitos.CommitID {
		t.Helper()
		rw := jitos.Rewrite{Rule: jitos.RuleAnswer, Actor: a.Actor, What: "an answer"}
		for id, record := range map[jitos.NodeID]any{{Kind: jitos.KindQuestion, Name: name}: q, {Kind: jitos.KindAnswer, Name: name}: a} {
			n, err := jitos.MakeNode(id, record)
			if err != nil {
				t.Fatal(err)
			}
			rw.Set = append(rw.Set, n)
		}
		if was != "" {
			rw.Also = []jitos.Trailer{{Key: "Jitos-Was", Value: string(was)}}
		}
		head := f.system(t).Commit().ID
		ids, err := f.repo.Store.Append(ctx, jitos.SystemRef, head, head, rw)
		if err != nil {
			t.Fatal(err)
		}
		return ids[0]
	}
	want := func(what string, claimed bool) {
		t.Helper()
		if c, err := f.kernel.ClaimedAnswer(ctx, f.system(t), name); err != nil || (c != nil) != claimed {
			t.Errorf("%s: claim %+v %v", what, c, err)
		}
	}
	bob := jitos.Answer{Question: name, Decision: jitos.Approved, Actor: "Bob <Bob@example.org>"}
	first := put(bob, "")
	want("unsigned", true)
	local.who[first] = "bob@example.org"
	want("signed", false)
	local.who[first] = "eve@example.org"
	want("signed by another one than it says", true)
	local.who[first] = "bob@example.org"

	put(bob, first)
	want("submitted again", false)
	other := bob
	other.Text = "all that comes after it, too"
	put(other, first)
	want("submitted again, and changed", true)
	put(bob, "1111111111111111111111111111111111111111")
	want("submitted again, and its first commit is not here", true)
	eve := bob
	eve.Actor = "Eve <eve@example.com>"
	local.who[put(eve, "")] = "eve@example.com"
	want("signed by somebody who may not decide", true)
	if err := f.repo.Allow(jitos.HashOf(eve), "an answer"); err != nil {
		t.Fatal(err)
	}
	want("allowed here", false)
}

// Two syncs of one repository do not work side by side.
func TestSync_oneAtATime(t *testing.T) {
	f := clones(t, 1, map[string]string{"a": "a\n"})[0]
	release, err := f.repo.Hold("sync")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.kernel.Sync(context.Background(), f.repo.Meet("origin")); !errors.Is(err, jitos.ErrBusy) {
		t.Errorf("a second sync: %v", err)
	}
	release()
	f.sync(t)
}
