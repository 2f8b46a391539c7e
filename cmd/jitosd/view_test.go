package main

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/server/client"
)

// view starts a daemon where none runs, uses the one that does, and leaves none behind; it goes on with nothing that somebody stopped.
func TestView(t *testing.T) {
	dir, f := repository(t)
	id, _, err := f.Kernel.SubmitIntent(t.Context(), jitos.Request{Intent: `run "cp notes.txt copy.txt"`, Gates: []string{"test -e copy.txt"}})
	if err == nil {
		_, _, err = f.Kernel.Plan(t.Context(), id)
	}
	if err != nil {
		t.Fatal(err)
	}
	at := must(f.Kernel.System(t.Context()))
	slaps := must(jitos.ViewTask(t.Context(), at, id, "")).Slaps
	if _, err := f.Kernel.Open(t.Context(), jitos.SlapID(slaps[0].ID.Name), ""); err != nil { // and nobody goes on
		t.Fatal(err)
	}
	before := must(f.Store.Head(t.Context(), jitos.SystemRef))
	t.Setenv(asDaemon, "1")
	link := func() (base, ticket string) {
		var out, errs strings.Builder
		if code := run([]string{"jitosd", "-C", dir, "view", "--no-browser", "--idle", "1s"}, strings.NewReader(""), &out, &errs); code != 0 {
			t.Fatalf("code %d: %s", code, errs.String())
		}
		base, ticket, _ = strings.Cut(strings.TrimSpace(out.String()), "/#login=")
		return base, ticket
	}
	base, first := link()
	again, second := link()
	if base != again || first == second || !strings.HasPrefix(base, "http://127.0.0.1:") {
		t.Errorf("%s#%s, %s#%s", base, first, again, second)
	}
	r, err := http.NewRequest("POST", base+"/login", strings.NewReader(`{"ticket":"`+second+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", base)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", resp, err)
	}
	resp.Body.Close()
	raw, err := os.ReadFile(filepath.Join(client.Dir(f.Repo.Common), "log"))
	if err != nil || strings.Contains(string(raw), "#login") {
		t.Errorf("a login is in the log: %s, %v", raw, err)
	}
	for range 600 {
		if _, err = os.Stat(filepath.Join(client.Dir(f.Repo.Common), "token")); errors.Is(err, os.ErrNotExist) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if !errors.Is(err, os.ErrNotExist) {
		t.Error("the daemon stays")
	}
	if after := must(f.Store.Head(t.Context(), jitos.SystemRef)); after != before {
		t.Errorf("the work of somebody who stopped it went on: %s", must(f.Store.Open(t.Context(), after)).Commit().Subject)
	}
}
