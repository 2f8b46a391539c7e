package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jitos/jitos"
)

// The cache of task statuses: <common git dir>/jitos/cache/tasks, one file.
//
// A task's status is a fold over the graph, and only rewrites of the system line that name the task change it. So the
// statuses at one commit are those at an earlier one, but for the tasks that the commits between name. The file holds the
// statuses at one commit:
//
//	{"format":1,"commit":"…","clone":"…","open":2,"ended":40}
//	{"id":"…","intent":"…","status":"planned"}      the open ones, in order of their ids, then the others
//
// It is never authoritative: absent, of another format or clone, or of a commit that is not behind the present one, it is
// made anew from the graph. Reading only what is open reads only the head of it.

const taskCacheFormat = 1

// taskLine is a task as lists print it.
type taskLine struct {
	ID     jitos.TaskID     `json:"id"`
	Intent string           `json:"intent"`
	Status jitos.TaskStatus `json:"status"`
}

// maxCatchUp bounds how far back the line is read for the cached commit; past it a scan of all tasks is cheaper.
const maxCatchUp = 5000

type taskCacheHead struct {
	Format int            `json:"format"`
	Commit jitos.CommitID `json:"commit"`
	Clone  string         `json:"clone"`
	Open   int            `json:"open"`
	Ended  int            `json:"ended"`
}

// ended tells whether a task needs nobody any more.
func ended(s jitos.TaskStatus) bool {
	return s == jitos.Done || s == jitos.True || s == jitos.Withdrawn
}

// tasks returns the tasks at the system's head in order of their ids: the open ones, or all; and how many were left out.
func (f *fabric) tasks(ctx context.Context, at jitos.Snapshot, all bool) ([]taskLine, int, error) {
	file := filepath.Join(f.repo.Common, "jitos", "cache", "tasks")
	head, list, ok := readTaskCache(file, at.Commit().ID, f.repo.Clone(), all)
	if ok {
		return list, head.Ended - (len(list) - head.Open), nil
	}
	list, err := f.catchUp(ctx, at, file)
	if err != nil {
		return nil, 0, err
	}
	writeTaskCache(file, at.Commit().ID, f.repo.Clone(), list)
	if all {
		return list, 0, nil
	}
	n := len(list)
	list = slices.DeleteFunc(list, func(t taskLine) bool { return ended(t.Status) })
	return list, n - len(list), nil
}

// catchUp brings the cached statuses up to the head, or makes them anew.
func (f *fabric) catchUp(ctx context.Context, at jitos.Snapshot, file string) ([]taskLine, error) {
	head, old, ok := readTaskCache(file, "", f.repo.Clone(), true)
	if !ok {
		return f.scanTasks(ctx, at)
	}
	touched := map[jitos.TaskID]bool{}
	n := 0
	for c, err := range f.store.Log(ctx, at.Commit().ID) {
		if err != nil {
			return nil, err
		}
		if c.ID == head.Commit {
			return f.refresh(ctx, at, old, touched)
		}
		if c.Record != nil {
			touched[c.Record.Task] = true
			for item := range c.Record.Set { // a rewrite may declare several at once
				if p, err := item.Parse(); err == nil && p.Node.Kind == jitos.KindTask {
					touched[jitos.TaskID(p.Node.Name)] = true
				}
			}
		}
		if n++; n > maxCatchUp {
			break
		}
	}
	return f.scanTasks(ctx, at)
}

func (f *fabric) refresh(ctx context.Context, at jitos.Snapshot, old []taskLine, touched map[jitos.TaskID]bool) ([]taskLine, error) {
	list := slices.DeleteFunc(old, func(t taskLine) bool { return touched[t.ID] })
	for id := range touched {
		if id == "" {
			continue
		}
		t, err := f.taskLine(ctx, at, id)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	sortTasks(list)
	return list, nil
}

func (f *fabric) scanTasks(ctx context.Context, at jitos.Snapshot) ([]taskLine, error) {
	list := []taskLine{}
	for n, err := range at.Nodes(ctx, jitos.KindTask) {
		if err != nil {
			return nil, err
		}
		t, err := f.taskLine(ctx, at, jitos.TaskID(n.ID.Name))
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	sortTasks(list)
	return list, nil
}

func (f *fabric) taskLine(ctx context.Context, at jitos.Snapshot, id jitos.TaskID) (taskLine, error) {
	v, err := jitos.ViewTask(ctx, at, id, f.repo.Clone())
	return taskLine{id, v.Task.Intent, v.Status}, err
}

func sortTasks(list []taskLine) {
	slices.SortFunc(list, func(a, b taskLine) int { return strings.Compare(string(a.ID), string(b.ID)) })
}

// readTaskCache reads the file; ok is false where it does not serve. commit "" takes it at any commit.
func readTaskCache(file string, commit jitos.CommitID, clone string, all bool) (head taskCacheHead, list []taskLine, ok bool) {
	r, err := os.Open(file)
	if err != nil {
		return head, nil, false
	}
	defer r.Close()
	d := json.NewDecoder(bufio.NewReader(r))
	if d.Decode(&head) != nil || head.Format != taskCacheFormat || head.Clone != clone || commit != "" && head.Commit != commit {
		return head, nil, false
	}
	n := head.Open
	if all {
		n += head.Ended
	}
	list = make([]taskLine, n)
	for i := range list {
		if d.Decode(&list[i]) != nil {
			return head, nil, false
		}
	}
	sortTasks(list)
	return head, list, true
}

// writeTaskCache replaces the file. Failing costs time at the next call, nothing else.
func writeTaskCache(file string, commit jitos.CommitID, clone string, list []taskLine) {
	if os.MkdirAll(filepath.Dir(file), 0o755) != nil {
		return
	}
	tmp, err := os.CreateTemp(filepath.Dir(file), "tasks-*")
	if err != nil {
		return
	}
	err = encodeTaskCache(tmp, commit, clone, list)
	if cerr := tmp.Close(); err != nil || cerr != nil || os.Rename(tmp.Name(), file) != nil {
		os.Remove(tmp.Name())
	}
}

func encodeTaskCache(w io.Writer, commit jitos.CommitID, clone string, list []taskLine) error {
	var open, over []taskLine
	for _, t := range list {
		if ended(t.Status) {
			over = append(over, t)
		} else {
			open = append(open, t)
		}
	}
	b := bufio.NewWriter(w)
	e := json.NewEncoder(b)
	if err := e.Encode(taskCacheHead{taskCacheFormat, commit, clone, len(open), len(over)}); err != nil {
		return err
	}
	for _, t := range append(open, over...) {
		if err := e.Encode(t); err != nil {
			return fmt.Errorf("task %s: %w", t.ID, err)
		}
	}
	return b.Flush()
}
