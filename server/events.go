package server

import (
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// overEvents answers by server-sent events, one operation a request: "next" for each answer, and "complete" (graphql-sse's distinct
// connections mode). Writes have their time, see Patient.
type overEvents struct {
	s      *Server
	topics *topics
}

var _ graphql.Transport = overEvents{}

func (overEvents) Supports(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return r.Method == http.MethodPost && err == nil && kind == typeJSON && strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

const heartbeatEvery = 15 * time.Second

func (o overEvents) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	params, wrong := fromBody(r)
	if wrong != nil {
		refuse(w, typeJSON, wrong.status, wrong.message)
		return
	}
	params.Headers = r.Header
	params.ReadTime = graphql.TraceTiming{Start: graphql.GetStartTime(r.Context()), End: graphql.Now()}
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Type", "text/event-stream")
	out := &eventWriter{w: w, flush: http.NewResponseController(w)}
	beat := time.NewTicker(heartbeatEvery)
	defer beat.Stop()
	var beating sync.WaitGroup
	done := make(chan struct{})
	defer beating.Wait()
	defer close(done)
	beating.Go(func() {
		for {
			select {
			case <-beat.C:
				out.write(": ping\n\n")
			case <-done:
				return
			}
		}
	})
	next := func(payloads [][]byte) error {
		if len(payloads) == 0 { // a subscription has begun: what happens now is told
			return out.write(":\n\n")
		}
		var parts []string
		for _, p := range payloads {
			parts = append(parts, "event: next\ndata: ", string(p), "\n\n")
		}
		return out.write(parts...)
	}
	if errs := o.carryOut(r, exec, params, next); len(errs) > 0 {
		raw, _ := json.Marshal(failure{errs})
		next([][]byte{raw})
	}
	out.write("event: complete\ndata:\n\n")
}

func (o overEvents) carryOut(r *http.Request, exec graphql.GraphExecutor, params *graphql.RawParams, next func([][]byte) error) gqlerror.List {
	op, errs := exec.CreateOperationContext(r.Context(), params)
	if len(errs) > 0 {
		return exec.DispatchError(graphql.WithOperationContext(r.Context(), op), errs).Errors
	}
	if op.Operation.Operation == ast.Subscription {
		return o.s.stream(r.Context(), o.topics, exec, op, next)
	}
	responses, ctx := exec.DispatchOperation(r.Context(), op)
	for answer := responses(ctx); answer != nil; answer = responses(ctx) {
		raw, err := json.Marshal(answer)
		if err == nil {
			err = next([][]byte{raw})
		}
		if err != nil {
			return nil
		}
	}
	return nil
}

// eventWriter writes events whole, and sends them off.
type eventWriter struct {
	mu    sync.Mutex
	w     io.Writer
	flush *http.ResponseController
}

func (o *eventWriter) write(parts ...string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range parts {
		if _, err := io.WriteString(o.w, p); err != nil {
			return err
		}
	}
	return o.flush.Flush()
}
