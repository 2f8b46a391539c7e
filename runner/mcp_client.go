package runner

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
)

// mcpClient speaks the Model Context Protocol as a client does that wants tools: JSON-RPC 2.0, a message a line. Everything else
// that a server asks for is refused, which the protocol allows to who declared no capabilities.
//
// The protocol's SDK is not used on this side: its initialisers (gob, JSON schemas) would be a tenth of the start of every
// command. It plays the server in this package's tests.
type mcpClient struct {
	send io.Writer
	turn sync.Mutex // of who writes

	mu      sync.Mutex
	last    int64
	waiting map[int64]chan mcpMessage
	ended   error // why no answer will come any more
}

// mcpRevision is that of the protocol which is offered; a server may choose an older one, and tools are the same in all.
const mcpRevision = "2025-11-25"

// maxMCPLine is how long a message may be, in bytes.
const maxMCPLine = 16 << 20

type mcpMessage struct {
	Version string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  any             `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *mcpError       `json:"error,omitempty"`
}

type mcpError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *mcpError) Error() string { return fmt.Sprintf("%s (code %d)", e.Message, e.Code) }

// connectMCP shakes hands with a server. Its answers are read until hear ends.
func connectMCP(ctx context.Context, hear io.Reader, send io.Writer) (*mcpClient, error) {
	c := &mcpClient{send: send, waiting: map[int64]chan mcpMessage{}}
	go c.listen(hear)
	hello := map[string]any{"protocolVersion": mcpRevision, "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "jitos", "version": "1"}}
	if err := c.call(ctx, "initialize", hello, nil); err != nil {
		return nil, fmt.Errorf("it is greeted: %w", err)
	}
	return c, c.write(ctx, mcpMessage{Method: "notifications/initialized"})
}

// call asks and waits for the answer. A call that ctx ends is taken back.
func (c *mcpClient) call(ctx context.Context, method string, params, into any) error {
	answer := make(chan mcpMessage, 1)
	c.mu.Lock()
	if c.ended != nil {
		defer c.mu.Unlock()
		return c.ended
	}
	c.last++
	id := c.last
	c.waiting[id] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, id)
		c.mu.Unlock()
	}()
	err := c.write(ctx, mcpMessage{ID: json.RawMessage(strconv.FormatInt(id, 10)), Method: method, Params: params})
	if err != nil && ctx.Err() == nil {
		return err
	}
	select {
	case m, ok := <-answer:
		switch {
		case !ok:
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.ended
		case m.Error != nil:
			return m.Error
		case into == nil:
			return nil
		}
		return json.Unmarshal(m.Result, into)
	case <-ctx.Done():
		go c.write(context.WithoutCancel(ctx), mcpMessage{Method: "notifications/cancelled", Params: map[string]any{"requestId": id}})
		return ctx.Err()
	}
}

// write sends a message. A server that does not read is not waited for longer than ctx.
func (c *mcpClient) write(ctx context.Context, m mcpMessage) error {
	m.Version = "2.0"
	raw, err := json.Marshal(m)
	if err != nil {
		return err
	}
	wrote := make(chan error, 1)
	go func() {
		c.turn.Lock()
		defer c.turn.Unlock()
		_, err := c.send.Write(append(raw, '\n'))
		wrote <- err
	}()
	select {
	case err := <-wrote:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// listen hands answers to who waits for them, until the server has ended.
func (c *mcpClient) listen(hear io.Reader) {
	lines := bufio.NewScanner(hear)
	lines.Buffer(nil, maxMCPLine)
	for lines.Scan() {
		var m mcpMessage
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue // servers print other things, too
		}
		switch {
		case m.Method == "" && len(m.ID) > 0:
			c.answer(m)
		case m.Method == "ping" && len(m.ID) > 0:
			go c.write(context.Background(), mcpMessage{ID: m.ID, Result: json.RawMessage("{}")})
		case len(m.ID) > 0:
			go c.write(context.Background(), mcpMessage{ID: m.ID, Error: &mcpError{-32601, m.Method + " is not offered"}})
		}
	}
	err := lines.Err()
	if err == nil {
		err = errors.New("the server ended")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = err
	for id, answer := range c.waiting {
		close(answer)
		delete(c.waiting, id)
	}
}

func (c *mcpClient) answer(m mcpMessage) {
	id, err := strconv.ParseInt(string(m.ID), 10, 64)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if answer, ok := c.waiting[id]; ok {
		delete(c.waiting, id)
		answer <- m
	}
}
