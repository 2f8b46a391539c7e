package main

import (
	"context"
	"errors"
	"strings"

	"github.com/jitos/jitos"
)

// prefixed lists the names that a prefix fits. The last part is only compared where no name begins with it.
func prefixed(names []string, prefix string) []string {
	var whole, last []string
	for _, n := range names {
		if strings.HasPrefix(n, prefix) {
			whole = append(whole, n)
		} else if strings.HasPrefix(n[strings.LastIndexByte(n, '-')+1:], prefix) {
			last = append(last, n)
		}
	}
	if len(whole) > 0 {
		return whole
	}
	return last
}

// resolveTask finds a task; the hint says where ids are listed.
func (f *fabric) resolveTask(ctx context.Context, at jitos.Snapshot, word string) (jitos.TaskID, error) {
	id, err := f.store.Find(ctx, at, jitos.KindTask, word)
	if errors.Is(err, jitos.ErrNotFound) {
		err = jitos.Hint(err, "`jitos task list` lists the tasks")
	}
	return jitos.TaskID(id.Name), err
}
