package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jitos/jitos"
)

// resolve finds the node of a kind that a word means: its name, "kind/name", or any unique prefix of the name or of its
// last part (the eight random characters). Where several fit, the error lists them and is one of usage; where none does,
// it Is ErrNotFound.
func (f *fabric) resolve(ctx context.Context, at jitos.Snapshot, kind, word string) (string, error) {
	name := strings.TrimPrefix(word, kind+"/")
	if jitos.CheckName(name) == nil {
		if ok, err := jitos.Has(ctx, at, jitos.NodeID{Kind: kind, Name: name}); ok || err != nil {
			return name, err
		}
	}
	found, more, err := f.store.Named(ctx, at, kind, name, mostCandidates)
	if err != nil {
		return "", err
	}
	var names []string
	for _, id := range found {
		names = append(names, id.Name)
	}
	return one(kind, word, names, more)
}

// mostCandidates is how many names an error lists.
const mostCandidates = 10

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

// one takes the only candidate; more counts those that are not listed.
func one(kind, word string, found []string, more int) (string, error) {
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%s %q: %w", kindWords(kind), word, jitos.ErrNotFound)
	case 1:
		return found[0], nil
	}
	slices.Sort(found)
	if n := len(found) - mostCandidates; n > 0 {
		found, more = found[:mostCandidates], more+n
	}
	note := ""
	if more > 0 {
		note = fmt.Sprintf("\n  and %d more", more)
	}
	return "", usage("%s %q could be any of\n  %s%s", kindWords(kind), word, strings.Join(found, "\n  "), note)
}

// kindWords is what people call a kind.
func kindWords(kind string) string {
	switch kind {
	case jitos.KindSlap:
		return "plan"
	case jitos.KindProcess:
		return "attempt"
	}
	return kind
}

// resolveTask finds a task; the hint says where ids are listed.
func (f *fabric) resolveTask(ctx context.Context, at jitos.Snapshot, word string) (jitos.TaskID, error) {
	name, err := f.resolve(ctx, at, jitos.KindTask, word)
	if errors.Is(err, jitos.ErrNotFound) {
		err = jitos.Hint(err, "`jitos task list` lists the tasks")
	}
	return jitos.TaskID(name), err
}
