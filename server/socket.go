package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// subprotocol is the only one that is spoken; the older "graphql-ws" is refused.
const subprotocol = "graphql-transport-ws"

// How a connection is closed, by that protocol (github.com/enisdenjo/graphql-ws, PROTOCOL.md).
const (
	closeBad          websocket.StatusCode = 4400
	closeUnauthorized websocket.StatusCode = 4401
	closeForbidden    websocket.StatusCode = 4403
	closeInitTimeout  websocket.StatusCode = 4408
	closeTwice        websocket.StatusCode = 4409
	closeTooMany      websocket.StatusCode = 4429
)

const pingEvery = 20 * time.Second

// overSocket is the WebSocket transport. Origin and Host were checked before it is reached. That of gqlgen carries out and marshals
// each event for each client, and writes each by itself.
type overSocket struct {
	s        *Server
	topics   *topics
	admitted func(ctx context.Context, token string) bool
}

var _ graphql.Transport = overSocket{}

func (overSocket) Supports(r *http.Request) bool { return r.Header.Get("Upgrade") != "" }

// speaks tells whether a request for a WebSocket offers the protocol.
func speaks(r *http.Request) bool {
	for _, header := range r.Header.Values("Sec-WebSocket-Protocol") {
		for _, name := range strings.Split(header, ",") {
			if strings.TrimSpace(name) == subprotocol {
				return true
			}
		}
	}
	return false
}

func bearer(header string) string {
	token, ok := strings.CutPrefix(header, "Bearer ")
	if !ok {
		return ""
	}
	return strings.TrimSpace(token)
}

// socket is one connection. Frames of messages are written to it past the library, several at once; the library reads, and writes its
// own frames, each by one Write, which net.Conn never mixes with another.
type socket struct {
	overSocket
	ws    *websocket.Conn
	conn  net.Conn
	exec  graphql.GraphExecutor
	heads http.Header

	mu     sync.Mutex
	active map[string]*context.CancelFunc // operations by their ids, those that the client wants
	begun  int                            // operations that have not ended, also of those that it wants no more
	silent bool                           // nothing was heard since the last ping
	all    sync.WaitGroup
}

// taken is a response writer that tells which connection was taken from it.
type taken struct {
	http.ResponseWriter
	conn net.Conn
}

func (t *taken) Unwrap() http.ResponseWriter { return t.ResponseWriter }

func (t *taken) Hijack() (c net.Conn, buffers *bufio.ReadWriter, err error) {
	c, buffers, err = http.NewResponseController(t.ResponseWriter).Hijack()
	t.conn = c
	return c, buffers, err
}

func (o overSocket) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	t := &taken{ResponseWriter: w}
	ws, err := websocket.Accept(t, r, &websocket.AcceptOptions{
		Subprotocols:       []string{subprotocol},
		InsecureSkipVerify: true, // the guard has compared Origin with Host, for every request
	})
	if err != nil {
		return // it has answered
	}
	defer ws.CloseNow()
	ws.SetReadLimit(o.s.Limits.Body)
	c := &socket{overSocket: o, ws: ws, conn: t.conn, exec: exec, heads: r.Header, active: map[string]*context.CancelFunc{}}
	ctx, cancel := context.WithCancel(r.Context())
	defer c.all.Wait()
	defer cancel()
	stop := context.AfterFunc(ctx, func() { ws.Close(websocket.StatusGoingAway, "the daemon is ending") })
	defer stop()
	if c.begin(ctx) {
		c.all.Go(func() { c.ping(ctx) })
		c.serve(ctx)
	}
}

// message is what either side says.
type message struct {
	ID      string          `json:"id,omitempty"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// hear returns the next message. A client that says what is no message is told so and left.
func (c *socket) hear(ctx context.Context) (m message, ok bool) {
	_, raw, err := c.ws.Read(context.WithoutCancel(ctx)) // the end of ctx closes the connection in good form
	if err != nil {
		return m, false
	}
	if err := json.Unmarshal(raw, &m); err != nil || m.Type == "" {
		return m, c.leave(closeBad, "invalid message received")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.silent = false
	return m, true
}

// leave says goodbye; it does not wait long for the answer.
func (c *socket) leave(code websocket.StatusCode, why string) (ok bool) {
	c.ws.Close(code, why)
	return false
}

// begin hears who the client is.
func (c *socket) begin(ctx context.Context) bool {
	late := time.AfterFunc(c.s.Limits.Patience, func() { c.leave(closeInitTimeout, "connection initialisation timeout") })
	m, ok := c.hear(ctx)
	if !late.Stop() || !ok {
		return false
	}
	if m.Type != "connection_init" {
		return c.leave(closeUnauthorized, "unauthorized: say connection_init first")
	}
	var first map[string]any
	if len(m.Payload) > 0 && json.Unmarshal(m.Payload, &first) != nil {
		return c.leave(closeBad, "the payload of connection_init is no object")
	}
	if !isAdmitted(ctx) && !c.admitted(ctx, bearer(authorization(first))) {
		return c.leave(closeForbidden, "Forbidden")
	}
	return c.say(message{Type: "connection_ack"}) == nil
}

// authorization is the token that the first message shows: connectionParams {Authorization: "Bearer …"} of npm graphql-ws.
func authorization(first map[string]any) string {
	for name, v := range first {
		if text, ok := v.(string); ok && strings.EqualFold(name, "authorization") {
			return text
		}
	}
	return ""
}

// ping asks now and then whether somebody is there, and leaves a connection on which nothing was heard since.
func (c *socket) ping(ctx context.Context) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		c.mu.Lock()
		gone := c.silent
		c.silent = true
		c.mu.Unlock()
		if gone || c.say(message{Type: "ping"}) != nil {
			c.ws.CloseNow()
			return
		}
	}
}

// serve answers until the client goes.
func (c *socket) serve(ctx context.Context) {
	for {
		m, ok := c.hear(ctx)
		if !ok {
			return
		}
		switch m.Type {
		case "subscribe":
			ok = c.subscribe(ctx, m)
		case "complete":
			c.mu.Lock()
			if stop := c.active[m.ID]; stop != nil {
				(*stop)()
				delete(c.active, m.ID) // from now on the id may be used again
			}
			c.mu.Unlock()
		case "ping":
			ok = c.say(message{Type: "pong", Payload: m.Payload}) == nil
		case "pong":
		case "connection_init":
			ok = c.leave(closeTooMany, "too many initialisation requests")
		default:
			ok = c.leave(closeBad, "invalid message received")
		}
		if !ok {
			return
		}
	}
}

// subscribe begins an operation. It is false where the client is left.
func (c *socket) subscribe(ctx context.Context, m message) bool {
	params := &graphql.RawParams{Headers: c.heads, ReadTime: graphql.TraceTiming{Start: graphql.Now(), End: graphql.Now()}}
	d := json.NewDecoder(bytes.NewReader(m.Payload))
	d.UseNumber()
	if m.ID == "" || d.Decode(params) != nil {
		return c.leave(closeBad, "invalid message received")
	}
	ctx, stop := context.WithCancel(ctx)
	switch twice, room := c.enter(m.ID, &stop); {
	case twice:
		stop()
		return c.leave(closeTwice, "subscriber for this id already exists")
	case !room:
		stop()
		return c.say(failed(m.ID, gqlerror.List{coded(codeRate, "more than %d operations at once on one connection", c.s.Limits.Streams)})) == nil
	}
	c.all.Go(func() {
		defer stop()
		errs := c.carryOut(ctx, m.ID, params)
		c.mu.Lock()
		c.begun--
		if c.active[m.ID] == &stop {
			delete(c.active, m.ID)
		}
		c.mu.Unlock()
		switch {
		case ctx.Err() != nil: // the client wants no more
		case len(errs) > 0:
			c.say(failed(m.ID, errs))
		default:
			c.say(message{ID: m.ID, Type: "complete"})
		}
	})
	return true
}

// enter notes an operation, unless its id is in use or there are too many.
func (c *socket) enter(id string, stop *context.CancelFunc) (twice, room bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.active[id] != nil {
		return true, true
	}
	if c.begun >= c.s.Limits.Streams {
		return false, false
	}
	c.active[id] = stop
	c.begun++
	return false, true
}

func failed(id string, errs gqlerror.List) message {
	raw, _ := json.Marshal(errs)
	return message{ID: id, Type: "error", Payload: raw}
}

// carryOut does what a client asks. Errors are those of what was not begun, or could not go on.
func (c *socket) carryOut(ctx context.Context, id string, params *graphql.RawParams) gqlerror.List {
	ctx = graphql.StartOperationTrace(ctx)
	op, errs := c.exec.CreateOperationContext(ctx, params)
	if len(errs) > 0 {
		return c.exec.DispatchError(graphql.WithOperationContext(ctx, op), errs).Errors
	}
	name, _ := json.Marshal(id)
	head := append(append([]byte(`{"id":`), name...), `,"type":"next","payload":`...)
	write := func(payloads [][]byte) error {
		if len(payloads) == 0 {
			return nil
		}
		buffer := buffers.Get().(*[]byte)
		defer buffers.Put(buffer)
		frames := (*buffer)[:0]
		for _, p := range payloads {
			frames = appendFrame(frames, head, p, []byte("}"))
		}
		if cap(frames) <= mostBuffered {
			*buffer = frames
		}
		return c.write(frames)
	}
	if op.Operation.Operation == ast.Subscription {
		return c.s.stream(ctx, c.topics, c.exec, op, write)
	}
	responses, ctx := c.exec.DispatchOperation(ctx, op)
	for answer := responses(ctx); answer != nil; answer = responses(ctx) {
		raw, err := json.Marshal(answer)
		if err != nil {
			return gqlerror.List{present(ctx, err)}
		}
		if write([][]byte{raw}) != nil {
			return nil
		}
	}
	return nil
}

// buffers for frames that leave together; a larger one is not kept.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const mostBuffered = 256 << 10

func (c *socket) say(m message) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return c.write(appendFrame(nil, raw))
}

// write gives frames to the system. A client that does not read is cut off.
func (c *socket) write(frames []byte) error {
	c.conn.SetWriteDeadline(time.Now().Add(c.s.Limits.Patience))
	_, err := c.conn.Write(frames)
	if err != nil {
		if errors.Is(err, os.ErrDeadlineExceeded) {
			c.s.metrics.cut.Inc()
		}
		c.ws.CloseNow()
	}
	return err
}

// appendFrame appends a message of text as one frame (RFC 6455, 5.2).
func appendFrame(to []byte, parts ...[]byte) []byte {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	const finText = 0x80 | 1
	switch {
	case size < 126:
		to = append(to, finText, byte(size))
	case size <= math.MaxUint16:
		to = binary.BigEndian.AppendUint16(append(to, finText, 126), uint16(size))
	default:
		to = binary.BigEndian.AppendUint64(append(to, finText, 127), uint64(size))
	}
	for _, p := range parts {
		to = append(to, p...)
	}
	return to
}
