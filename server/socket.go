package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/coder/websocket"
)

// subprotocol is the only one that is spoken; the older "graphql-ws" is refused.
const subprotocol = "graphql-transport-ws"

// socket is the WebSocket transport. Origin and Host were checked before it is reached.
func socket(l Limits, cut func(), admitted func(ctx context.Context, token string) bool) transport.Websocket {
	return transport.Websocket{
		Implementation:   sockets{l.Patience, cut},
		InitTimeout:      l.Patience,
		PingPongInterval: 20 * time.Second,
		PayloadReadLimit: &l.Body,
		InitFunc: func(ctx context.Context, first transport.InitPayload) (context.Context, *transport.InitPayload, error) {
			if isAdmitted(ctx) || admitted(ctx, bearer(first.Authorization())) {
				return context.WithValue(ctx, socketKey{}, true), nil, nil
			}
			return transport.AppendCloseReason(ctx, "Forbidden"), nil, errors.New("show the token: connectionParams {Authorization: \"Bearer …\"}")
		},
	}
}

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

// sockets accepts connections by the coder/websocket library.
type sockets struct {
	patience time.Duration
	cut      func() // told of a client that does not read
}

func (s sockets) Accept(w http.ResponseWriter, r *http.Request, _ transport.WebsocketAcceptOptions) (transport.WebsocketConn, error) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols:       []string{subprotocol},
		InsecureSkipVerify: true, // the guard has compared Origin with Host, for every request
	})
	if err != nil {
		return nil, err
	}
	return &socketConn{conn, s}, nil
}

// socketConn is a connection whose writes end: a client that does not read is cut off.
type socketConn struct {
	c *websocket.Conn
	sockets
}

var _ interface {
	transport.WebsocketConn
	transport.WebsocketReadLimiter
} = (*socketConn)(nil)

func (s *socketConn) NextReader() (int, io.Reader, error) {
	kind, data, err := s.c.Read(context.Background())
	switch websocket.CloseStatus(err) {
	case websocket.StatusNormalClosure, websocket.StatusNoStatusRcvd, websocket.StatusGoingAway:
		err = transport.ErrWebsocketClosed
	}
	return int(kind), bytes.NewReader(data), err
}

func (s *socketConn) WriteJSON(v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.patience)
	defer cancel()
	err = s.c.Write(ctx, websocket.MessageText, raw) // a write that ran out of time closes the connection
	if errors.Is(err, context.DeadlineExceeded) {
		s.cut()
	}
	return err
}

// WriteClose says goodbye and does not wait for the answer.
func (s *socketConn) WriteClose(code int, message string) error {
	go s.c.Close(websocket.StatusCode(code), message)
	return nil
}

func (s *socketConn) Close() error             { return s.c.CloseNow() }
func (s *socketConn) Subprotocol() string      { return s.c.Subprotocol() }
func (s *socketConn) SetReadLimit(limit int64) { s.c.SetReadLimit(limit) }
