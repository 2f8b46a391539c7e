package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/jitos/jitos"
)

// blamed is one line of a file and the commit that it has been as it is since.
type blamed struct {
	commit jitos.CommitID // "" for a line that is not committed
	path   string         // of the file in that commit
	number int            // of the line in that commit
	text   string
}

// blame asks git for the lines from to to of a file, all for 0; rev "" means the file as it is in the working tree.
func (f *fabric) blame(ctx context.Context, rev, path string, from, to int) ([]blamed, error) {
	args := []string{"-c", "blame.ignoreRevsFile=", "-c", "core.quotePath=false", "blame", "--porcelain", "-w"}
	if from > 0 {
		args = append(args, "-L", fmt.Sprintf("%d,%d", from, to))
	}
	if rev != "" {
		args = append(args, rev)
	}
	out, err := f.repo.Git(ctx, append(args, "--", path)...)
	if err != nil {
		return nil, blameError(path, from, err)
	}
	return parseBlame(string(out))
}

// blameError turns what git says of a file or line that is not there into what a person asked for.
func blameError(path string, from int, err error) error {
	switch text := err.Error(); {
	case strings.Contains(text, "no such path"), strings.Contains(text, "cannot stat path"), strings.Contains(text, "No such file"):
		return fmt.Errorf("file %s: %w in the commits of this branch", path, jitos.ErrNotFound)
	case strings.Contains(text, "has only"):
		return fmt.Errorf("line %d of %s: %w: the file is shorter", from, path, jitos.ErrNotFound)
	}
	return fmt.Errorf("why %s: %w", path, err)
}

var blameHead = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([0-9a-f]{40}) (\d+) (\d+)`) })

// parseBlame reads git's porcelain: for each line a head, facts of its commit where that is new, and the text after a tab.
func parseBlame(out string) ([]blamed, error) {
	var list []blamed
	names := map[jitos.CommitID]string{}
	var at blamed
	for l := range strings.Lines(out) {
		l = strings.TrimSuffix(l, "\n")
		if text, ok := strings.CutPrefix(l, "\t"); ok {
			at.text, at.path = text, names[at.commit]
			if strings.Trim(string(at.commit), "0") == "" {
				at.commit = ""
			}
			list = append(list, at)
			continue
		}
		if m := blameHead().FindStringSubmatch(l); m != nil {
			n, err := strconv.Atoi(m[2])
			if err != nil {
				return nil, fmt.Errorf("blame: %w: %q", jitos.ErrCorrupt, l)
			}
			at = blamed{commit: jitos.CommitID(m[1]), number: n}
		} else if name, ok := strings.CutPrefix(l, "filename "); ok {
			names[at.commit] = name
		}
	}
	return list, nil
}

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
