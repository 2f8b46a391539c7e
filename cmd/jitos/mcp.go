package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

// The rights that `jitos mcp --caps` gives to an agent, and what each allows.
var agentCaps = []struct{ name, allows string }{
	{"read", "look at anything"},
	{"plan", "declare intents, and plan them"},
	{"run", "run plans: their jobs, under the policy of this fabric"},
	{"write", "work in workspaces, and write nodes and edges"},
	{"collapse", "merge proven workspaces into the system line"},
	{"answer", "decide what waits for a person"},
	{"land", "carry collapsed files to your branch, and take your commits in"},
}

// defaultCaps leaves to people what is theirs: their branch, and their decisions.
const defaultCaps = "read,plan,run,write,collapse"

func mcpCommand(a *app) *cli.Command {
	var caps strings.Builder
	for _, c := range agentCaps {
		fmt.Fprintf(&caps, "  %-9s %s\n", c.name, c.allows)
	}
	return &cli.Command{
		Name:     "mcp",
		Category: groupTool,
		Usage:    "serve the commands as tools for agents, by the Model Context Protocol over stdio",
		Description: `An agent starts it: {"command": "jitos", "args": ["-C", "/path/to/repository", "mcp"]}. Each tool is a command of this
program and answers with the JSON that it prints; progress and cancellation go both ways.

Rights for --caps, by commas:
` + caps.String(),
		Flags:  []cli.Flag{&cli.StringFlag{Name: "caps", Usage: "the `RIGHTS` of the agent", Value: defaultCaps}},
		Action: func(c *cli.Context) error { return a.mcp(c) },
	}
}

func (a *app) mcp(c *cli.Context) error {
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	s := &agentServer{dir: a.place(), heard: a.heard, granted: map[string]bool{}}
	for _, name := range strings.FieldsFunc(c.String("caps"), func(r rune) bool { return r == ',' || r == ' ' }) {
		if !slices.ContainsFunc(agentCaps, func(k struct{ name, allows string }) bool { return k.name == name }) {
			return usage("--caps: there is no right %q: `jitos mcp --help` lists them", name)
		}
		s.granted[name] = true
	}
	if _, err := a.open(c.Context); err != nil {
		return err
	}
	a.close() // each call opens the repository for itself
	a.opened = nil
	err := s.server().Run(c.Context, &mcp.IOTransport{Reader: io.NopCloser(a.ui.in), Writer: nopCloser{a.ui.out}})
	if c.Context.Err() != nil {
		return nil // ended as it should be
	}
	return err
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// agentServer lends commands of this program to an agent.
type agentServer struct {
	dir     string
	heard   <-chan struct{} // see app
	granted map[string]bool
}

func (s *agentServer) server() *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "jitos", Title: "jitos: work, proven, in git", Version: buildVersion().Jitos}, &mcp.ServerOptions{Instructions: primer})
	for _, t := range agentTools {
		destructive, closed := t.ends, false
		server.AddTool(&mcp.Tool{
			Name: t.name, Description: t.about, InputSchema: t.schema(),
			Annotations: &mcp.ToolAnnotations{ReadOnlyHint: t.needs == "read", DestructiveHint: &destructive, OpenWorldHint: &closed},
		}, func(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return s.call(ctx, t, r)
		})
	}
	s.addResources(server)
	addPrompts(server)
	return server
}

// schema is the JSON schema of a tool's input.
func (t agentTool) schema() *jsonschema.Schema {
	schema := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}, AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}}}
	for _, p := range t.params {
		one := &jsonschema.Schema{Description: p.about}
		switch p.kind {
		case wordsParam:
			one.Type, one.Items = "array", &jsonschema.Schema{Type: "string"}
		case mapParam:
			one.Type, one.AdditionalProperties = "object", &jsonschema.Schema{Type: "string"}
		case jsonParam:
			one.Type = "object"
		case yesParam:
			one.Type = "boolean"
		case countParam:
			one.Type = "integer"
		default:
			one.Type = "string"
		}
		for _, v := range p.oneOf {
			one.Enum = append(one.Enum, v)
		}
		schema.Properties[p.name] = one
		if p.required {
			schema.Required = append(schema.Required, p.name)
		}
	}
	schema.Properties["offset"] = &jsonschema.Schema{Type: "integer", Description: "go on with a long answer at this byte"}
	return schema
}

// call runs the command of a tool. What goes wrong is an answer that the agent can read, not a fault of the protocol.
func (s *agentServer) call(ctx context.Context, t agentTool, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	if !s.granted[t.needs] {
		return failed(fmt.Sprintf("denied: %s needs the right %q, and this server was started without it. A person can give it: jitos mcp --caps %s",
			t.name, t.needs, strings.Join(append(s.rights(), t.needs), ","))), nil
	}
	var in map[string]any
	if len(r.Params.Arguments) > 0 {
		if err := json.Unmarshal(r.Params.Arguments, &in); err != nil {
			return failed("the arguments are no JSON object"), nil
		}
	}
	args, stdin, offset, err := t.arguments(in)
	if err != nil {
		return failed(err.Error()), nil
	}
	var out bytes.Buffer
	told := &teller{say: func(string) {}}
	if token := r.Params.GetProgressToken(); token != nil {
		n := 0.0
		told.say = func(line string) {
			n++
			r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: token, Progress: n, Message: line})
		}
	}
	code := call(ctx, s.heard, append([]string{"jitos", "-C", s.dir}, args...), strings.NewReader(stdin), &out, told)
	text := page(strings.TrimSpace(out.String()), offset)
	if code == exitDone {
		if text == "" {
			text = strings.Join(told.lines, "\n")
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: text}}}, nil
	}
	parts := slices.DeleteFunc([]string{text, strings.Join(told.errors, "\n"), fmt.Sprintf("exit code %d", code)}, func(s string) bool { return s == "" })
	return failed(strings.Join(parts, "\n")), nil
}

func (s *agentServer) rights() []string {
	var list []string
	for _, c := range agentCaps {
		if s.granted[c.name] {
			list = append(list, c.name)
		}
	}
	return list
}

func failed(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

// mostText is how many bytes of an answer an agent gets at once.
const mostText = 24 << 10

// page cuts a long text, and says how to go on.
func page(text string, offset int) string {
	if offset > len(text) {
		return fmt.Sprintf("(the answer has %d bytes)", len(text))
	}
	rest := text[offset:]
	if len(rest) <= mostText {
		return rest
	}
	cut := mostText
	if at := strings.LastIndexByte(rest[:cut], '\n'); at > 0 {
		cut = at + 1
	}
	return fmt.Sprintf("%s… %d of %d bytes; go on with \"offset\": %d, or narrow the question", rest[:cut], cut, len(text), offset+cut)
}

// teller is the stderr of a command: progress is passed on line by line, errors and hints are kept.
type teller struct {
	mu     sync.Mutex
	rest   string
	lines  []string
	errors []string
	say    func(line string)
}

func (t *teller) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest += string(p)
	for {
		line, rest, ok := strings.Cut(t.rest, "\n")
		if !ok {
			return len(p), nil
		}
		t.rest = rest
		if strings.HasPrefix(line, "jitos: error:") || strings.HasPrefix(line, "jitos: hint:") {
			t.errors = append(t.errors, line)
			continue
		}
		t.lines = append(t.lines, line)
		t.say(line)
	}
}

// agentTool is a command as an agent sees it.
type agentTool struct {
	name, about string
	needs       string   // the right, see agentCaps
	command     []string // words before the parameters
	params      []param
	ends        bool // something is given up by it
}

type paramKind int

const (
	wordParam  paramKind = iota
	wordsParam           // the flag is given once for each
	mapParam             // NAME=VALUE for each
	jsonParam            // an object, on standard input
	textParam            // a text, on standard input
	yesParam
	countParam
	choiceParam // the flag of the name that was chosen
)

// param is one input of a tool. Without a flag it is an argument of the command, in the order of the list.
type param struct {
	name, about string
	flag        string // "--task"
	kind        paramKind
	required    bool
	oneOf       []string
}

// arguments makes the call of a command from what an agent sent. A value is never taken for a flag: those of flags are joined by
// "=", and arguments follow "--".
func (t agentTool) arguments(in map[string]any) (args []string, stdin string, offset int, err error) {
	args = slices.Clone(t.command)
	var words []string
	if n, ok := in["offset"].(float64); ok && n > 0 {
		offset = int(n)
	}
	for name := range in {
		if name != "offset" && !slices.ContainsFunc(t.params, func(p param) bool { return p.name == name }) {
			return nil, "", 0, fmt.Errorf("%w: %s has no parameter %q", jitos.ErrInvalid, t.name, name)
		}
	}
	for _, p := range t.params {
		v, given := in[p.name]
		if !given || v == nil {
			if p.required {
				return nil, "", 0, fmt.Errorf("%w: %s needs %s: %s", jitos.ErrInvalid, t.name, p.name, p.about)
			}
			continue
		}
		wrong := fmt.Errorf("%w: %s: %s is not what its schema says", jitos.ErrInvalid, t.name, p.name)
		switch p.kind {
		case yesParam:
			yes, ok := v.(bool)
			if !ok {
				return nil, "", 0, wrong
			}
			if yes {
				args = append(args, p.flag)
			}
		case countParam:
			n, ok := v.(float64)
			if !ok || n != float64(int(n)) {
				return nil, "", 0, wrong
			}
			args = append(args, fmt.Sprintf("%s=%d", p.flag, int(n)))
		case wordsParam:
			list, ok := v.([]any)
			if !ok {
				return nil, "", 0, wrong
			}
			for _, e := range list {
				word, ok := e.(string)
				if !ok {
					return nil, "", 0, wrong
				}
				args = append(args, p.flag+"="+word)
			}
		case mapParam:
			pairs, ok := v.(map[string]any)
			if !ok {
				return nil, "", 0, wrong
			}
			for _, name := range sortedKeys(pairs) {
				value, ok := pairs[name].(string)
				if !ok {
					return nil, "", 0, wrong
				}
				if strings.HasPrefix(value, "@") || name == "patch" && !strings.Contains(value, "\n") {
					return nil, "", 0, fmt.Errorf("%w: %s: %s would name a file: give the text itself", jitos.ErrInvalid, t.name, name)
				}
				args = append(args, p.flag+"="+name+"="+value)
			}
		case jsonParam:
			raw, err := json.Marshal(v)
			if err != nil || v == nil {
				return nil, "", 0, wrong
			}
			stdin = string(raw)
		default:
			word, ok := v.(string)
			if !ok || len(p.oneOf) > 0 && !slices.Contains(p.oneOf, word) {
				return nil, "", 0, wrong
			}
			switch {
			case p.kind == textParam:
				stdin = word
			case p.kind == choiceParam:
				if word != "refuse" {
					args = append(args, "--"+word)
				}
			case p.flag == "":
				words = append(words, word)
			default:
				args = append(args, p.flag+"="+word)
			}
		}
	}
	if len(words) > 0 {
		args = append(append(args, "--"), words...)
	}
	return args, stdin, offset, nil
}
