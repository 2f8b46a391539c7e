package jitos_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jitos/jitos"
)

// What was changed again since is not taken back: neither a node nor a line of a file, and nothing else of the collapse with it.
func TestUndo_changedSince(t *testing.T) {
	ctx := context.Background()
	f := newFabric(t, map[string]string{"a": "a\n"})
	set := func(text string, others ...jitos.Node) jitos.CommitID {
		c, err := f.kernel.SubmitRewrite(ctx, jitos.Submission{Set: append(others, note("x", text))}, "")
		if err != nil {
			t.Fatal(err)
		}
		return c.ID
	}
	first := set("one", note("y", "with it"))
	set("two")
	before := f.system(t).Commit().ID
	var conflict *jitos.ConflictError
	if _, _, err := f.kernel.Undo(ctx, first, jitos.CollapseOptions{NoGate: "a test"}); !errors.As(err, &conflict) {
		t.Errorf("note x was set again since: %v", err)
	}
	if after := f.system(t).Commit().ID; after != before {
		t.Errorf("the line is at %s", after)
	}
}

// A file of the library that was changed again since stays as it is.
func TestUndo_methodChangedSince(t *testing.T) {
	ctx := context.Background()
	f := newFabric(t, map[string]string{"a": "a\n"})
	add := func(grant string) jitos.CommitID {
		c, err := f.kernel.SubmitMethod(ctx, "policy.yaml", []byte("grants: ['"+grant+"']\n"))
		if err != nil {
			t.Fatal(err)
		}
		return c.ID
	}
	first := add("fs.write:**")
	last := add("fs.write:a")
	if _, _, err := f.kernel.Undo(ctx, first, jitos.CollapseOptions{}); !errors.Is(err, jitos.ErrConflict) {
		t.Errorf("the first of two changes: %v", err)
	}
	if _, _, err := f.kernel.Undo(ctx, last, jitos.CollapseOptions{}); err != nil {
		t.Errorf("the last of two changes: %v", err)
	}
}
