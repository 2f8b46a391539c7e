package main

import (
	"bytes"
	"path/filepath"
	"strings"
)

// pathInRepo is the path of a file, given as the caller of the program sees it, from the root of the repository.
func (a *app) pathInRepo(f *fabric, name string) (string, error) {
	if f.repo.Worktree == "" {
		return filepath.ToSlash(filepath.Clean(name)), nil
	}
	full := name
	if !filepath.IsAbs(full) {
		full = filepath.Join(a.dir, full)
	}
	full, err := filepath.Abs(full)
	if err != nil {
		return "", err
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(full)); err == nil {
		full = filepath.Join(dir, filepath.Base(full))
	}
	root, err := filepath.EvalSymlinks(f.repo.Worktree)
	if err != nil {
		return "", err
	}
	rel, err := filepath.Rel(root, full)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", usage("%s is outside of this repository", name)
	}
	return filepath.ToSlash(rel), nil
}

// sameLine finds, in another version of a file, the line that is the given one: equal text, the most equal lines around it,
// then the nearest. It returns 0 where no line has this text. Lines count from 1.
func sameLine(from, to []byte, number int) int {
	if bytes.Equal(from, to) {
		return number
	}
	a, b := strings.Split(string(from), "\n"), strings.Split(string(to), "\n")
	if number < 1 || number > len(a) {
		return 0
	}
	best, bestScore, bestFar := 0, -1, 0
	for i := range b {
		if b[i] != a[number-1] {
			continue
		}
		score := 0
		for d := 1; d <= 4; d++ {
			for _, s := range []int{-d, d} {
				x, y := number-1+s, i+s
				if x >= 0 && x < len(a) && y >= 0 && y < len(b) && a[x] == b[y] {
					score++
				}
			}
		}
		far := max(i-(number-1), number-1-i)
		if score > bestScore || score == bestScore && far < bestFar {
			best, bestScore, bestFar = i+1, score, far
		}
	}
	return best
}
