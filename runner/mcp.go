package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jitos/jitos/runner/llm"
)

// mcpTools are the tools of an MCP server: a program that is started for one job, in its directory and with its rights, and
// spoken to on standard input and output.
type mcpTools struct {
	member  Member
	session *mcpClient
	write   *io.PipeWriter
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
	t := &mcpTools{member: m, write: write, kill: kill, ended: make(chan error, 1)}
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
	fail := func(what string, err error) (*mcpTools, error) {
		t.close()
		return nil, fmt.Errorf("worker %s: %s%w", m.Name, what, err)
	}
	var err error
	if t.session, err = connectMCP(soon, read, write); err != nil {
		return fail("", err)
	}
	for cursor, more := "", true; more; more = cursor != "" {
		var page struct {
			Tools []struct {
				Name        string
				Description string
				InputSchema json.RawMessage
			}
			NextCursor string
		}
		params := map[string]any{}
		if cursor != "" {
			params["cursor"] = cursor
		}
		if err := t.session.call(soon, "tools/list", params, &page); err != nil {
			return fail("its tools: ", err)
		}
		for _, tool := range page.Tools {
			t.list = append(t.list, llm.Tool{Name: t.prefix() + tool.Name, About: tool.Description, Schema: tool.InputSchema})
		}
		cursor = page.NextCursor
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
	var r struct {
		Content []struct{ Type, Text string }
		IsError bool
	}
	params := map[string]any{"name": strings.TrimPrefix(call.Name, t.prefix()), "arguments": args}
	if err := t.session.call(soon, "tools/call", params, &r); err != nil {
		return "", err
	}
	var text strings.Builder
	for _, c := range r.Content {
		if c.Type == "text" {
			text.WriteString(c.Text + "\n")
		}
	}
	if r.IsError {
		return "", errors.New(strings.TrimSpace(text.String()))
	}
	return text.String(), nil
}

// close ends the server: a server ends when nobody speaks to it any more.
func (t *mcpTools) close() {
	_ = t.write.Close()
	select {
	case err := <-t.ended:
		t.ended <- err
	case <-time.After(grace):
	}
	t.kill()
	<-t.ended
}
