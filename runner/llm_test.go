package runner

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/llm/llmtest"
)

func calls(list ...llmtest.Call) llmtest.Turn { return llmtest.Turn{Calls: list, In: 1000, Out: 100} }

// A whole talk in both protocols: faults of the server are got over, faults of the model are told to it, what it leaves is the
// result, and its key is nowhere.
func TestLLM(t *testing.T) {
	t.Setenv("MODEL_KEY", "sk-model-secret")
	for _, protocol := range []string{"anthropic", "openai"} {
		e, m := newExecutor(t)
		tree := put(t, m, files{"add.go": "package a\n\nfunc Add(a, b int) int { return a - b }\n", "docs/x.md": "x\n"})
		server := &llmtest.Server{Turns: []llmtest.Turn{
			{Code: 429, After: "1"},
			{Code: 500, Echo: true},
			calls(llmtest.Call{Name: "list", Args: ""}, llmtest.Call{Name: "search", Args: `{"regexp":"a - b"}`}),
			{Text: "I will", Cut: true},
			calls(llmtest.Call{Name: "read", Args: `{"path": "add.go"}`}, llmtest.Call{Name: "read", Args: `{"path": `}, llmtest.Call{Name: "fly", Args: "{}"}),
			calls(llmtest.Call{Name: "edit", Args: `{"path":"add.go","old":"a - b","new":"a + b"}`},
				llmtest.Call{Name: "edit", Args: `{"path":"add.go","old":"nowhere","new":""}`},
				llmtest.Call{Name: "edit", Args: `{"path":"docs/x.md","old":"x","new":"y"}`},
				llmtest.Call{Name: "edit", Args: `{"path":"../out","old":"","new":"y"}`}),
			calls(llmtest.Call{Name: "run", Args: `{"command":"env; cat add.go; exit 3"}`}),
			{Text: "Add adds now; sk-model-secret is no secret to me.", In: 1000, Out: 100},
		}}
		s := httptest.NewServer(server)
		defer s.Close()
		a := scriptedBy(t, e, s.URL, "protocol: "+protocol+", key: MODEL_KEY, price: {in: 3, out: 15}, usd: 1,")
		a.Tree, a.Step.Needs = tree, []string{"fs.write:*.go"}
		host := &testHost{t: t, e: e, failing: &jitos.Report{Failed: []string{"TestAdd"}}}
		r, err := e.Execute(t.Context(), a, host)
		if err != nil {
			t.Fatal(err)
		}
		wantVerdict(t, r, jitos.Pass, "")
		if got := get(t, m, r.Tree)["add.go"]; !strings.Contains(got, "a + b") {
			t.Errorf("%s: it left %s", protocol, got)
		}
		log, sent := r.Artifacts["transcript"], strings.Join(server.Seen(), "\n")
		for _, want := range []string{"TestAdd", "* search", "exit status 3", "Add adds now; [MODEL_KEY] is"} {
			if !strings.Contains(log, want) {
				t.Errorf("%s: the transcript lacks %q:\n%s", protocol, want, log)
			}
		}
		for _, want := range []string{"add.go:3: func Add", "are not the JSON that it takes", `there is no tool \"fly\"`, "old occurs 0 times", "this job may not write there",
			`\tpackage a`, "exit status 3"} {
			if !strings.Contains(sent, want) {
				t.Errorf("%s: the model was not told %q", protocol, want)
			}
		}
		if strings.Contains(log+r.Output+r.Reason+strings.Join(host.said, "\n")+sent, "sk-model-secret") {
			t.Errorf("%s: the key leaked", protocol)
		}
		// Five answers of 1000 in and 100 out: 5 * (3 + 1.5) thousandths of a dollar.
		if r.Artifacts["turns"] != "5" || r.Artifacts["tokens"] != "5500" || r.Artifacts["cost_usd"] != "0.0225" {
			t.Errorf("%s: %s turns, %s tokens, %s USD", protocol, r.Artifacts["turns"], r.Artifacts["tokens"], r.Artifacts["cost_usd"])
		}
		if len(host.said) == 0 {
			t.Errorf("%s: no progress", protocol)
		}
	}
}

// Every budget ends the talk, as does a model that does the same for ever, and one that is cut off; a model that cannot be
// reached starts nothing.
func TestLLM_ends(t *testing.T) {
	e, m := newExecutor(t)
	tree := put(t, m, files{"a": "a\n"})
	loop := []llmtest.Turn{}
	for _, p := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		loop = append(loop, calls(llmtest.Call{Name: "list", Args: `{"pattern":"` + p + `"}`}))
	}
	for name, c := range map[string]struct {
		more    string
		turns   []llmtest.Turn
		verdict jitos.Verdict
		reason  string
	}{
		"turns":   {"turns: 3,", loop, jitos.Fail, "its budget of 3 turns is used up"},
		"tokens":  {"tokens: 2000,", loop, jitos.Fail, "its budget of 2000 tokens is used up"},
		"money":   {"price: {in: 3000, out: 0}, usd: 5,", loop, jitos.Fail, "its budget of 5.00 USD is used up"},
		"repeats": {"", []llmtest.Turn{calls(llmtest.Call{Name: "list", Args: "{}"})}, jitos.Fail, "the same call 5 times in a row: list"},
		"denied":  {"", []llmtest.Turn{{Code: 401}}, jitos.CouldNot, "401 Unauthorized"},
		"down":    {"", []llmtest.Turn{{Code: 503}}, jitos.CouldNot, "5 tries: the model's server answers 503"},
		"breaks":  {"", []llmtest.Turn{loop[0], {Code: 500}}, jitos.Fail, "5 tries: the model's server answers 500"},
	} {
		a := scripted(t, e, c.more, c.turns...)
		a.Tree = tree
		r, err := e.Execute(t.Context(), a, &testHost{t: t, e: e})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict != c.verdict || !strings.Contains(r.Reason, c.reason) || r.Tree != tree {
			t.Errorf("%s: %s, %q, want %s, %q", name, r.Verdict, r.Reason, c.verdict, c.reason)
		}
	}
}

// An MCP server is a source of tools: started in the job's directory, called by the model, gone with the job.
func TestMCP(t *testing.T) {
	e, m := newExecutor(t)
	server := &llmtest.Server{Turns: []llmtest.Turn{
		calls(llmtest.Call{Name: "words_count", Args: `{"text":"one two three"}`}, llmtest.Call{Name: "words_count", Args: `{"text":""}`}),
		{Text: "counted"},
	}}
	s := httptest.NewServer(server)
	defer s.Close()
	a := scriptedBy(t, e, s.URL, "tools: [mcp/words],")
	var yaml strings.Builder
	yaml.WriteString("llm: {default: {protocol: anthropic, key: PATH, model: m, url: '" + s.URL + "', tools: [mcp/words]}}\n")
	yaml.WriteString("mcp: {words: {run: ['" + self(t) + "', " + mcpServerArg + "]}}\n")
	if err := e.Roster.read("workers.yaml", []byte(yaml.String())); err != nil {
		t.Fatal(err)
	}
	a.Tree = put(t, m, files{"a": "a\n"})
	r, err := e.Execute(t.Context(), a, &testHost{t: t, e: e})
	if err != nil {
		t.Fatal(err)
	}
	wantVerdict(t, r, jitos.Pass, "")
	sent := strings.Join(server.Seen(), "\n")
	for _, want := range []string{"words_count", "3 words", "nothing to count"} {
		if !strings.Contains(sent, want) {
			t.Errorf("the model was not told %q: %s", want, sent)
		}
	}
	if why := e.Roster.WhyNot("mcp/words", e.Allowed); !strings.Contains(why, "no worker") {
		t.Errorf("a server as a worker: %q", why)
	}
	words, _ := e.Roster.Member("mcp/words")
	if why := e.Roster.WhyNot("llm", func(hash string) bool { return hash != words.Hash }); !strings.Contains(why, "`jitos allow mcp/words`") {
		t.Errorf("tools that were not allowed: %q", why)
	}
}

// mcpServerArg makes the test binary an MCP server with one tool.
const mcpServerArg = "serve-words"

func serveWords() {
	type in struct {
		Text string `json:"text"`
	}
	server := mcp.NewServer(&mcp.Implementation{Name: "words", Version: "1"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "count", Description: "counts words"}, func(_ context.Context, _ *mcp.CallToolRequest, a in) (*mcp.CallToolResult, any, error) {
		n := len(strings.Fields(a.Text))
		text := &mcp.TextContent{Text: "3 words"}
		if n != 3 {
			text.Text = "nothing to count"
		}
		return &mcp.CallToolResult{Content: []mcp.Content{text}, IsError: n == 0}, nil, nil
	})
	_ = server.Run(context.Background(), &mcp.StdioTransport{})
}

// What a server says that is no answer of the protocol is passed over or refused; a call that ended is taken back, and one that
// the server does not live to answer fails.
func TestMCPClient(t *testing.T) {
	fromServer, toClient := io.Pipe()
	fromClient, toServer := io.Pipe()
	said := make(chan string, 10)
	go func() {
		lines := bufio.NewScanner(fromClient)
		for lines.Scan() {
			said <- lines.Text()
		}
	}()
	say := func(lines ...string) {
		for _, l := range lines {
			io.WriteString(toClient, l+"\n")
		}
	}
	heard := func(want string) {
		t.Helper()
		if got := <-said; !strings.Contains(got, want) {
			t.Errorf("the client said %s, want %s", got, want)
		}
	}
	type made struct {
		c   *mcpClient
		err error
	}
	connected := make(chan made)
	go func() {
		c, err := connectMCP(t.Context(), fromServer, toServer)
		connected <- made{c, err}
	}()
	heard(`"initialize"`)
	say(`listening`, `{"jsonrpc":"2.0","id":7,"result":{}}`, `{"jsonrpc":"2.0","method":"notifications/message"}`, `{"jsonrpc":"2.0","id":1,"result":{}}`)
	m := <-connected
	c := m.c
	if m.err != nil {
		t.Fatal(m.err)
	}
	heard(`"notifications/initialized"`)
	say(`{"jsonrpc":"2.0","id":"x","method":"ping"}`)
	heard(`"id":"x","result":{}`)
	say(`{"jsonrpc":"2.0","id":9,"method":"sampling/createMessage"}`)
	heard(`-32601`)
	ctx, cancel := context.WithCancel(t.Context())
	slow := make(chan error, 1)
	go func() { slow <- c.call(ctx, "tools/call", nil, nil) }()
	heard(`"tools/call"`)
	cancel()
	if err := <-slow; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	heard(`"requestId":2`)
	go func() { slow <- c.call(t.Context(), "tools/call", nil, nil) }()
	heard(`"id":3`)
	say(`{"jsonrpc":"2.0","id":3,"error":{"code":-32000,"message":"no such thing"}}`)
	if err := <-slow; err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("%v", err)
	}
	go func() { slow <- c.call(t.Context(), "tools/call", nil, nil) }()
	heard(`"id":4`)
	toClient.Close()
	if err := <-slow; err == nil || !strings.Contains(err.Error(), "the server ended") {
		t.Errorf("%v", err)
	}
}

// A model is offered the tools that each level names, and a call of another is refused and in the transcript.
func TestLLM_held(t *testing.T) {
	t.Setenv("MODEL_KEY", "sk-model-secret")
	e, m := newExecutor(t)
	server := &llmtest.Server{Turns: []llmtest.Turn{
		calls(llmtest.Call{Name: "run", Args: `{"command":"echo ran"}`}, llmtest.Call{Name: "read", Args: `{"path":"a"}`}),
		{Text: "done"},
	}}
	s := httptest.NewServer(server)
	defer s.Close()
	a := scriptedBy(t, e, s.URL, "protocol: openai, key: MODEL_KEY,")
	a.Tree, a.Tools = put(t, m, files{"a": "the text of a\n"}), [][]string{{"re*", "search", "run"}, {"read"}}
	r, err := e.Execute(t.Context(), a, &testHost{t: t, e: e})
	if err != nil {
		t.Fatal(err)
	}
	sent := strings.Join(server.Seen(), "\n")
	if !strings.Contains(r.Artifacts["transcript"], "denied: no tool:run") || strings.Contains(sent, "exit status") || !strings.Contains(sent, "the text of a") ||
		!strings.Contains(sent, "it has no tool:run") || strings.Contains(sent, "Runs a command of sh") || !strings.Contains(sent, "Reads a text file") {
		t.Errorf("%+v\n%s", r, sent)
	}
}
