package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/jitos/jitos/cmd/internal/exit"
)

// Resources are what an agent may read without a tool: jitos://status, jitos://log, jitos://inbox, and any node or commit.

const resourceScheme = "jitos://"

func (s *agentServer) addResources(server *mcp.Server) {
	for _, r := range []struct{ name, about string }{
		{"status", "what is open, waiting, and can be landed"},
		{"log", "the newest fifty rewrites of the system line"},
		{"inbox", "what waits for a person"},
	} {
		server.AddResource(&mcp.Resource{Name: r.name, URI: resourceScheme + r.name, Description: r.about, MIMEType: "application/json"}, s.read)
	}
	for _, r := range []struct{ name, uri, about string }{
		{"node", "node/{kind}/{name}", "a node of the graph, with its edges"},
		{"task-log", "log/{task}", "the rewrites of one task, with what happened in its workspaces"},
		{"commit", "commit/{id}", "a rewrite: what it did, relied on and changed"},
		{"diff", "diff/{workspace}", "what a workspace changes"},
	} {
		server.AddResourceTemplate(&mcp.ResourceTemplate{Name: r.name, URITemplate: resourceScheme + r.uri, Description: r.about, MIMEType: "application/json"}, s.read)
	}
}

func (s *agentServer) read(ctx context.Context, r *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
	path, err := url.PathUnescape(strings.TrimPrefix(r.Params.URI, resourceScheme))
	if err != nil || !s.granted["read"] {
		return nil, mcp.ResourceNotFoundError(r.Params.URI)
	}
	kind, rest, _ := strings.Cut(path, "/")
	var args []string
	switch kind {
	case "status", "inbox":
		args = []string{kind, "--json"}
	case "log":
		args = []string{"log", "--json", "-n=50"}
		if rest != "" {
			args = append(args, "--task="+rest)
		}
	case "node", "commit":
		args = []string{"show", "--json", "--", rest}
	case "diff":
		args = []string{"sws", "diff", "--json", "--", rest}
	}
	out, told, code := s.run(ctx, args, "", nil)
	switch code {
	case exit.Done:
	case exit.NotFound:
		return nil, mcp.ResourceNotFoundError(r.Params.URI)
	default:
		return nil, fmt.Errorf("%s (exit code %d)", strings.Join(told.errors, "; "), code)
	}
	return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: r.Params.URI, MIMEType: "application/json", Text: out}}}, nil
}

// Prompts are the common ways to work.
func addPrompts(server *mcp.Server) {
	for _, p := range []struct {
		name, about, arg, argAbout, text string
	}{
		{"do", "make something true by the plans of the library", "intent", "what should be true, in words",
			`Make this true in the repository: %q. Declare it, plan it, and read the candidates and why-nots. Run the task, with progress. ` +
				`If every candidate fails, read the failed attempts with show, and submit a plan of your own, or work by hand. Report the evidence. Do not land unless you are asked to.`},
		{"by_hand", "work in a workspace of your own", "intent", "what should be true, in words",
			`Do this in a workspace: %q. Look at status first: another open workspace may touch the same files. Open one, edit in its directory, save often with a message. ` +
				`Preview, then collapse. If it conflicts or is stale, rebase, mend and collapse again; if it leads nowhere, discard it and say what you learned.`},
		{"explain", "tell why a line is there", "of", "FILE:LINE, or an id",
			`Use why on %q, follow what it names with show, and tell the story: who wanted what, which plans were tried, what was found out, and what proved the result.`},
	} {
		server.AddPrompt(&mcp.Prompt{Name: p.name, Description: p.about, Arguments: []*mcp.PromptArgument{{Name: p.arg, Description: p.argAbout, Required: true}}},
			func(_ context.Context, r *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
				return &mcp.GetPromptResult{Description: p.about, Messages: []*mcp.PromptMessage{{Role: "user", Content: &mcp.TextContent{Text: fmt.Sprintf(p.text, r.Params.Arguments[p.arg])}}}}, nil
			})
	}
}
