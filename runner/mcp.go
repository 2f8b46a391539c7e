package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/jitos/jitos/runner/llm"
)

// mcpTools are the tools of an MCP server: a program that is started for one job, in its directory and with its rights, and
// spoken to on standard input and output.
type mcpTools struct {
	member  Member
	session *mcp.ClientSession
	list    []llm.Tool
	kill    context.CancelFunc
	ended   chan error
}

// startMCP starts a server and asks it for its tools. Each is offered as SERVER_TOOL.
func startMCP(ctx context.Context, p place, m Member, vars map[string]string, log *talkLog) (*mcpTools, error) {
	all := map[string]string{}
	for k, v := range vars {
		all[k] = v
	}
	for k, v := range m.environment() {
		all[k] = v
	}
	hide := redactor(all)
	alive, kill := context.WithCancel(context.WithoutCancel(ctx))
	toServer, write := io.Pipe()
	read, fromServer := io.Pipe()
	t := &mcpTools{member: m, kill: kill, ended: make(chan error, 1)}
	c := command{place: p, argv: m.def.Run, vars: all, timeout: timeout(log.step), stdin: toServer, stdout: fromServer,
		line: func(_ int, text string) { log.line("  " + m.Name + ": " + hide.Replace(text)) }}
	go func() {
		_, err := c.run(alive)
		if err == nil {
			err = errors.New("the server ended")
		}
		_ = toServer.CloseWithError(err)
		_ = fromServer.CloseWithError(err)
		t.ended <- err
	}()
	soon, stop := context.WithTimeout(ctx, 30*time.Second)
	defer stop()
	client := mcp.NewClient(&mcp.Implementation{Name: "jitos", Version: "1"}, nil)
	var err error
	if t.session, err = client.Connect(soon, &mcp.IOTransport{Reader: read, Writer: write}, nil); err != nil {
		t.close()
		return nil, fmt.Errorf("worker %s: %w", m.Name, err)
	}
	for tool, err := range t.session.Tools(soon, nil) {
		if err != nil {
			t.close()
			return nil, fmt.Errorf("worker %s: its tools: %w", m.Name, err)
		}
		schema, err := json.Marshal(tool.InputSchema)
		if err != nil {
			continue
		}
		t.list = append(t.list, llm.Tool{Name: t.prefix() + tool.Name, About: tool.Description, Schema: schema})
	}
	return t, nil
}

func (t *mcpTools) prefix() string { return strings.TrimPrefix(t.member.Name, "mcp/") + "_" }

func (t *mcpTools) tools() []llm.Tool { return t.list }

func (t *mcpTools) use(ctx context.Context, call llm.Call) (string, error) {
	var args map[string]any
	if err := json.Unmarshal([]byte(orEmpty(call.Args)), &args); err != nil {
		return "", fmt.Errorf("the arguments of %s are no JSON object: %w", call.Name, err)
	}
	soon, stop := context.WithTimeout(ctx, commandTime)
	defer stop()
	r, err := t.session.CallTool(soon, &mcp.CallToolParams{Name: strings.TrimPrefix(call.Name, t.prefix()), Arguments: args})
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, c := range r.Content {
		if part, ok := c.(*mcp.TextContent); ok {
			text.WriteString(part.Text + "\n")
		}
	}
	if r.IsError {
		return "", errors.New(strings.TrimSpace(text.String()))
	}
	return text.String(), nil
}

// close ends the server.
func (t *mcpTools) close() {
	if t.session != nil {
		done := make(chan struct{})
		go func() {
			_ = t.session.Close()
			close(done)
		}()
		select {
		case <-done:
		case <-time.After(grace):
		}
	}
	t.kill()
	<-t.ended
}
