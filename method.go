package jitos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
)

// SubmitMethod puts a file of the fabric's own on the system line: "methods/NAME.yaml" or "policy.yaml". nil bytes drop it.
// The same bytes as before write nothing, and the commit is then the system's as it is. It is refused with a *Denial where the
// policy, as it was before, lets others change the file. Whether the content is sound is for
// the caller to check, who knows the language; whether it may run is for each clone to say (Local.Allow).
func (k *Kernel) SubmitMethod(ctx context.Context, path string, raw []byte) (Commit, error) {
	if p, err := FabricItem(path).Parse(); err != nil {
		return Commit{}, err
	} else if p.File == "fabric.json" {
		return Commit{}, fmt.Errorf("file %s: %w: it is what the fabric is known by", path, ErrInvalid)
	}
	after, err := k.record(ctx, func(at Snapshot) ([]Rewrite, error) {
		files, err := at.Fabric(ctx)
		if err != nil {
			return nil, err
		}
		policy, err := k.policyAt(ctx, at)
		if unread := (*unreadPolicy)(nil); errors.As(err, &unread) && path == "policy.yaml" {
			err = nil // it is to be mended, and does not say by whom
		}
		if err != nil {
			return nil, err
		}
		if err := policy.MayChange(path, k.Actor); err != nil {
			return nil, err
		}
		old, had := files[path]
		rw := k.rule(RuleMethod, "", "", path)
		switch {
		case raw == nil && !had:
			return nil, fmt.Errorf("file %s: %w", path, ErrNotFound)
		case raw == nil:
			rw.What, rw.Drop = path+" is dropped", []ItemID{FabricItem(path)}
			return []Rewrite{rw}, nil
		case had && bytes.Equal(old, raw):
			return nil, nil
		case had:
			rw.What = path + " is replaced"
		}
		rw.Fabric = map[string][]byte{path: raw}
		return []Rewrite{rw}, nil
	})
	if err != nil {
		return Commit{}, err
	}
	return after.Commit(), nil
}

// Adopt moves the system line to a tip that was made elsewhere and fetched: to it where there is no line yet, forward
// where the tip goes on from the line as it is. It tells whether the line moved; a tip that the line holds already moves
// nothing. Refused with ErrConflict, unchanged: a tip of another fabric, and one that lacks rewrites of this clone's.
func (k *Kernel) Adopt(ctx context.Context, tip CommitID) (bool, error) {
	theirs, err := k.Store.Open(ctx, tip)
	if err != nil {
		return false, err
	}
	if theirs.Commit().Record == nil {
		return false, fmt.Errorf("adopt %s: %w: it is no rewrite", short(tip), ErrInvalid)
	}
	for {
		head, err := k.Store.Head(ctx, SystemRef)
		if errors.Is(err, ErrNotFound) {
			head, err = "", nil
		}
		if err != nil {
			return false, err
		}
		if moved, err := k.ahead(ctx, head, theirs); !moved || err != nil {
			return false, err
		}
		if head != "" {
			if err := k.release(ctx); err != nil {
				return false, err
			}
		}
		_, err = k.Store.Append(ctx, SystemRef, head, tip)
		if errors.Is(err, ErrStale) && ctx.Err() == nil {
			continue
		}
		return err == nil, err
	}
}

// ahead tells whether a tip goes on from the line.
func (k *Kernel) ahead(ctx context.Context, head CommitID, theirs Snapshot) (bool, error) {
	tip := theirs.Commit().ID
	if head == "" || head == tip {
		return head == "", nil
	}
	ours, err := k.Store.Open(ctx, head)
	if err != nil {
		return false, err
	}
	mine, err := ours.Blob(ctx, FabricItem("fabric.json"))
	if err != nil {
		return false, err
	}
	other, err := theirs.Blob(ctx, FabricItem("fabric.json"))
	if err != nil {
		return false, err
	}
	if mine != other {
		return false, fmt.Errorf("adopt %s: %w: it is the line of another fabric", short(tip), ErrConflict)
	}
	if holds, err := k.Repository.Contains(ctx, head, tip); holds || err != nil {
		return false, err
	}
	if holds, err := k.Repository.Contains(ctx, tip, head); err != nil {
		return false, err
	} else if !holds {
		return false, fmt.Errorf("adopt %s: %w: both lines have rewrites that the other lacks", short(tip), ErrConflict)
	}
	return true, nil
}
