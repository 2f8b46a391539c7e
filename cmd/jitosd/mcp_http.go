package main

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/jitos/jitos/server"
)

// agentIdle is how long the session of an agent is kept that says nothing.
const agentIdle = time.Hour

// agentsOverHTTP serves MCP by its streamable HTTP transport. Who may ask was decided before.
func agentsOverHTTP(ctx context.Context, s *agentServer, limits server.Limits) http.Handler {
	one := sync.OnceValue(func() *mcp.Server { return s.server(ctx) })
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return one() }, &mcp.StreamableHTTPOptions{
		SessionTimeout:               agentIdle,
		MaxRequestBodyBytes:          limits.Body,
		PropagateRequestCancellation: true,
		DisableLocalhostProtection:   true, // the guard has looked at Host, and a unix socket has any
	})
}
