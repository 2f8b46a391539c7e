package main

// The rules of this interface, for people and for scripts:
//
//   - Data goes to stdout. Progress, notices, errors and hints go to stderr.
//   - Colour and live progress appear on a terminal only, and not where NO_COLOR is set or TERM is dumb. Data in colour
//     says nothing that it would not say without.
//   - --json prints one documented object on stdout and nothing else there. Its field names are stable; unknown ones may
//     be added. Errors go to stderr as always, and the exit code is the same.
//   - Nothing asks a question or opens an editor.
//   - Long output on a terminal goes through JITOS_PAGER, else PAGER, else less where there is one. JITOS_PAGER="" or
//     "cat" turns that off.
//   - Text that came from the repository (names, subjects, intents, output of jobs) is printed with its control
//     characters escaped, so that a commit message cannot move the cursor, set the title or hide a line.
//     On a terminal one last look (guard) lets nothing else than colours through, whoever forgot.
//   - Errors are lower case, without a period: `jitos: error: what and why`. Where something would help, a line
//     `jitos: hint: …` follows. A hint never holds a complete command that destroys something.
//   - What changes nothing says so; what changes something says what, and what to do next.

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/internal/plain"
)

// ui is where a command reads and writes. Its methods are safe for concurrent use.
type ui struct {
	in        io.Reader
	out, err  io.Writer
	outTTY    bool // stdout is a terminal
	errTTY    bool
	outColour bool
	errColour bool

	numbered bool // progress tells attempts apart by numbers: several are under way at once

	mu       sync.Mutex
	attempts map[jitos.ProcessID]int // in the order in which they were first told of
	live     *live                   // the region at the foot of the terminal, nil where there is none
}

func newUI(in io.Reader, out, err io.Writer) *ui {
	u := &ui{in: in, out: out, err: err, outTTY: isTerminal(out), errTTY: isTerminal(err)}
	colour := os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	u.outColour, u.errColour = u.outTTY && colour, u.errTTY && colour
	return u
}

func isTerminal(w any) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// printf writes data.
func (u *ui) printf(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.live.clear()
	io.WriteString(u.out, guard(u.outTTY, fmt.Sprintf(format, args...)))
	u.live.draw()
}

// notef writes a line of progress, or a notice.
func (u *ui) notef(format string, args ...any) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.live.clear()
	io.WriteString(u.err, guard(u.errTTY, fmt.Sprintf(format+"\n", args...)))
	u.live.draw()
}

// json writes one object as data.
func (u *ui) json(v any) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.live.clear()
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := io.WriteString(u.out, guardJSON(u.outTTY, b.String()))
	return err
}

// fail ends the program: it prints the error, with its hint, and returns the exit code.
func (u *ui) fail(err error) int {
	if err != nil {
		u.notef("%s %s", u.red("jitos: error:"), clean(err.Error()))
		if hint := hintOf(err); hint != "" {
			u.notef("%s %s", u.yellow("jitos: hint:"), clean(hint))
		}
	}
	return exitCode(err)
}

// page runs f with a writer that goes to a pager where stdout is a terminal. A pager that was quit early is no error.
func (u *ui) page(f func(w io.Writer) error) error {
	command := pager()
	if !u.outTTY || command == "" {
		return f(u.out)
	}
	cmd := exec.Command("sh", "-c", command)
	cmd.Stdout, cmd.Stderr = u.out, u.err
	if os.Getenv("LESS") == "" {
		cmd.Env = append(os.Environ(), "LESS=FRX")
	}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return f(u.out)
	}
	ferr := f(&quittable{w: pipe})
	pipe.Close()
	cmd.Wait()
	return ferr
}

func pager() string {
	if p, set := os.LookupEnv("JITOS_PAGER"); set {
		if p == "cat" {
			return ""
		}
		return p
	}
	if p := os.Getenv("PAGER"); p != "" && p != "cat" {
		return p
	}
	if _, err := exec.LookPath("less"); err == nil {
		return "less"
	}
	return ""
}

// quittable drops what is written after the reader went away.
type quittable struct {
	w    io.Writer
	gone bool
}

func (q *quittable) Write(p []byte) (int, error) {
	if !q.gone {
		if _, err := q.w.Write(p); err != nil {
			q.gone = true
		}
	}
	return len(p), nil
}

// cleanWriter escapes the control characters of what goes to a terminal. In a pipe text stays as it is, so that a patch can
// be applied.
func (u *ui) cleanWriter(w io.Writer) io.Writer {
	if !u.outTTY {
		return w
	}
	return &cleaner{w: bufio.NewWriter(w)}
}

// cleaner escapes line by line, since a character may come in two writes.
type cleaner struct {
	w    *bufio.Writer
	rest []byte
}

func (c *cleaner) Write(p []byte) (int, error) {
	c.rest = append(c.rest, p...)
	i := bytes.LastIndexByte(c.rest, '\n') + 1
	if i > 0 {
		c.w.WriteString(clean(string(c.rest[:i])))
		c.rest = append(c.rest[:0], c.rest[i:]...)
	}
	return len(p), c.w.Flush()
}

// width is that of the terminal that progress goes to; 100 where there is none.
func (u *ui) width() int {
	if f, ok := u.err.(*os.File); ok && u.errTTY {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 20 {
			return w
		}
	}
	return 100
}

// clean and line make text that came from outside safe to print: see package plain.
func clean(s string) string { return plain.Clean(s) }
func line(s string) string  { return plain.Line(s) }

// unsafe tells whether a character could drive a terminal, or turn the text around it.
func unsafe(r rune) bool { return plain.Clean(string(r)) != string(r) }

// guard is the last look at what goes to a terminal, whatever the callers have cleaned: of all that could drive it only the
// colours of paint pass.
func guard(terminal bool, s string) string {
	if !terminal || !strings.ContainsFunc(s, unsafe) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for s != "" {
		at := strings.IndexByte(s, '\x1b')
		if at < 0 {
			at = len(s)
		}
		b.WriteString(clean(s[:at]))
		if s = s[at:]; s == "" {
			break
		}
		n := colour(s)
		if n > 0 {
			b.WriteString(s[:n])
		} else {
			n = 1
			b.WriteString(clean(s[:n]))
		}
		s = s[n:]
	}
	return b.String()
}

// colour is the length of the sequence of paint's that a text begins with, 0 for none.
func colour(s string) int {
	for _, sgr := range []string{"0", "1", "2", "31", "31;1", "32", "33", "34", "35", "36"} {
		if seq := "\x1b[" + sgr + "m"; strings.HasPrefix(s, seq) {
			return len(seq)
		}
	}
	return 0
}

// guardJSON does so for JSON, by the escapes of JSON; what the encoder leaves are characters within strings.
func guardJSON(terminal bool, s string) string {
	if !terminal || !strings.ContainsFunc(s, unsafe) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unsafe(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Colours of stderr.
func (u *ui) red(s string) string    { return paint(u.errColour, "31;1", s) }
func (u *ui) yellow(s string) string { return paint(u.errColour, "33", s) }
func (u *ui) green(s string) string  { return paint(u.errColour, "32", s) }
func (u *ui) faint(s string) string  { return paint(u.errColour, "2", s) }

// bold and dim are for data on stdout.
func (u *ui) bold(s string) string { return paint(u.outColour, "1", s) }
func (u *ui) dim(s string) string  { return paint(u.outColour, "2", s) }

// paint puts a colour (the numbers of an SGR sequence) around a text.
func paint(on bool, sgr, s string) string {
	if !on || s == "" {
		return s
	}
	return "\x1b[" + sgr + "m" + s + "\x1b[0m"
}

// plural is a number and its noun; the plural is given where it is not the word with an s.
func plural(n int, word string, many ...string) string {
	switch {
	case n == 1:
		return "1 " + word
	case len(many) > 0:
		return strconv.Itoa(n) + " " + many[0]
	}
	return strconv.Itoa(n) + " " + word + "s"
}
