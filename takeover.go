package jitos

import (
	"context"
	"fmt"
)

// TakeOver makes this clone the owner of the attempts at a task that are open in other clones, so that Run goes on with them, and
// returns them. Each is one rewrite of the system line. What their own clones have done since they last shared is not here: it
// is kept where it is, and whoever reaches the line first ends the attempt. Refused, with nothing written: with ErrDenied where a
// step or a gate may not run here, for then the attempt would end by that; with ErrInvalid where nothing is open elsewhere, and a
// workspace made by hand, since whoever has its branch may work on it.
func (k *Kernel) TakeOver(ctx context.Context, id TaskID) ([]ProcessView, error) {
	var taken []ProcessView
	_, err := k.record(ctx, func(at Snapshot) ([]Rewrite, error) {
		taken = nil
		v, err := ViewTask(ctx, at, id, k.Local.Clone())
		if err != nil {
			return nil, err
		}
		var chain []Rewrite
		for _, p := range v.Processes {
			if !p.Open() || p.Process.Owner == k.Local.Clone() {
				continue
			}
			if p.Process.Hand {
				return nil, Hint(fmt.Errorf("workspace %s: %w: it is worked on by hand, so there is nothing to run", p.Process.SWS, ErrInvalid),
					"jitos sws show %s", p.Process.SWS)
			}
			if err := k.mayRun(ctx, at, v.Task, p); err != nil {
				return nil, err
			}
			rw := k.rule(RuleTakeOver, id, p.ID, fmt.Sprintf("%s, from %s", p.Process.SWS, p.Process.Owner))
			p.Process.Owner = k.Local.Clone()
			if err := rw.put(p.ID.Node(), p.Process); err != nil {
				return nil, err
			}
			chain, taken = append(chain, rw), append(taken, p)
		}
		if len(chain) == 0 {
			return nil, fmt.Errorf("task %s: %w: no attempt is open in another clone; it is %s", id, ErrInvalid, v.Status)
		}
		return chain, nil
	})
	return taken, err
}

// mayRun checks that every step of an attempt, and every gate of its task, may run here.
func (k *Kernel) mayRun(ctx context.Context, at Snapshot, task Task, p ProcessView) error {
	slap, err := Get[Slap](ctx, at, p.Process.Slap.Node())
	if err != nil {
		return err
	}
	steps := slap.Steps
	for _, r := range Requirements(task, k.bounds(), nil, false) {
		gate, err := k.Planner.Gate(ctx, at, r.GateRef)
		if err != nil {
			return err
		}
		steps = append(steps, gate...)
	}
	for _, s := range steps {
		if err := Admit(s, p.Process.Grants, k.bounds(), k.Local.Allowed); err != nil {
			return err
		}
	}
	return nil
}
