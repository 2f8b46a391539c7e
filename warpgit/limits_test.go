package warpgit

import (
	"context"
	"os"
	"strings"
	"testing"
)

// A fetch that brings too much is ended while it comes, not when all is there.
func TestWatch(t *testing.T) {
	q, err := openDir(t, newDir(t)).newQuarantine()
	if err != nil {
		t.Fatal(err)
	}
	defer q.remove()
	if err := os.WriteFile(q.path("objects/pack/tmp_pack_x"), make([]byte, 1000), 0o666); err != nil {
		t.Fatal(err)
	}
	l := defaultLimits()
	l.bytes, l.seconds = 999, 10
	watched, end := q.watch(ctx, l)
	defer end()
	<-watched.Done()
	if why := context.Cause(watched).Error(); !strings.Contains(why, "more than 999 bytes came") {
		t.Errorf("ended because %s", why)
	}
}
