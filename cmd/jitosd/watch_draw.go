package main

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/internal/plain"
)

// Colours are the terminal's own sixteen. bubbletea leaves them out where NO_COLOR is set; nothing is said by colour alone.
var (
	faint   = lipgloss.NewStyle().Faint(true)
	bold    = lipgloss.NewStyle().Bold(true)
	chosen  = lipgloss.NewStyle().Reverse(true)
	good    = lipgloss.NewStyle().Foreground(lipgloss.Green)
	bad     = lipgloss.NewStyle().Foreground(lipgloss.Red)
	waiting = lipgloss.NewStyle().Foreground(lipgloss.Yellow).Bold(true)
)

// row is a rewrite with the picture of the lanes at its moment.
type row struct {
	happening
	picture string
}

// place gives a rewrite its row. A lane begins beside the system line with the rewrite that opens a workspace, or with the first that
// is seen of it, and ends with the one that collapses or discards it.
func (s *screen) place(h happening) row {
	var b strings.Builder
	mark := func(s string) { b.WriteString(s + " ") }
	name := string(h.Process)
	switch {
	case h.Workspace != "" && name != "":
		s.names[h.Workspace] = name
	case h.Workspace != "": // a plain commit of a person's
		if name = s.names[h.Workspace]; name == "" {
			name = h.Workspace
		}
	}
	lane := -1
	if name != "" {
		lane = slices.Index(s.lanes, name)
	}
	ends := h.Workspace == "" && (h.Rule == jitos.RuleCollapse || h.Rule == jitos.RuleDiscard)
	begins := lane < 0 && (h.Workspace != "" || h.Rule == jitos.RuleProcess)
	if begins {
		if lane = slices.Index(s.lanes, ""); lane < 0 {
			lane = len(s.lanes)
			s.lanes = append(s.lanes, "")
		}
		s.lanes[lane] = name
	}
	own := lane >= 0 && (h.Workspace != "" || begins || ends)
	if h.Workspace == "" {
		mark("●")
	} else {
		mark("│")
	}
	for i, l := range s.lanes {
		switch {
		case own && i == lane && h.Workspace != "":
			mark("●")
		case own && i == lane && h.Rule == jitos.RuleDiscard:
			mark("✗")
		case own && i == lane && ends:
			mark("╯")
		case own && i == lane:
			mark("╮")
		case l != "":
			mark("│")
		default:
			mark(" ")
		}
	}
	if ends && lane >= 0 {
		s.lanes[lane] = ""
		for len(s.lanes) > 0 && s.lanes[len(s.lanes)-1] == "" {
			s.lanes = s.lanes[:len(s.lanes)-1]
		}
	}
	return row{h, b.String()}
}

// room is how many rows fit between the head and the foot.
func (s *screen) room() int { return max(1, s.height-4-s.footLines()) }

// footLines are the workspaces that are shown at the foot: four at most, and a line for the others.
func (s *screen) footLines() int { return min(len(s.open), 5) }

func (s *screen) View() tea.View {
	var body []string
	switch {
	case s.help:
		body = strings.Split(helpText, "\n")
	case s.page != nil:
		body = append(body, bold.Render(s.text(s.page.title)))
		for _, l := range s.page.lines[s.page.top:min(len(s.page.lines), s.page.top+s.room()-1)] {
			body = append(body, diffLine(s.text(l)))
		}
	case s.inbox:
		body = s.inboxLines()
	default:
		body = s.rowLines()
	}
	room := s.room()
	body = body[:min(len(body), room)]
	for len(body) < room {
		body = append(body, "")
	}
	lines := append([]string{s.head(), ""}, body...)
	lines = append(lines, s.foot()...)
	v := tea.NewView(strings.Join(lines, "\n"))
	v.AltScreen = true
	v.WindowTitle = "jitos watch"
	return v
}

// text is one line of text from the repository, safe to print, that fits the screen.
func (s *screen) text(t string) string {
	return ansi.Truncate(plain.Line(strings.ReplaceAll(t, "\t", "    ")), s.width, "…")
}

func (s *screen) head() string {
	where := "live"
	if s.pinned && s.at < len(s.rows) {
		where = "at " + s.rows[s.at].When.Local().Format("15:04:05")
		if s.page == nil && !s.inbox { // there g goes elsewhere
			where += ", g goes back to live"
		}
	}
	head := fmt.Sprintf("jitos watch  %s", where)
	if n := len(s.open); n > 0 {
		head += fmt.Sprintf("  %d open", n)
	}
	head = bold.Render(head)
	if n := len(s.waits); n > 0 {
		head += "  " + waiting.Render(fmt.Sprintf("%d waiting for you: i", n))
	}
	return ansi.Truncate(head, s.width, "…")
}

func (s *screen) rowLines() []string {
	if len(s.rows) == 0 {
		return []string{faint.Render("nothing has happened yet")}
	}
	room := s.room()
	top := len(s.rows) - 1 // the row that is drawn first
	if s.at < top-room+1 {
		top = s.at + room - 1
	}
	var lines []string
	for i := top; i >= 0 && len(lines) < room; i-- {
		r := s.rows[i]
		what := plain.Line(r.What)
		if r.Rule != "" {
			what = r.Rule + ": " + what
		}
		plainLine := ansi.Truncate(r.When.Local().Format("15:04:05")+" "+r.picture+what, s.width, "…")
		switch {
		case i == s.at:
			plainLine = chosen.Render(plainLine)
		case r.Rule == jitos.RuleCollapse || r.Rule == jitos.RuleLand:
			plainLine = good.Render(plainLine)
		case r.Rule == jitos.RuleDiscard:
			plainLine = bad.Render(plainLine)
		case r.Workspace != "":
			plainLine = faint.Render(plainLine)
		}
		lines = append(lines, plainLine)
	}
	return lines
}

func (s *screen) inboxLines() []string {
	if len(s.waits) == 0 {
		return []string{faint.Render("nothing waits for you")}
	}
	lines := []string{bold.Render("what waits for you"), ""}
	for i, w := range s.waits {
		l := s.text(fmt.Sprintf("%s  %s  %s", w.About, w.SWS, w.Why))
		if i == s.letter {
			l = chosen.Render(l)
		}
		lines = append(lines, l)
	}
	return lines
}

// foot shows what each open workspace did last, and what may be done now.
func (s *screen) foot() []string {
	lines := []string{""}
	for i, w := range s.open {
		if i == 4 && len(s.open) > 5 {
			lines = append(lines, faint.Render(fmt.Sprintf("and %d more workspaces", len(s.open)-4)))
			break
		}
		last := ""
		for _, r := range slices.Backward(s.rows) {
			if r.Workspace == w.Name {
				last = r.Rule + ": " + r.What
				break
			}
		}
		lines = append(lines, s.text(fmt.Sprintf("%s  %s", w.Name, last)))
	}
	switch {
	case s.prompt != nil:
		lines = append(lines, s.text(s.prompt.asks+": "+string(s.prompt.text))+"▏")
	case s.said != "":
		lines = append(lines, waiting.Render(s.text(s.said)))
	case s.page != nil:
		lines = append(lines, faint.Render(s.text("↑↓ scroll · esc back · i inbox · ? help")))
	case s.inbox:
		lines = append(lines, faint.Render(s.text("d difference · a approve · x reject · t answer · esc back · ? help")))
	default:
		lines = append(lines, faint.Render(s.text("↑↓ scrub · enter difference · i inbox · ? help · q quit")))
	}
	return lines
}

func diffLine(l string) string {
	switch {
	case strings.HasPrefix(l, "+"):
		return good.Render(l)
	case strings.HasPrefix(l, "-"):
		return bad.Render(l)
	case strings.HasPrefix(l, "@@"):
		return faint.Render(l)
	}
	return l
}

const helpText = `↑ k  newer               g home  the newest, live
↓ j  older               G end   the oldest
b f  a page              enter d what the rewrite changed

i    what waits for you  there: d difference, a approve, x reject, t answer
esc  back                q       quit

● rewrite   ╮ a workspace opens   ╯ it collapses   ✗ it is discarded`
