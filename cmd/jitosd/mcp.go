package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos/cmd/internal/companion"
	"github.com/jitos/jitos/cmd/internal/exit"
	"github.com/jitos/jitos/warpgit"
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

func mcpCommand(stdin io.Reader, stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:  "mcp",
		Usage: "serve the commands of jitos as tools for agents, by the Model Context Protocol over stdio",
		Description: `An agent starts it: {"command": "jitos", "args": ["-C", "/path/to/repository", "mcp"]}. Each tool runs a command of jitos and
answers with the JSON that it prints; progress and cancellation go both ways.

Rights for --caps, by commas:
` + capsHelp(),
		Flags:  []cli.Flag{capsFlag("the `RIGHTS` of the agent")},
		Action: func(c *cli.Context) error { return serveAgent(c, stdin, stdout) },
	}
}

func capsFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "caps", Usage: usage, Value: defaultCaps}
}

func capsHelp() string {
	var b strings.Builder
	for _, c := range agentCaps {
		fmt.Fprintf(&b, "  %-9s %s\n", c.name, c.allows)
	}
	return b.String()
}

func serveAgent(c *cli.Context, stdin io.Reader, stdout io.Writer) error {
	if c.Args().Present() {
		return exit.Usage("mcp takes no arguments")
	}
	ctx, dir := c.Context, c.String("C")
	repo, err := warpgit.Open(dir) // each tool opens the repository for itself; that there is one is said now
	if err != nil {
		return err
	}
	repo.Close()
	s, err := newAgentServer(dir, c.String("caps"))
	if err != nil {
		return err
	}
	err = s.server(ctx).Run(ctx, &mcp.IOTransport{Reader: io.NopCloser(stdin), Writer: nopCloser{stdout}})
	if ctx.Err() != nil {
		return nil // ended as it should be
	}
	return err
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// agentServer lends commands of jitos to agents.
type agentServer struct {
	jitos   string // the program
	dir     string
	granted map[string]bool
}

// newAgentServer finds the program, and reads the rights.
func newAgentServer(dir, caps string) (*agentServer, error) {
	s := &agentServer{dir: dir, granted: map[string]bool{}}
	for _, name := range strings.FieldsFunc(caps, func(r rune) bool { return r == ',' || r == ' ' }) {
		if !slices.ContainsFunc(agentCaps, func(k struct{ name, allows string }) bool { return k.name == name }) {
			return nil, exit.Usage("--caps: there is no right %q: `jitosd mcp --help` lists them", name)
		}
		s.granted[name] = true
	}
	var err error
	s.jitos, err = companion.Find("jitos")
	return s, err
}

// server is what agents speak to. What they should know is what `jitos prime` says of every repository; status tells the rest.
func (s *agentServer) server(ctx context.Context) *mcp.Server {
	primer, _, code := s.run(ctx, []string{"prime"}, "", nil)
	if code != exit.Done {
		primer = "There is no fabric in this repository yet: a person makes one by `jitos init`."
	}
	primer, _, _ = strings.Cut(primer, "\nNow: ")
	server := mcp.NewServer(&mcp.Implementation{Name: "jitos", Title: "jitos: work, proven, in git", Version: version()}, &mcp.ServerOptions{Instructions: primer})
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

// version is that of the module which this program was built from.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
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
	var say func(string)
	if token := r.Params.GetProgressToken(); token != nil {
		n := 0.0
		say = func(line string) {
			n++
			r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: token, Progress: n, Message: line})
		}
	}
	out, told, code := s.run(ctx, args, stdin, say)
	text := page(strings.TrimSpace(out), offset)
	if code == exit.Done {
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
