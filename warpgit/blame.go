package warpgit

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/jitos/jitos"
)

// Blamed is one line of a file and the commit that it has been as it is since.
type Blamed struct {
	Commit jitos.CommitID // "" for a line that is not committed
	Path   string         // of the file in that commit
	Number int            // of the line in that commit
	Text   string
}

// Blame asks git for the lines from to to of a file, all for 0; rev "" means the file as it is in the working tree. The error Is
// jitos.ErrNotFound where there is no such file or line.
func (r *Repo) Blame(ctx context.Context, rev, path string, from, to int) ([]Blamed, error) {
	args := []string{"-c", "blame.ignoreRevsFile=", "-c", "core.quotePath=false", "blame", "--porcelain", "-w"}
	if from > 0 {
		args = append(args, "-L", fmt.Sprintf("%d,%d", from, to))
	}
	if rev != "" {
		args = append(args, rev)
	}
	out, err := r.Git(ctx, append(args, "--", path)...)
	if err != nil {
		return nil, BlameError(path, from, err)
	}
	return parseBlame(string(out))
}

// BlameError turns what git says of a file or line that is not there into what a person asked for.
func BlameError(path string, from int, err error) error {
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
func parseBlame(out string) ([]Blamed, error) {
	var list []Blamed
	names := map[jitos.CommitID]string{}
	var at Blamed
	for l := range strings.Lines(out) {
		l = strings.TrimSuffix(l, "\n")
		if text, ok := strings.CutPrefix(l, "\t"); ok {
			at.Text, at.Path = text, names[at.Commit]
			if strings.Trim(string(at.Commit), "0") == "" {
				at.Commit = ""
			}
			list = append(list, at)
			continue
		}
		if m := blameHead().FindStringSubmatch(l); m != nil {
			n, err := strconv.Atoi(m[2])
			if err != nil {
				return nil, fmt.Errorf("blame: %w: %q", jitos.ErrCorrupt, l)
			}
			at = Blamed{Commit: jitos.CommitID(m[1]), Number: n}
		} else if name, ok := strings.CutPrefix(l, "filename "); ok {
			names[at.Commit] = name
		}
	}
	return list, nil
}
