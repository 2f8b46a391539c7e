package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/llm"
)

// Bounds of what a tool tells a model.
const (
	maxToolText = 24 << 10 // bytes
	maxListed   = 400      // paths
	maxMatches  = 100      // lines
	commandTime = 2 * time.Minute
)

// toolbox is what a model may do in a job's directory, within the rights of the job. Paths that lead out of it do not open.
type toolbox struct {
	place  place
	root   *os.Root
	action jitos.Action
	vars   map[string]string
	log    *talkLog
	more   []extraTools
}

// extraTools are tools from elsewhere: those of an MCP server.
type extraTools interface {
	tools() []llm.Tool
	// use calls one; the error is for the model to read.
	use(ctx context.Context, call llm.Call) (string, error)
	close()
}

func newToolbox(dir string, action jitos.Action, vars map[string]string, log *talkLog) (*toolbox, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &toolbox{place: placeOf(dir), root: root, action: action, vars: vars, log: log}, nil
}

func (b *toolbox) close() {
	for _, m := range b.more {
		m.close()
	}
	_ = b.root.Close()
}

// fileTools are those that every model has.
var fileTools = []llm.Tool{
	tool("list", "Lists files, by a pattern such as **/*.go or src; without one, all.", `{"pattern":{"type":"string"}}`),
	tool("read", "Reads a text file, with line numbers. from and lines choose a part.",
		`{"path":{"type":"string"},"from":{"type":"integer"},"lines":{"type":"integer"}}`, "path"),
	tool("search", "Finds the lines that match a regular expression (RE2), in all files or those of a pattern.",
		`{"regexp":{"type":"string"},"pattern":{"type":"string"}}`, "regexp"),
	tool("edit", "Replaces old, which must occur exactly once, by new in a file. With old empty, writes new as a whole new file.",
		`{"path":{"type":"string"},"old":{"type":"string"},"new":{"type":"string"}}`, "path", "old", "new"),
	tool("run", "Runs a command of sh in the directory, for at most two minutes, and returns its output and exit status.",
		`{"command":{"type":"string"}}`, "command"),
}

func tool(name, about, properties string, required ...string) llm.Tool {
	if required == nil {
		required = []string{}
	}
	raw, _ := json.Marshal(map[string]any{"type": "object", "properties": json.RawMessage(properties), "required": required})
	return llm.Tool{Name: name, About: about, Schema: raw}
}

func (b *toolbox) tools() []llm.Tool {
	list := fileTools[:len(fileTools):len(fileTools)]
	for _, m := range b.more {
		list = append(list, m.tools()...)
	}
	return slices.DeleteFunc(slices.Clone(list), func(t llm.Tool) bool { return !b.mayCall(t.Name) })
}

// mayCall tells whether each level that names tools has one of this name.
func (b *toolbox) mayCall(name string) bool {
	for _, level := range b.action.Tools {
		if !slices.ContainsFunc(level, func(pattern string) bool { ok, _ := path.Match(pattern, name); return ok }) {
			return false
		}
	}
	return true
}

// toolArgs are the arguments of all file tools.
type toolArgs struct {
	Path, Pattern, Regexp, Old, New, Command string
	From, Lines                              int
}

// use carries out a call. The error is for the model to read.
func (b *toolbox) use(ctx context.Context, call llm.Call) (string, error) {
	b.log.line(fmt.Sprintf("* %s %s", call.Name, brief(call.Args)))
	if !b.mayCall(call.Name) {
		b.log.line("  denied: no tool:" + call.Name)
		return "", fmt.Errorf("%s: this job may not call it: it has no tool:%s", call.Name, call.Name)
	}
	for _, m := range b.more {
		for _, t := range m.tools() {
			if t.Name == call.Name {
				text, err := m.use(ctx, call)
				return bound(text), err
			}
		}
	}
	var args toolArgs
	if err := json.Unmarshal([]byte(orEmpty(call.Args)), &args); err != nil {
		return "", fmt.Errorf("the arguments of %s are not the JSON that it takes: %w", call.Name, err)
	}
	var text string
	var err error
	switch call.Name {
	case "list":
		text, err = b.list(args.Pattern)
	case "read":
		text, err = b.read(args)
	case "search":
		text, err = b.search(args)
	case "edit":
		text, err = b.edit(args)
	case "run":
		text, err = b.run(ctx, args.Command)
	default:
		err = fmt.Errorf("there is no tool %q", call.Name)
	}
	return bound(text), err
}

func orEmpty(args string) string {
	if strings.TrimSpace(args) == "" {
		return "{}"
	}
	return args
}

// bound keeps the head and the tail of a text.
func bound(text string) string {
	if len(text) <= maxToolText {
		return text
	}
	half := maxToolText / 2
	return strings.ToValidUTF8(text[:half]+fmt.Sprintf("\n… %d bytes cut …\n", len(text)-2*half)+text[len(text)-half:], "\uFFFD")
}

func brief(args string) string {
	args = strings.Join(strings.Fields(args), " ")
	if len(args) > 200 {
		args = strings.ToValidUTF8(args[:200], "") + "…"
	}
	return args
}

// walk calls visit with every file that the pattern matches, until it returns false.
func (b *toolbox) walk(pattern string, visit func(name string) bool) error {
	return fs.WalkDir(b.root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return nil // what cannot be read is not there for a model
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".venv"):
			return fs.SkipDir
		case d.Type().IsRegular() && (pattern == "" || jitos.MatchPath(pattern, name)) && !visit(name):
			return fs.SkipAll
		}
		return nil
	})
}

func (b *toolbox) list(pattern string) (string, error) {
	var names []string
	err := b.walk(pattern, func(name string) bool {
		names = append(names, name)
		return len(names) <= maxListed
	})
	if len(names) == 0 {
		return "no file matches", err
	}
	if len(names) > maxListed {
		names = append(names[:maxListed], "… and more: give a pattern")
	}
	return strings.Join(names, "\n"), err
}

func (b *toolbox) text(name string) (string, error) {
	if !mayRead(b.action, path.Clean(name)) {
		return "", fmt.Errorf("%s: this job may not read it", name)
	}
	raw, err := b.root.ReadFile(path.Clean(name))
	if err != nil {
		return "", plainErr(name, err)
	}
	if !utf8.Valid(raw) {
		return "", fmt.Errorf("%s is no text", name)
	}
	return string(raw), nil
}

// plainErr says what is wrong with a path, without where the directory is.
func plainErr(name string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("%s: %w", name, err)
}

func (b *toolbox) read(a toolArgs) (string, error) {
	text, err := b.text(a.Path)
	if err != nil {
		return "", err
	}
	lines := strings.SplitAfter(text, "\n")
	from := max(a.From, 1)
	if from > len(lines) {
		return "", fmt.Errorf("%s has %d lines", a.Path, len(lines))
	}
	to := len(lines)
	if a.Lines > 0 {
		to = min(to, from-1+a.Lines)
	}
	var out strings.Builder
	for i, l := range lines[from-1 : to] {
		if l != "" {
			fmt.Fprintf(&out, "%d\t%s", from+i, l)
		}
	}
	return out.String(), nil
}

func (b *toolbox) search(a toolArgs) (string, error) {
	re, err := regexp.Compile(a.Regexp)
	if err != nil {
		return "", err
	}
	var found []string
	err = b.walk(a.Pattern, func(name string) bool {
		text, err := b.text(name)
		if err != nil {
			return true
		}
		for i, l := range strings.Split(text, "\n") {
			if re.MatchString(l) {
				found = append(found, fmt.Sprintf("%s:%d: %s", name, i+1, brief(l)))
			}
		}
		return len(found) < maxMatches
	})
	if len(found) == 0 {
		return "nothing matches", err
	}
	if len(found) > maxMatches {
		found = append(found[:maxMatches], "… and more")
	}
	return strings.Join(found, "\n"), err
}

func (b *toolbox) edit(a toolArgs) (string, error) {
	name := path.Clean(a.Path)
	if !mayWrite(b.action.Step, b.action.Grants, name) {
		return "", fmt.Errorf("%s: this job may not write there", name)
	}
	if a.Old == "" {
		if _, err := b.root.Lstat(name); err == nil {
			return "", fmt.Errorf("%s is there already: say in old what to replace", name)
		}
		if err := b.root.MkdirAll(path.Dir(name), 0o755); err != nil {
			return "", plainErr(name, err)
		}
		if err := b.root.WriteFile(name, []byte(a.New), 0o644); err != nil {
			return "", plainErr(name, err)
		}
		return "written", nil
	}
	text, err := b.text(name)
	if err != nil {
		return "", err
	}
	if n := strings.Count(text, a.Old); n != 1 {
		return "", fmt.Errorf("old occurs %d times in %s, and must exactly once", n, name)
	}
	info, err := b.root.Stat(name)
	if err != nil {
		return "", plainErr(name, err)
	}
	if err := b.root.WriteFile(name, []byte(strings.Replace(text, a.Old, a.New, 1)), info.Mode().Perm()); err != nil {
		return "", plainErr(name, err)
	}
	return "replaced", nil
}

// run runs a command with the job's rights. It never sees the model's key.
func (b *toolbox) run(ctx context.Context, script string) (string, error) {
	if strings.TrimSpace(script) == "" {
		return "", errors.New("no command was given")
	}
	out := &output{}
	say := progress(b.log.host)
	c := command{place: b.place, argv: inShell(script), vars: b.vars, timeout: commandTime, line: func(_ int, text string) {
		text = b.log.hide.Replace(plainLine(text, b.place))
		out.add(text)
		say(text)
	}}
	end, err := c.run(ctx)
	if err != nil {
		return "", err
	}
	text := bound(out.text())
	b.log.line(fmt.Sprintf("  exit status %d, %d bytes of output", end.exit, len(text)))
	if end.timedOut {
		return text, fmt.Errorf("it ran longer than %s and was ended; it said:\n%s", commandTime, text)
	}
	return fmt.Sprintf("%sexit status %d", text, end.exit), nil
}
