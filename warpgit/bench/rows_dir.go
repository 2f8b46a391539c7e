package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jitos/jitos/runner"
)

// dirRows make the directory of a job: the first time that its files are seen, and again; and take in what the job left. Then the
// same where there are no overlays.
// The peer does the same with a worktree of its own.
func (b *bench) dirRows(int) ([]result, error) {
	dir := filepath.Join(b.dir, fmt.Sprintf("files-%d", b.files))
	if err := b.once(dir, func(dir string) error {
		files := map[string]string{}
		for i := range b.files {
			files[fmt.Sprintf("d%d/e%d/f%d", i%20, i%400, i)] = strings.Repeat(fmt.Sprintf("line of file %d\n", i), 40)
		}
		return makeRepo(dir, files)
	}); err != nil {
		return nil, err
	}
	tree := filepath.Join(b.dir, "worktree")
	git := func(args ...string) process { return process{dir: dir, args: append([]string{"git"}, args...)} }
	drop := func() {
		_, _, _ = git("worktree", "remove", "--force", tree).run()
		removeAll(tree)
	}
	defer drop()
	add := func() (cost, error) {
		drop()
		return git("worktree", "add", "-q", "--detach", tree, "HEAD").silent()
	}
	turn := 0
	stage := func() (cost, error) {
		turn++
		for name, text := range map[string]string{"d1/e1/f1": "changed", fmt.Sprintf("d3/new%d", turn): "new", "d4/e4/f4": "changed too"} {
			if err := os.WriteFile(filepath.Join(tree, name), []byte(fmt.Sprintln(text, turn)), 0o644); err != nil {
				return cost{}, err
			}
		}
		return process{dir: tree, args: []string{"sh", "-c", "git add -A && git write-tree"}}.silent()
	}
	var last ran
	ready := func(overlayFrom int, fresh bool) func() (cost, error) {
		return func() (cost, error) {
			if fresh {
				removeAll(filepath.Join(b.dir, "cache", "jitos"))
			}
			_, out, err := process{dir: dir, args: b.task("job", dir, 1, overlayFrom)}.run()
			if err != nil {
				return cost{}, err
			}
			err = json.Unmarshal(out, &last)
			return last.Ready[0], err
		}
	}
	captured := func() (cost, error) { return last.Captured[0], nil }
	const overlaid, copied = runner.OverlayFrom, 0
	all, err := inTurn(b.rounds, ready(overlaid, true), add, ready(overlaid, false), captured, stage, ready(copied, true), captured)
	if err != nil {
		return nil, err
	}
	return []result{
		compare("dir-copied", 0, "git worktree add", all[5], all[1]).reach(ofWall, 1),
		compare("dir-copied-captured", 0, "git add -A && git write-tree", all[6], all[4]).reach(ofWall, 1),
		compare("dir-first", 0, "git worktree add", all[0], all[1]).reach(ofWall, 1),
		compare("dir-ready", 0, "git worktree add", all[2], all[1]).reach(ofWall, 0.05),
		compare("dir-captured", 0, "git add -A && git write-tree", all[3], all[4]).reach(ofWall, 0.02),
	}, nil
}
