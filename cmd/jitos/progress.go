package main

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jitos/jitos"
)

// live is the region at the foot of a terminal that shows what is running. A nil *live shows nothing; every method is
// called with the ui's lock held.
type live struct {
	ui    *ui
	jobs  []running
	drawn int // lines on the screen
	frame int
}

type running struct {
	job   jitos.JobID
	of    jitos.ProcessID
	text  string
	said  string
	since time.Time
}

var spinner = []string{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"}

func (l *live) clear() {
	if l == nil || l.drawn == 0 {
		return
	}
	fmt.Fprintf(l.ui.err, "\r\x1b[%dA\x1b[J", l.drawn)
	l.drawn = 0
}

func (l *live) draw() {
	if l == nil {
		return
	}
	l.clear()
	width := l.ui.width()
	for _, r := range l.jobs {
		text := fmt.Sprintf("  %s %s  %s", spinner[l.frame%len(spinner)], r.text, time.Since(r.since).Round(time.Second))
		if r.said != "" {
			text += "  " + r.said
		}
		if runes := []rune(text); len(runes) > width-1 {
			text = string(runes[:width-2]) + "…"
		}
		fmt.Fprintln(l.ui.err, l.ui.faint(text))
		l.drawn++
	}
}

// progress shows the kernel's events: on a terminal with a live region, in a pipe as plain lines. stop ends it, and may be called
// more than once.
func (u *ui) progress() (notify func(jitos.Event), stop func()) {
	if !u.errTTY {
		return func(e jitos.Event) {
			u.mu.Lock()
			defer u.mu.Unlock()
			if s := u.eventLine(e); s != "" {
				fmt.Fprintln(u.err, s)
			}
		}, func() {}
	}
	l := &live{ui: u}
	u.mu.Lock()
	u.live = l
	u.mu.Unlock()
	done, ended := make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		tick := time.NewTicker(120 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				u.mu.Lock()
				l.frame++
				l.draw()
				u.mu.Unlock()
			}
		}
	}()
	return func(e jitos.Event) { u.show(l, e) }, sync.OnceFunc(func() {
		close(done)
		<-ended
		u.mu.Lock()
		l.clear()
		u.live = nil
		u.mu.Unlock()
	})
}

// show brings the live region up to date with an event.
func (u *ui) show(l *live, e jitos.Event) {
	u.mu.Lock()
	defer u.mu.Unlock()
	text := u.eventLine(e)
	l.clear()
	if e.Kind != "say" && e.Kind != "job" { // a gate that runs by itself is over when anything else happens
		l.jobs = slices.DeleteFunc(l.jobs, func(r running) bool { return r.job == "" && r.of == e.Process })
	}
	at := slices.IndexFunc(l.jobs, func(r running) bool { return r.job == e.Job })
	switch e.Kind {
	case "gate":
		if e.Verdict == "" {
			l.jobs = append(l.jobs, running{of: e.Process, text: u.attempt(e) + line(e.Text), since: time.Now()})
			text = ""
		}
	case "job":
		l.jobs = append(l.jobs, running{job: e.Job, of: e.Process, text: u.attempt(e) + line(e.Text), since: time.Now()})
		text = ""
	case "say":
		if at >= 0 {
			l.jobs[at].said = line(e.Text)
		}
		text = ""
	case "settle":
		if at >= 0 {
			l.jobs = slices.Delete(l.jobs, at, at+1)
		}
	}
	if text != "" {
		fmt.Fprintln(u.err, text)
	}
	l.draw()
}

// attempt marks what an attempt of several at once tells: "#2 ". It is called with the lock held.
func (u *ui) attempt(e jitos.Event) string {
	if !u.numbered || e.Process == "" {
		return ""
	}
	n, known := u.attempts[e.Process]
	if !known {
		if u.attempts == nil {
			u.attempts = map[jitos.ProcessID]int{}
		}
		n = len(u.attempts) + 1
		u.attempts[e.Process] = n
	}
	return fmt.Sprintf("#%d ", n)
}

// eventLine is an event as a line of its own; "" for one that gets none. It is called with the lock held.
func (u *ui) eventLine(e jitos.Event) string {
	text := u.attempt(e) + line(e.Text)
	switch e.Kind {
	case "absorb", "task", "notice", "land":
		return u.faint(fmt.Sprintf("%-8s", e.Kind)) + " " + text
	case "plan":
		return u.faint("plan    ") + " " + text
	case "ask":
		return u.yellow("waiting ") + " " + text
	case "open":
		return u.faint("attempt ") + " " + text
	case "job":
		return u.faint("  start ") + " " + text
	case "say":
		return u.faint("        ") + " " + text
	case "gate":
		return u.mark(e.Verdict, "  gate  ") + " " + text
	case "settle":
		if e.Took >= 100*time.Millisecond {
			text += u.faint(" (" + took(e.Took) + ")")
		}
		return u.mark(e.Verdict, "  job   ") + " " + text
	case "rebase":
		return u.yellow("rebase  ") + " " + text
	case "collapse":
		return u.green("collapse") + " " + u.attempt(e) + short(jitos.CommitID(e.Text))
	case "discard":
		return u.red("discard ") + " " + text
	}
	return text
}

func (u *ui) mark(v jitos.Verdict, s string) string {
	switch v {
	case jitos.Pass:
		return u.green(s)
	case jitos.Fail:
		return u.red(s)
	case jitos.CouldNot:
		return u.yellow(s)
	}
	return u.faint(s)
}

func took(d time.Duration) string {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// short is a commit's id as people read it.
func short(id jitos.CommitID) string { return string(id[:min(10, len(id))]) }
