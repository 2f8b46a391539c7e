package warpgit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/jitos/jitos"
)

// AllowContent is Allow for content that is at hand: it is kept as well, so that what changed can be told when another version of
// it is to be allowed.
func (r *Repo) AllowContent(hash, what string, content []byte) error {
	if err := checkHash(hash); err != nil {
		return err
	}
	if err := r.packs.perm.mkdirAll(r.local("allowed.d")); err != nil {
		return fmt.Errorf("allow %s: %w", hash, err)
	}
	if err := r.packs.perm.replace(r.local("allowed.d", hash), content, 0o600); err != nil {
		return fmt.Errorf("allow %s: %w", hash, err)
	}
	return r.Allow(hash, what)
}

// checkHash wants a word that is the name of no other file.
func checkHash(hash string) error {
	if hash == "" || strings.Trim(hash, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return fmt.Errorf("allow %q: %w: not a hash", hash, jitos.ErrInvalid)
	}
	return nil
}

// AllowedBefore returns the last other content that was allowed under the same words, and its hash: "" where there is none, or it
// was not kept.
func (r *Repo) AllowedBefore(hash, what string) (before string, content []byte, err error) {
	text, err := os.ReadFile(r.local("allowed"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	for _, line := range slices.Backward(strings.Split(string(text), "\n")) {
		other, words, _ := strings.Cut(line, " ")
		if words != oneLine(what) || other == hash || checkHash(other) != nil {
			continue
		}
		content, err := os.ReadFile(r.local("allowed.d", other))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		return other, content, err
	}
	return "", nil, nil
}

// Disallow takes an Allow back. It tells whether there was one; what JITOS_ALLOW holds stays allowed.
func (r *Repo) Disallow(hash string) (bool, error) {
	if err := checkHash(hash); err != nil {
		return false, err
	}
	lock, err := waitLock(context.Background(), r.packs.perm, r.local("allowed.lock"), patience)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("disallow %s: %w", hash, err)
	}
	defer lock.Close()
	if !r.remembered(hash) {
		return false, nil
	}
	text, err := os.ReadFile(r.local("allowed"))
	if err != nil {
		return false, err
	}
	var rest []byte
	for line := range strings.Lines(string(text)) {
		if first, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " "); first != hash {
			rest = append(rest, line...)
		}
	}
	return true, r.packs.perm.replace(r.local("allowed"), rest, 0o600)
}
