package warpgit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// Files reads a file tree on its own, without a commit. The tree need not exist before it is read.
func (s *Store) Files(tree jitos.TreeID) (jitos.Files, error) {
	id, err := optionalID(tree)
	if err != nil {
		return nil, err
	}
	if id.IsZero() {
		id = EmptyTree
	}
	return &snapshot{objects: s.Objects, tree: id}, nil
}

// Tree implements jitos.Files.
func (s *snapshot) Tree() jitos.TreeID { return treeID(s.tree) }

// entry finds what is at a path. "" and "." are the root.
func (s *snapshot) entry(ctx context.Context, name string) (object.TreeEntry, bool, error) {
	at := object.TreeEntry{Mode: filemode.Dir, Hash: s.tree}
	name = path.Clean("/" + name)[1:]
	if name == "" {
		return at, true, nil
	}
	for _, part := range strings.Split(name, "/") {
		if at.Mode != filemode.Dir {
			return at, false, nil
		}
		t, err := s.objects.tree(ctx, at.Hash)
		if err != nil {
			return at, false, err
		}
		e, ok := t.find(part)
		if !ok {
			return at, false, nil
		}
		at = object.TreeEntry{Name: part, Mode: e.mode, Hash: e.id}
	}
	return at, true, nil
}

// ReadFile implements jitos.Files. A symbolic link or a submodule is not a regular file.
func (s *snapshot) ReadFile(ctx context.Context, name string) ([]byte, error) {
	e, ok, err := s.entry(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if !ok || !isRegular(e.Mode) {
		return nil, fmt.Errorf("read %s: file %w", name, jitos.ErrNotFound)
	}
	return s.objects.Blob(ctx, e.Hash)
}

func isRegular(m filemode.FileMode) bool { return m&0o170000 == 0o100000 }

// PathID implements jitos.Files.
func (s *snapshot) PathID(ctx context.Context, name string) (string, error) {
	e, ok, err := s.entry(ctx, name)
	if err != nil || !ok {
		return "", err
	}
	return fmt.Sprintf("%06o %s", uint32(e.Mode), e.Hash), nil
}

// Glob implements jitos.Files. Symbolic links and submodules are yielded as files are; directories are not.
func (s *snapshot) Glob(ctx context.Context, pattern string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		parts := strings.Split(strings.TrimPrefix(pattern, "./"), "/")
		err := s.glob(ctx, s.tree, "", pattern, parts, yield)
		if err != nil && !errors.Is(err, errStop) {
			yield("", fmt.Errorf("glob %s: %w", pattern, err))
		}
	}
}

func (s *snapshot) glob(ctx context.Context, dir plumbing.Hash, prefix, pattern string, parts []string, yield func(string, error) bool) error {
	entries, err := s.objects.Tree(ctx, dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := prefix + e.Name
		switch {
		case e.Mode != filemode.Dir:
			if jitos.MatchPath(pattern, name) && !yield(name, nil) {
				return errStop
			}
		case mayHold(parts, strings.Split(name, "/")):
			if err := s.glob(ctx, e.Hash, name+"/", pattern, parts, yield); err != nil {
				return err
			}
		}
	}
	return nil
}

// mayHold tells whether something below a directory may match a pattern.
func mayHold(pattern, dir []string) bool {
	for i, part := range dir {
		if i >= len(pattern) || pattern[i] == "**" || pattern[i] == "." {
			return true
		}
		if ok, err := path.Match(pattern[i], part); err != nil || !ok {
			return false
		}
	}
	return true
}
