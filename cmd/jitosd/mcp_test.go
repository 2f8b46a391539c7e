package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/jitos/jitos/cmd/internal/exit"
)

// agent is a client of a `jitos mcp` of its own.
type agent struct {
	t       *testing.T
	session *mcp.ClientSession
	told    atomic.Int64 // progress
}

// agentIn starts a server in a repository, and a client that speaks to it over stdio.
func agentIn(t *testing.T, dir string, args ...string) *agent {
	t.Helper()
	a := &agent{t: t}
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, &mcp.ClientOptions{
		ProgressNotificationHandler: func(context.Context, *mcp.ProgressNotificationClientRequest) { a.told.Add(1) }})
	session, err := client.Connect(t.Context(), &mcp.CommandTransport{Command: exec.Command("jitos", append([]string{"-C", dir, "mcp"}, args...)...)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.Close() })
	a.session = session
	return a
}

// call calls a tool and returns the text of its answer.
func (a *agent) call(name string, args map[string]any) (text string, failed bool) {
	a.t.Helper()
	p := &mcp.CallToolParams{Name: name, Arguments: args}
	p.SetProgressToken(name)
	r, err := a.session.CallTool(a.t.Context(), p)
	if err != nil {
		a.t.Fatalf("%s: %v", name, err)
	}
	for _, c := range r.Content {
		if t, ok := c.(*mcp.TextContent); ok {
			text += t.Text
		}
	}
	return text, r.IsError
}

// must calls a tool that has to succeed, and decodes its answer.
func (a *agent) must(name string, args map[string]any) map[string]any {
	a.t.Helper()
	text, failed := a.call(name, args)
	if failed {
		a.t.Fatalf("%s %v: %s", name, args, text)
	}
	var v map[string]any
	json.Unmarshal([]byte(text), &v) // some say what they did in words
	return v
}

// refused calls a tool that has to fail, and say so.
func (a *agent) refused(name string, args map[string]any, say string) {
	a.t.Helper()
	if text, failed := a.call(name, args); !failed || !strings.Contains(text, say) {
		a.t.Errorf("%s %v: failed %v: %s; want %q", name, args, failed, text, say)
	}
}

// agentRepo is a repository with a fabric, in which every command of the pair is on PATH.
func agentRepo(t *testing.T) string {
	t.Helper()
	dir, _ := repository(t)
	bin := pair(t)
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Cleanup(func() {
		if out, err := exec.Command(filepath.Join(bin, "jitos"), "-C", dir, "verify").CombinedOutput(); err != nil {
			t.Errorf("verify: %v\n%s", err, out)
		}
	})
	return dir
}

// The whole life of an intent, by tools.
func TestMCP(t *testing.T) {
	dir := agentRepo(t)
	a := agentIn(t, dir, "--caps", defaultCaps+",land")
	tools, err := a.session.ListTools(t.Context(), nil)
	if err != nil || len(tools.Tools) != len(agentTools) {
		t.Fatalf("%v, %v", tools, err)
	}
	task, _ := a.must("declare", map[string]any{"intent": "name the release", "gates": []string{"test -f NAME"}})["task"].(string)
	if task == "" {
		t.Fatal("no task")
	}
	a.refused("run", map[string]any{"task": task}, "exit code 3")
	a.must("submit_plan", map[string]any{"task": task, "plan": "title: write the name\nsteps:\n  write: {run: \"echo larder > NAME\", needs: [\"fs.write:**\"]}\n"})
	out := a.must("run", map[string]any{"task": task})
	if out["outcome"] != "collapsed" {
		t.Errorf("%v", out)
	}
	if a.told.Load() == 0 {
		t.Error("no progress was told")
	}
	a.must("land", nil)
	if raw, err := os.ReadFile(filepath.Join(dir, "NAME")); err != nil || string(raw) != "larder\n" {
		t.Errorf("%q, %v", raw, err)
	}
	why := a.must("why", map[string]any{"of": "NAME:1"})
	if got, _ := json.Marshal(why); !strings.Contains(string(got), task) {
		t.Errorf("%s", got)
	}
	r, err := a.session.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "jitos://node/task/" + task})
	if err != nil || !strings.Contains(r.Contents[0].Text, "name the release") {
		t.Errorf("%v, %v", r, err)
	}
	if _, err := a.session.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "jitos://node/task/nothing-like-it"}); err == nil {
		t.Error("a node that is not there was read")
	}
	p, err := a.session.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "explain", Arguments: map[string]string{"of": "NAME:1"}})
	if err != nil || len(p.Messages) != 1 {
		t.Errorf("%v, %v", p, err)
	}
}

// What a right does not cover is denied, and says who can give it. What an agent sends is never taken for a flag, nor for the
// name of a file.
func TestMCP_denies(t *testing.T) {
	dir := agentRepo(t)
	a := agentIn(t, dir, "--caps", "read,plan")
	a.refused("run", map[string]any{"task": "x"}, `needs the right "run"`)
	a.refused("land", nil, "--caps read,plan,land")
	a.refused("show", map[string]any{"id": "--help"}, "not found")
	a.refused("log", map[string]any{"n": 1, "task": "--all"}, "not found")
	a.refused("log", map[string]any{"n": 1.5}, "not what its schema says")
	a.refused("log", map[string]any{}, "needs n")
	a.refused("show", map[string]any{"id": "x", "extra": true}, "no parameter")
	a.refused("declare", map[string]any{"intent": "apply it", "args": map[string]string{"patch": "/etc/passwd"}}, "would name a file")
	a.refused("declare", map[string]any{"intent": "apply it", "args": map[string]string{"x": "@/etc/passwd"}}, "would name a file")
	b := agentIn(t, dir, "--caps", "plan")
	if _, err := b.session.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "jitos://status"}); err == nil {
		t.Error("a resource was read without the right to")
	}
}

// A long answer comes in pages that make up the whole.
func TestMCP_pages(t *testing.T) {
	text := strings.Repeat("a line of the answer\n", 5000)
	got, offset := "", 0
	for offset < len(text) {
		p := page(text, offset)
		if cut := strings.Index(p, "… "); cut >= 0 {
			p = p[:cut]
		}
		got, offset = got+p, offset+len(p)
	}
	if got != text {
		t.Errorf("%d bytes, want %d", len(got), len(text))
	}
}

// Two agents in one repository: they see each other's work; the collapse of one makes the other's workspace conflict; that one
// rebases, mends and collapses. Nothing is lost, and the log tells it.
func TestMCP_twoAgents(t *testing.T) {
	dir := agentRepo(t)
	first, second := agentIn(t, dir), agentIn(t, dir)
	open := func(a *agent, name string) string {
		a.must("open_workspace", map[string]any{"workspace": name, "intent": "work on the words: " + name})
		d, _ := a.must("workspace_dir", map[string]any{"workspace": name})["dir"].(string)
		if d == "" {
			t.Fatal("no directory")
		}
		return d
	}
	one, two := open(first, "first"), open(second, "second")
	text, _ := second.call("status", nil)
	if !strings.Contains(text, `"name": "first"`) {
		t.Errorf("the second does not see the first: %s", text)
	}
	write := func(dir, text string) {
		if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	write(one, "one\nTWO\n")
	write(two, "one\ntwo!\n")
	first.must("save", map[string]any{"workspace": "first", "message": "shout"})
	second.must("save", map[string]any{"workspace": "second", "message": "exclaim"})
	collapse := func(a *agent, name string) (string, bool) {
		return a.call("collapse", map[string]any{"workspace": name, "no_gate": true, "why": "words are no code"})
	}
	if text, failed := collapse(first, "first"); failed {
		t.Fatal(text)
	}
	if text, failed := collapse(second, "second"); !failed || !strings.Contains(text, "notes.txt") || !strings.Contains(text, "exit code 5") {
		t.Fatalf("the second collapsed over the first, or said nothing: %s", text)
	}
	second.must("discard", map[string]any{"workspace": "second", "why": "the first changed the same line"})
	again := open(second, "again")
	write(again, "one\nTWO!\n")
	second.must("save", map[string]any{"workspace": "again", "message": "exclaim, too"})
	if text, failed := collapse(second, "again"); failed {
		t.Fatal(text)
	}
	log := second.must("log", map[string]any{"n": 20})
	story, _ := json.Marshal(log)
	for _, part := range []string{"first, 1 file by hand", "1 conflict of second", "the first changed the same line", "again, 1 file by hand"} {
		if !strings.Contains(string(story), part) {
			t.Errorf("the log does not tell of %q: %s", part, story)
		}
	}
}

// A call that is cancelled ends, and the server goes on.
func TestMCP_cancelled(t *testing.T) {
	dir := agentRepo(t)
	a := agentIn(t, dir)
	task, _ := a.must("declare", map[string]any{"intent": "sleep", "gates": []string{"test -f done"}})["task"].(string)
	a.must("submit_plan", map[string]any{"task": task, "plan": "title: sleep\nsteps:\n  sleep: {run: \"sleep 600\"}\n"})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := a.session.CallTool(ctx, &mcp.CallToolParams{Name: "run", Arguments: map[string]any{"task": task}})
		ended <- err
	}()
	for {
		text, failed := a.call("status", nil)
		if failed {
			t.Fatal(text)
		}
		if strings.Contains(text, `"status": "open"`) {
			break
		}
	}
	cancel()
	if err := <-ended; err == nil {
		t.Error("a cancelled call succeeded")
	}
	if text, failed := a.call("status", nil); failed {
		t.Error(text)
	}
}

// A command that is killed is an answer, and nothing more: the server goes on.
func TestMCP_crash(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "jitos")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\nkill -9 $$\n"), 0o777); err != nil {
		t.Fatal(err)
	}
	s := &agentServer{jitos: broken, dir: "."}
	if _, told, code := s.run(t.Context(), []string{"status"}, "", nil); code != exit.Failed || !strings.Contains(strings.Join(told.errors, ""), "killed") {
		t.Errorf("code %d, %v", code, told.errors)
	}
}

// What the other program is needed for says how to get it, where it is not there.
func TestHandOver(t *testing.T) {
	dir, _ := repository(t)
	bin := pair(t)
	cmd := exec.Command(filepath.Join(bin, "jitos"), "-C", dir, "mcp", "--help")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--caps") {
		t.Errorf("%v\n%s", err, out)
	}
	cmd = exec.Command(filepath.Join(bin, "jitos"), "-C", dir, "mcp", "--caps=all")
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != exit.UsageCode || !strings.Contains(string(out), `no right "all"`) {
		t.Errorf("%v\n%s", err, out)
	}
	alone := filepath.Join(t.TempDir(), "jitos")
	if err := os.Link(filepath.Join(bin, "jitos"), alone); err != nil {
		t.Fatal(err)
	}
	cmd = exec.Command(alone, "-C", dir, "mcp")
	cmd.Env = append(os.Environ(), "PATH=/nowhere")
	if out, err := cmd.CombinedOutput(); cmd.ProcessState.ExitCode() != exit.NotFound || !strings.Contains(string(out), "go install") {
		t.Errorf("%v\n%s", err, out)
	}
}
