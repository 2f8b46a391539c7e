package warpgit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// reflog is what git's logs of refs are to say about a move; nil: nothing.
type reflog struct {
	files  []string // each exists or not, see create
	create bool     // core.logAllRefUpdates
	who    string   // "name <address> seconds zone"
	text   string
}

// add appends a line to each log, as git does: before the ref moves.
func (l *reflog) add(p perm, old, new plumbing.Hash) error {
	if l == nil {
		return nil
	}
	line := fmt.Sprintf("%s %s %s\t%s\n", old, new, l.who, l.text)
	for _, file := range l.files {
		flag := os.O_WRONLY | os.O_APPEND
		if l.create {
			if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
				return fmt.Errorf("log of refs: %w", err)
			}
			flag |= os.O_CREATE
		}
		f, err := p.open(file, flag, 0o666)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("log of refs: %w", err)
		}
		if _, err = f.WriteString(line); err == nil {
			err = f.Sync()
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("log of refs: %w", err)
		}
	}
	return nil
}

// reflogOf is the log entry for a move of a branch, "" for none, and of the HEAD of a worktree's git directory, "" for none.
func (r *Repo) reflogOf(ctx context.Context, branch, gitDir, text string) (*reflog, error) {
	who, err := r.gitLine(ctx, "var", "GIT_COMMITTER_IDENT")
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil { // without a name set
		who = fmt.Sprintf("jitos <jitos@localhost> %d +0000", r.Store.now().Unix())
	}
	log := &reflog{who: who, text: text}
	all, err := r.gitLine(ctx, "config", "--get", "core.logAllRefUpdates")
	if err != nil && exitCode(err) != 1 {
		return nil, err
	}
	switch strings.ToLower(all) {
	case "":
		bare, err := r.gitLine(ctx, "config", "--get", "--type=bool", "core.bare")
		if err != nil && exitCode(err) != 1 {
			return nil, err
		}
		log.create = bare != "true"
	case "false", "no", "off", "0":
	default:
		log.create = true
	}
	if branch != "" {
		log.files = append(log.files, filepath.Join(r.Common, "logs", "refs", "heads", filepath.FromSlash(branch)))
	}
	if gitDir != "" {
		log.files = append(log.files, filepath.Join(gitDir, "logs", "HEAD"))
	}
	return log, nil
}

// moveHead detaches the HEAD of a worktree's git directory at a commit, durably. was is the text of HEAD from which it
// starts; where it is another by now the error Is jitos.ErrStale.
func (d *diskRefs) moveHead(ctx context.Context, gitDir, was string, old, new plumbing.Hash, log *reflog) error {
	if err := d.packs.start(); err != nil {
		return err
	}
	own, err := waitLock(ctx, d.perm, filepath.Join(d.packs.own, "refs.lock"), patience)
	if err != nil {
		return err
	}
	defer own.Close()
	head := filepath.Join(gitDir, "HEAD")
	lock, err := d.link(ctx, head+".lock", []byte(new.String()+"\n"))
	if err != nil {
		return err
	}
	defer lock.drop()
	now, err := os.ReadFile(head)
	if err != nil {
		return err
	}
	if strings.TrimSpace(string(now)) != was {
		return fmt.Errorf("HEAD has moved: %w", jitos.ErrStale)
	}
	if err := log.add(d.perm, old, new); err != nil {
		return err
	}
	if err := os.Rename(lock.path, head); err != nil {
		return err
	}
	lock.path = ""
	return syncDir(gitDir)
}
