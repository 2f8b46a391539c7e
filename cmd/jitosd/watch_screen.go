package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/internal/plain"
)

// watchScreen shows the lanes until somebody quits.
func watchScreen(ctx context.Context, w *feed, stdin io.Reader, stdout io.Writer) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	p := tea.NewProgram(newScreen(ctx, fabricView{w.f}), tea.WithContext(ctx), tea.WithInput(stdin), tea.WithOutput(stdout))
	failed := make(chan error, 1)
	go func() {
		err := w.follow(ctx, func(list []happening) error {
			p.Send(written(list))
			return nil
		})
		failed <- err
		if err != nil {
			p.Quit()
		}
	}()
	_, err := p.Run()
	if ctx.Err() != nil {
		err = nil // ended from outside, as it should be
	}
	stop()
	if ferr := <-failed; err == nil {
		err = ferr
	}
	return err
}

// Messages to the screen, beside keys and sizes.
type (
	written []happening // what was written to the repository
	around  struct {    // what is open now
		lanes []jitos.Workspace
		waits []jitos.Waiting
		err   error
	}
	opened struct { // a text to read
		title, text string
		err         error
	}
	decided struct { // a decision was carried out
		what string
		err  error
	}
)

// screen is the model of bubbletea: Update is given what happens, View draws. All that may take time is a command, and comes back as a
// message.
type screen struct {
	repo   fabricView
	ctx    context.Context
	width  int
	height int

	rows   []row             // oldest first
	lanes  []string          // by processes, "" for one that is free
	names  map[string]string // of workspaces, to those of their processes
	open   []jitos.Workspace
	waits  []jitos.Waiting
	at     int  // the row that is chosen
	pinned bool // it stays where it is; otherwise it is the newest

	page   *reading // a text that is read, nil for the rows
	prompt *prompt  // words that are typed, nil for none
	inbox  bool     // what waits is listed in place of the rows
	letter int      // the one that is chosen there
	help   bool
	said   string // what came of the last key
}

// mostRows is how far back one can scrub.
const mostRows = 2000

// reading is a text that is looked at.
type reading struct {
	title string
	lines []string
	top   int
}

type prompt struct {
	asks string
	text []rune
	done func(text string) tea.Cmd
}

func newScreen(ctx context.Context, repo fabricView) *screen {
	return &screen{ctx: ctx, repo: repo, names: map[string]string{}, width: 80, height: 24}
}

func (s *screen) Init() tea.Cmd { return s.lookAround }

func (s *screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch m := msg.(type) {
	case tea.WindowSizeMsg:
		s.width, s.height = m.Width, m.Height
	case written:
		s.add(m)
		return s, s.lookAround
	case around:
		if m.err == nil {
			s.open, s.waits = m.lanes, m.waits
			s.letter = max(0, min(s.letter, len(s.waits)-1))
		}
	case opened:
		if m.err != nil {
			s.said = m.err.Error()
			break
		}
		s.page = &reading{title: m.title, lines: strings.Split(strings.TrimRight(m.text, "\n"), "\n")}
	case decided:
		s.said = m.what
		if m.err != nil {
			s.said = m.err.Error()
		}
		return s, s.lookAround
	case tea.PasteMsg:
		if s.prompt != nil {
			s.prompt.text = append(s.prompt.text, []rune(plain.Line(m.Content))...)
		}
	case tea.KeyPressMsg:
		return s, s.key(m)
	}
	return s, nil
}

// add appends rewrites; who scrubs stays at the one that is looked at.
func (s *screen) add(list []happening) {
	for _, h := range list {
		s.rows = append(s.rows, s.place(h))
	}
	if extra := len(s.rows) - mostRows; extra > 0 {
		s.rows = s.rows[extra:]
		s.at = max(0, s.at-extra)
	}
	if !s.pinned {
		s.at = len(s.rows) - 1
	}
}

func (s *screen) key(m tea.KeyPressMsg) tea.Cmd {
	key := m.String()
	if key == "ctrl+c" {
		return tea.Quit
	}
	if s.prompt != nil {
		return s.typed(m)
	}
	s.said = ""
	switch {
	case s.help:
		s.help = false
		return nil
	case key == "?":
		s.help = true
		return nil
	case key == "q" && s.page == nil && !s.inbox:
		return tea.Quit
	case key == "esc" || key == "q":
		if s.page != nil {
			s.page = nil
		} else {
			s.inbox = false
		}
		return nil
	case key == "i" || key == "tab":
		s.inbox = !s.inbox || s.page != nil
		s.page = nil
		return nil
	case s.page != nil:
		s.page.scroll(key, s.room())
		return nil
	case s.inbox:
		return s.inboxKey(key)
	}
	s.at = moved(s.at, key, len(s.rows), s.room())
	s.pinned = s.at < len(s.rows)-1
	if key == "enter" || key == "d" {
		if len(s.rows) == 0 {
			return nil
		}
		return s.openCommit(s.rows[s.at].Commit)
	}
	return nil
}

// moved is where a key takes the choice among n, counted from the oldest; the newest is drawn at the top.
func moved(at int, key string, n, page int) int {
	switch key {
	case "up", "k":
		at++
	case "down", "j":
		at--
	case "pgup", "b":
		at += page
	case "pgdown", "space", "f":
		at -= page
	case "home", "g":
		at = n - 1
	case "end", "G":
		at = 0
	}
	return max(0, min(at, n-1))
}

func (p *reading) scroll(key string, room int) {
	switch key {
	case "up", "k":
		p.top--
	case "down", "j":
		p.top++
	case "pgup", "b":
		p.top -= room
	case "pgdown", "space", "f":
		p.top += room
	case "home", "g":
		p.top = 0
	case "end", "G":
		p.top = len(p.lines)
	}
	p.top = max(0, min(p.top, len(p.lines)-room))
}

func (s *screen) inboxKey(key string) tea.Cmd {
	if len(s.waits) == 0 {
		return nil
	}
	switch key {
	case "up", "k":
		s.letter = max(0, s.letter-1)
		return nil
	case "down", "j":
		s.letter = min(len(s.waits)-1, s.letter+1)
		return nil
	}
	w := s.waits[s.letter]
	switch key {
	case "enter", "d":
		return s.openWaiting(w)
	case "a":
		if w.About == jitos.AskText {
			s.said = "this asks for words: t answers it"
			return nil
		}
		return s.decide(w, jitos.Approved, "")
	case "x":
		s.prompt = &prompt{asks: "reject, because", done: func(text string) tea.Cmd { return s.decide(w, jitos.Rejected, text) }}
	case "t":
		if w.About != jitos.AskText && w.About != jitos.AskOutcome {
			s.said = "this asks for an approval: a approves, x rejects"
			return nil
		}
		s.prompt = &prompt{asks: "answer", done: func(text string) tea.Cmd { return s.decide(w, jitos.Answered, text) }}
	}
	return nil
}

// typed takes a key of somebody who types words.
func (s *screen) typed(m tea.KeyPressMsg) tea.Cmd {
	p := s.prompt
	switch m.String() {
	case "esc":
		s.prompt = nil
	case "enter":
		s.prompt = nil
		if text := strings.TrimSpace(string(p.text)); text != "" {
			return p.done(text)
		}
		s.said = "nothing was said, and nothing done"
	case "backspace":
		p.text = p.text[:max(0, len(p.text)-1)]
	default:
		p.text = append(p.text, []rune(m.Text)...)
	}
	return nil
}

func (s *screen) lookAround() tea.Msg {
	var a around
	a.lanes, a.waits, a.err = s.repo.around(s.ctx)
	return a
}

func (s *screen) openCommit(id jitos.CommitID) tea.Cmd {
	return func() tea.Msg {
		text, err := s.repo.commitText(s.ctx, id)
		return opened{"rewrite " + string(id[:min(10, len(id))]), text, err}
	}
}

func (s *screen) openWaiting(w jitos.Waiting) tea.Cmd {
	return func() tea.Msg {
		text, err := s.repo.diffText(s.ctx, w)
		return opened{"what " + w.SWS + " changes", w.Why + "\n\n" + text, err}
	}
}

func (s *screen) decide(w jitos.Waiting, d jitos.Decision, text string) tea.Cmd {
	return func() tea.Msg {
		err := s.repo.answer(s.ctx, w.ID, d, text)
		return decided{fmt.Sprintf("%s %s; `jitos run %s` goes on", d, w.ID, w.Task), err}
	}
}
