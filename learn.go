package jitos

import (
	"context"
	"math/bits"
	"time"
)

// effort is what an attempt tells of its methods beside whether it collapsed.
type effort struct {
	seconds int    // that its jobs ran, see bucketOf
	step    string // that failed, "" for none
}

// effortOf reads it from where the attempt worked. Jobs that did not run here, since an earlier result served, took nothing.
func effortOf(ctx context.Context, ws Graph, id ProcessID) (effort, error) {
	jobs, err := jobsOf(ctx, ws, id)
	var e effort
	var ran time.Duration
	for _, j := range jobs {
		for _, c := range j.claims {
			if c.settled != nil && c.settled.From == "" {
				ran += time.Duration(c.settled.Millis) * time.Millisecond
			}
		}
		if e.step == "" && j.failure() != nil {
			e.step = j.step.Name
		}
	}
	e.seconds = bucketOf(ran)
	return e, err
}

// bucketOf rounds a duration down to a power of two of seconds; 0 is under one. Plans are ranked by such facts, and must not
// change their places because a machine was busy for a moment.
func bucketOf(d time.Duration) int {
	s := uint(d / time.Second)
	if s == 0 {
		return 0
	}
	return 1 << (bits.Len(s) - 1)
}
