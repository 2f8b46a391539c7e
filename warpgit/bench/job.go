package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner"
)

// ran is what job prints.
type ran struct{ Ready, Captured []cost }

// job runs a job that changes three files, and tells how long it was until its first command, and from its last to the
// captured tree. CPU time is that of the whole job, its shell and commands included, on both rows.
func job(w *work, args []int) error {
	current, err := w.repo.Current(w.ctx)
	if err != nil {
		return err
	}
	at, err := w.store.Open(w.ctx, current.Tip)
	if err != nil {
		return err
	}
	everything := []string{"fs.write:**"}
	step := jitos.Step{Name: "job", Worker: "shell", Needs: everything, Run: `date +%s%N > "$JITOS_OUT/began"
echo changed > d1/e1/f1
rm d2/e2/f2
echo new > d3/new
date +%s%N > "$JITOS_OUT/ended"`}
	var all ran
	for range args[0] {
		e := &runner.Executor{Objects: w.store.Objects, OverlayFrom: args[1]}
		var r jitos.Result
		start := time.Now()
		c, err := used(func() (err error) {
			r, err = e.Execute(w.ctx, jitos.Action{Step: step, Tree: at.Tree(), Grants: everything}, nil)
			return err
		})
		end := time.Now()
		if err != nil {
			return err
		}
		if r.Verdict != jitos.Pass || r.Tree == at.Tree() {
			return fmt.Errorf("the job: %s %s\n%s", r.Verdict, r.Reason, r.Output)
		}
		began, err1 := strconv.ParseInt(r.Artifacts["began"], 10, 64)
		ended, err2 := strconv.ParseInt(r.Artifacts["ended"], 10, 64)
		if err1 != nil || err2 != nil {
			return fmt.Errorf("date knows no nanoseconds here: %q", r.Artifacts)
		}
		all.Ready = append(all.Ready, cost{CPU: c.CPU, Wall: time.Duration(began - start.UnixNano())})
		all.Captured = append(all.Captured, cost{CPU: c.CPU, Wall: time.Duration(end.UnixNano() - ended)})
		if err := e.Close(); err != nil {
			return err
		}
	}
	return json.NewEncoder(w.out).Encode(all)
}
