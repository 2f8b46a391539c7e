package warpgit

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// writeGraph has git write its commit-graph, in a quarantine, and puts it in place under git's own lock: a git that is killed
// would leave that lock behind, and keep every later gc from its work. It says false where the graph was as it should be
// already, where the user wants none or keeps one in layers, and where a git is writing it, or was killed doing so. A dry one changes nothing.
func (r *Repo) writeGraph(ctx context.Context, dry bool) (bool, error) {
	info := filepath.Join(r.packs.objects, "info")
	if exists(filepath.Join(info, "commit-graphs")) || exists(filepath.Join(info, "commit-graph.lock")) {
		return false, nil
	}
	for _, key := range []string{"core.commitGraph", "gc.writeCommitGraph"} {
		if value, err := r.gitLine(ctx, "config", "--type=bool", key); err == nil && value == "false" {
			return false, nil
		}
	}
	q, err := r.newQuarantine()
	if err != nil {
		return false, err
	}
	defer q.remove()
	if _, err := r.git(ctx, gitCommand{env: q.env(), plain: true, args: []string{"commit-graph", "write", "--reachable", "--no-progress"}}); err != nil {
		return false, err
	}
	made, place := q.path("objects/info/commit-graph"), filepath.Join(info, "commit-graph")
	sum, err := graphSum(made)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // git makes none of a shallow clone, or of no commits
	}
	if err != nil {
		return false, err
	}
	if old, err := graphSum(place); err == nil && bytes.Equal(old, sum) {
		return false, nil
	}
	if dry {
		return true, nil
	}
	return true, r.placeGraph(ctx, made, place, sum)
}

// graphSum reads the checksum at the end of a commit-graph.
func graphSum(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sum := make([]byte, 20)
	if _, err := f.Seek(-int64(len(sum)), io.SeekEnd); err != nil {
		return nil, err
	}
	_, err = io.ReadFull(f, sum)
	return sum, err
}

func (r *Repo) placeGraph(ctx context.Context, made, place string, sum []byte) error {
	if err := r.packs.perm.mkdirAll(filepath.Dir(place)); err != nil {
		return err
	}
	lock, err := r.refs.link(ctx, place+".lock", nil)
	if err != nil {
		return err
	}
	defer lock.drop()
	// What Uninit knows it by; it comes first, for a graph that is not known as ours would stay.
	if err := r.packs.perm.write(r.local("graph"), sum, 0o666); err != nil {
		return err
	}
	if err := syncFile(made); err != nil {
		return err
	}
	if err := os.Rename(made, place); err != nil {
		return err
	}
	return lock.release()
}

// dropGraph removes the commit-graph where it is the one that we wrote: it names commits that git will collect.
func (r *Repo) dropGraph() error {
	place := filepath.Join(r.packs.objects, "info", "commit-graph")
	mark, err := os.ReadFile(r.local("graph"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // none of ours
	}
	if err != nil {
		return err
	}
	if sum, err := graphSum(place); err != nil || !bytes.Equal(sum, mark) {
		return nil
	}
	return os.Remove(place)
}
