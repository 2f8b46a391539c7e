package warpgit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jitos/jitos"
)

// Alarm is a remote that was moved back, as this clone remembers it until somebody accepts it.
type Alarm struct {
	When     time.Time      `json:"when"`
	Remote   string         `json:"remote"`
	Ref      jitos.Ref      `json:"ref"`
	Old      jitos.CommitID `json:"old"`
	New      jitos.CommitID `json:"new,omitempty"`
	Accepted bool           `json:"accepted,omitempty"`
}

// Alarms tells of all remotes that were ever found moved back, accepted or not, in order.
func (r *Repo) Alarms() ([]Alarm, error) {
	text, err := os.ReadFile(r.local("alarms"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("alarms: %w", err)
	}
	var list []Alarm
	for line := range strings.Lines(string(text)) {
		var a Alarm
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			return nil, fmt.Errorf("alarms: %w: %w", jitos.ErrCorrupt, err)
		}
		list = append(list, a)
	}
	return list, nil
}

// raise keeps an alarm, each once.
func (r *Repo) raise(ctx context.Context, found []Rewound) error {
	return r.changeAlarms(ctx, func(list []Alarm) []Alarm {
		for _, f := range found {
			known := func(a Alarm) bool {
				return a.Remote == f.Remote && a.Ref == f.Ref && a.Old == f.Old && a.New == f.New && !a.Accepted
			}
			if !slices.ContainsFunc(list, known) {
				list = append(list, Alarm{When: r.Store.now().UTC(), Remote: f.Remote, Ref: f.Ref, Old: f.Old, New: f.New})
			}
		}
		return list
	})
}

// AcceptRewound forgets where a remote stood, so that the next fetch takes it as it is, and notes that its alarms were accepted.
func (r *Repo) AcceptRewound(ctx context.Context, remote string) error {
	known, err := r.Remembered(remote)
	if err != nil {
		return err
	}
	for _, ref := range known {
		old, err := parseID(ref.New)
		if err != nil {
			return err
		}
		if err := r.refs.move(ctx, remoteRef(remote, string(ref.Ref)), old, [20]byte{}); err != nil {
			return err
		}
	}
	return r.changeAlarms(ctx, func(list []Alarm) []Alarm {
		for i := range list {
			list[i].Accepted = list[i].Accepted || list[i].Remote == remote
		}
		return list
	})
}

func (r *Repo) changeAlarms(ctx context.Context, change func([]Alarm) []Alarm) error {
	if err := r.packs.perm.mkdirAll(r.local()); err != nil {
		return err
	}
	lock, err := waitLock(ctx, r.packs.perm, r.local("alarms.lock"), patience)
	if err != nil {
		return err
	}
	defer lock.Close()
	before, err := r.Alarms()
	if err != nil {
		return err
	}
	after := change(slices.Clone(before))
	if slices.Equal(before, after) {
		return nil
	}
	var text []byte
	for _, a := range after {
		line, err := json.Marshal(a)
		if err != nil {
			return err
		}
		text = append(append(text, line...), '\n')
	}
	return r.packs.perm.replace(r.local("alarms"), text, 0o600)
}
