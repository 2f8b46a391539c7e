package jitos

import (
	"context"
	"errors"
	"testing"
	"time"
)

// A failed try is waited for, each time twice as long; a stale one, or one that was interrupted, is not.
func TestBackoff(t *testing.T) {
	fail, stale := &Settlement{Verdict: Fail}, &Settlement{Verdict: Fail, Stale: true}
	for _, tt := range []struct {
		claims []claimState
		want   time.Duration
	}{
		{[]claimState{{}}, 0},
		{[]claimState{{settled: stale}, {}}, 0},
		{[]claimState{{settled: fail}, {}}, 2 * time.Second},
		{[]claimState{{settled: fail}, {settled: stale}, {settled: fail}, {}}, 4 * time.Second},
		{[]claimState{{settled: fail}, {settled: fail}, {settled: fail}, {}}, 8 * time.Second},
	} {
		if got := backoff(jobState{step: Step{Backoff: 2}, claims: tt.claims}); got != tt.want {
			t.Errorf("after %d claims: %s, want %s", len(tt.claims), got, tt.want)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := pause(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("a pause of an hour, cancelled: %v", err)
	}
}
