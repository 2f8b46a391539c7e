package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/creack/pty"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/internal/wire"
)

// asking is a task whose attempt waits for words of a person's.
func asking(t *testing.T, f *wire.Fabric) jitos.TaskID {
	t.Helper()
	id, _, err := f.Kernel.SubmitIntent(t.Context(), jitos.Request{Intent: "name the release", Gates: []string{"test -f NAME"}})
	if err != nil {
		t.Fatal(err)
	}
	slap := jitos.Slap{Title: "ask for the name", By: "Ada <ada@example.com>", Steps: []jitos.Step{{Name: "ask", Worker: "human",
		Args: map[string]string{"question": "which name\x1b[2J should it have?"}, Produces: []string{"answer"}}}}
	if _, err := f.Kernel.SubmitPlan(t.Context(), id, slap); err != nil {
		t.Fatal(err)
	}
	f.Kernel.Run(t.Context(), id, jitos.RunOptions{}) // ends waiting
	return id
}

// Every rewrite is told once, in order, those of a workspace before the one that ends it, whoever writes.
func TestWatch_lines(t *testing.T) {
	dir, f := repository(t)
	before, err := f.Store.Head(t.Context(), jitos.SystemRef)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-C", dir, "watch", "--json", "-n", "1")
	cmd.Env = append(os.Environ(), asDaemon+"=1")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	next := func() (h happening) {
		if !lines.Scan() {
			t.Fatal("it ended")
		}
		if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
			t.Fatal(err)
		}
		return h
	}
	if h := next(); h.Commit != before {
		t.Errorf("it begins with %s, want %s", h.Commit, before)
	}
	id := jitos.TaskID(copying(t, f))
	done, err := f.Kernel.Run(t.Context(), id, jitos.RunOptions{})
	if err != nil || done.Outcome != "collapsed" {
		t.Fatalf("%+v, %v", done, err)
	}
	last := note(t, f, "last", 1)
	var want, got, inner []jitos.CommitID
	for c, err := range f.Store.Log(t.Context(), last) {
		if err != nil {
			t.Fatal(err)
		}
		if c.ID == before {
			break
		}
		want = append(want, c.ID)
	}
	slices.Reverse(want)
	ended := false
	for {
		h := next()
		if h.Workspace != "" {
			inner = append(inner, h.Commit)
			if ended {
				t.Errorf("%s of a workspace comes after its end", h.Rule)
			}
			continue
		}
		ended = ended || h.Rule == jitos.RuleCollapse
		if got = append(got, h.Commit); h.Commit == last {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the system line: %v\nwant %v", got, want)
	}
	tip, err := f.Store.Open(t.Context(), done.Commit)
	if err != nil || len(tip.Commit().Parents) != 2 || len(inner) == 0 || inner[len(inner)-1] != tip.Commit().Parents[1] {
		t.Errorf("the workspace: %v, want up to %v (%v)", inner, tip.Commit().Parents, err)
	}
	cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// The screen shows what happens beside the lanes, opens differences, scrubs, and decides; nothing that comes from the repository
// moves the cursor.
func TestWatch_screen(t *testing.T) {
	_, f := repository(t)
	w := &feed{f: f}
	if err := w.from(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	s := newScreen(t.Context(), fabricView{f})
	s.Update(tea.WindowSizeMsg{Width: 100, Height: 30})
	look := func() {
		t.Helper()
		list, err := w.next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, cmd := s.Update(written(list))
		s.Update(cmd())
	}
	press := func(keys ...string) {
		t.Helper()
		for _, k := range keys {
			m := tea.KeyPressMsg{Text: k, Code: []rune(k)[0]}
			switch k {
			case "enter":
				m = tea.KeyPressMsg{Code: tea.KeyEnter}
			case "down":
				m = tea.KeyPressMsg{Code: tea.KeyDown}
			case "esc":
				m = tea.KeyPressMsg{Code: tea.KeyEscape}
			}
			if _, cmd := s.Update(m); cmd != nil {
				if _, cmd := s.Update(cmd()); cmd != nil {
					s.Update(cmd())
				}
			}
		}
	}
	shows := func(want ...string) {
		t.Helper()
		got := colours.ReplaceAllString(s.View().Content, "")
		for _, want := range want {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in\n%s", want, got)
			}
		}
		if strings.ContainsRune(got, '\x1b') || strings.Count(got, "\n") != 29 {
			t.Errorf("the screen is broken, %d lines: %q", strings.Count(got, "\n")+1, got)
		}
	}
	if done, err := f.Kernel.Run(t.Context(), jitos.TaskID(copying(t, f)), jitos.RunOptions{}); err != nil || done.Outcome != "collapsed" {
		t.Fatalf("%+v, %v", done, err)
	}
	look()
	shows("● ╮ process: ", "│ ● settle: ", "● ╯ collapse: ", "live")
	press("enter")
	shows("rewrite ", "+one", "esc back")
	press("i")
	shows("nothing waits for you")
	press("esc", "down", "down")
	shows("at ", "g goes back to live")
	at := s.rows[s.at].Commit
	id := asking(t, f)
	look()
	if s.rows[s.at].Commit != at {
		t.Error("who scrubs was moved")
	}
	shows("1 waiting for you", "1 open")
	press("g", "i")
	shows(`which name\x1b[2J should it have?`)
	press("a")
	shows("this asks for words")
	press("t", "l", "a", "r", "d", "e", "r")
	shows("answer: larder")
	press("enter")
	shows("answered ", "nothing waits for you")
	if _, err := jitos.ViewTask(t.Context(), must(f.Kernel.System(t.Context())), id, ""); err != nil {
		t.Error(err)
	}
	if waits, err := f.Kernel.Inbox(t.Context(), must(jitos.OpenProcesses(t.Context(), must(f.Kernel.System(t.Context()))))); err != nil || len(waits) != 0 {
		t.Errorf("%v, %v", waits, err)
	}
	look()
	press("esc", "?")
	shows("a approve, x reject, t answer")
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// On a real terminal it draws, without colour where NO_COLOR is set, and q ends it.
func TestWatch_terminal(t *testing.T) {
	dir, f := repository(t)
	for _, noColour := range []string{"", "1"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-C", dir, "watch")
		cmd.Env = append(os.Environ(), asDaemon+"=1", "TERM=xterm-256color", "NO_COLOR="+noColour)
		tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
		var seen bytes.Buffer
		buf := make([]byte, 4096)
		name := "seen" + noColour
		wrote := false
		for !bytes.Contains(seen.Bytes(), []byte(name)) {
			n, err := tty.Read(buf)
			if seen.Write(buf[:n]); err != nil {
				t.Fatalf("%v: %q", err, seen.String())
			}
			if !wrote && bytes.Contains(seen.Bytes(), []byte("jitos watch")) {
				wrote = true
				note(t, f, name, 1)
			}
		}
		io.WriteString(tty, "q")
		io.Copy(&seen, tty)
		stop()
		cancel()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %q", err, seen.String())
		}
		tty.Close()
		if got := regexp.MustCompile("\x1b\\[[0-9;]*3[0-9][0-9;]*m").Match(seen.Bytes()); got && noColour != "" {
			t.Errorf("colours where there should be none: %q", seen.String())
		}
	}
}
