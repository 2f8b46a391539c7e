package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// inspected is what a server answers, of any method.
type inspected struct {
	Tools     []struct{ Name string }
	Content   []struct{ Text string } // of a tool
	IsError   bool
	Resources []struct{ URI string }
	Contents  []struct{ Text string } // of a resource
	Prompts   []struct{ Name string }
	Messages  []struct{ Content struct{ Text string } } // of a prompt
}

// inspect asks a server by npm's @modelcontextprotocol/inspector-cli, which is what `inspector --cli` starts, and decodes what it
// prints.
func inspect(t *testing.T, modules string, args ...string) (answer inspected) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "node", append([]string{"index.js"}, args...)...)
	cmd.Dir = filepath.Join(modules, "@modelcontextprotocol", "inspector-cli", "build") // it finds its own version from there
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &answer)
	}
	if err != nil {
		t.Fatalf("inspector %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return answer
}

// A client that is not ours finds the tools, resources and prompts, and works with them: over stdio, and over HTTP.
func TestInspector(t *testing.T) {
	modules := nodeModules(t)
	dir := agentRepo(t)
	d := start(t, dir)
	for name, server := range map[string][]string{
		"stdio": {"jitos", "--", "-C", dir, "mcp"},
		"http":  {strings.TrimSuffix(d.url, "/graphql") + "/mcp", "--transport", "http", "--header", "Authorization: Bearer " + d.token},
	} {
		t.Run(name, func(t *testing.T) {
			ask := func(method string, args ...string) inspected {
				t.Helper()
				return inspect(t, modules, slices.Concat(server[:1], []string{"--method", method}, args, server[1:])...)
			}
			if got := ask("tools/list"); len(got.Tools) != len(agentTools) {
				t.Errorf("%d tools of %d", len(got.Tools), len(agentTools))
			}
			if got := ask("tools/call", "--tool-name", "declare", "--tool-arg", "intent=name the release for "+name); got.IsError || len(got.Content) != 1 || !strings.Contains(got.Content[0].Text, `"task"`) {
				t.Errorf("%+v", got)
			}
			if got := ask("tools/call", "--tool-name", "show", "--tool-arg", "id=nothing-like-it"); !got.IsError {
				t.Errorf("a node that is not there was shown: %+v", got)
			}
			if name == "http" { // the same server, whose other answers went through above
				return
			}
			if got := ask("resources/list"); len(got.Resources) == 0 {
				t.Error("no resources")
			} else if got := ask("resources/read", "--uri", got.Resources[0].URI); len(got.Contents) == 0 || got.Contents[0].Text == "" {
				t.Errorf("%+v", got)
			}
			if got := ask("prompts/list"); len(got.Prompts) == 0 {
				t.Error("no prompts")
			}
			if got := ask("prompts/get", "--prompt-name", "explain", "--prompt-args", "of=README:1"); len(got.Messages) != 1 || got.Messages[0].Content.Text == "" {
				t.Errorf("%+v", got)
			}
		})
	}
}
