package server

import (
	"context"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/lru"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/overlay"
	"github.com/jitos/jitos/warpgit"
)

// Server serves one fabric. Its exported fields are set before Handler is called and not changed after.
type Server struct {
	Repo   *warpgit.Repo
	Store  *warpgit.Store
	Merger *overlay.Merger
	Kernel *jitos.Kernel // its Notify becomes the server's

	// Dev allows operations that were not persisted, and introspection.
	Dev bool
	// Rest leaves alone what an earlier process left open.
	Rest bool
	// Operations are those that may be carried out otherwise.
	Operations *Operations
	Limits     Limits
	// Watch is told what the kernel tells; nil for nobody.
	Watch func(jitos.Event)
	// Note is told what whoever runs the server should know; nil for nobody.
	Note func(text string)

	metrics  *metrics
	events   *hub
	pictures pictures
	runs     *runs
	follow   *Follower
}

// Start makes the server ready. ctx bounds what it runs in the background. What an earlier process of this clone left open is
// resumed.
func (s *Server) Start(ctx context.Context) error {
	s.metrics = newMetrics(s)
	s.events = &hub{}
	s.follow = &Follower{Common: s.Repo.Common, Store: s.Store, Note: s.Note}
	s.runs = &runs{kernel: s.Kernel, tell: s.tell, ctx: ctx, active: map[jitos.TaskID]*run{}}
	s.Kernel.Notify = func(e jitos.Event) {
		s.tell(event{Event: e})
		if s.Watch != nil {
			s.Watch(e)
		}
	}
	if s.Rest || s.Kernel.Actor == "" {
		return nil // without a name nothing can be written, and reading is served all the same
	}
	return s.runs.resume(ctx, s.Repo.Clone())
}

// tell counts an event and hands it to subscribers.
func (s *Server) tell(e event) {
	s.metrics.event(e)
	s.events.publish(e)
}

// Close stops what runs, and waits for it. What was settled stays, and the next command or daemon goes on from there.
func (s *Server) Close() { s.runs.close() }

// Handler serves GraphQL: queries and mutations over HTTP, and subscriptions over WebSocket and server-sent events. admitted
// tells whether a request has shown who it is, or, for a WebSocket, whether its first message does.
func (s *Server) Handler(admitted func(ctx context.Context, token string) bool) http.Handler {
	config := Config{Resolvers: &root{s}}
	cost(&config.Complexity)
	h := handler.New(NewExecutableSchema(config))
	ts := &topics{}
	h.AddTransport(overSocket{s, ts, admitted})
	h.AddTransport(overEvents{s, ts})
	h.AddTransport(overHTTP{})
	h.SetQueryCache(lru.New[*ast.QueryDocument](256))
	h.SetParserTokenLimit(s.Limits.Tokens)
	h.SetDisableSuggestion(!s.Dev)
	h.Use(newGate(s))
	if s.Dev {
		h.Use(extension.Introspection{})
	}
	h.AroundOperations(func(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
		return s.metrics.operation(withNewest(ctx), next)
	})
	h.SetErrorPresenter(present)
	return http.MaxBytesHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Upgrade") == "":
			s.Patient(h).ServeHTTP(w, r)
		case speaks(r):
			h.ServeHTTP(w, r)
		default:
			refuse(w, typeJSON, http.StatusBadRequest, "a WebSocket speaks "+subprotocol+" here")
		}
	}), s.Limits.Body)
}

// present says what is wrong, with the code that a refusal would have.
func present(ctx context.Context, err error) *gqlerror.Error {
	shown := graphql.DefaultErrorPresenter(ctx, err)
	if code := jitos.ErrorCode(err); code != "" {
		if shown.Extensions == nil {
			shown.Extensions = map[string]any{}
		}
		shown.Extensions["code"] = wordOf(RefusalCode(code))
	}
	return shown
}
