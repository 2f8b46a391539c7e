// Package llm talks to language models over HTTP: the Messages protocol of Anthropic and the chat completions of OpenAI, which
// many servers speak. It is a small client of our own, because what a job needs is small: one streamed reply with tool calls,
// and what it used.
//
// The tests speak to a scripted server (package llmtest), faults included. That tests the protocol, not a model.
package llm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client speaks to one model.
type Client struct {
	Protocol string // "anthropic" or "openai"
	URL      string // up to and without /v1/messages, or /chat/completions
	Model    string
	Key      string // sent in a header to URL alone, and in no error
	// MaxTokens bounds one reply; 0 means 8192.
	MaxTokens int
	// Tries is how often a request is sent that fails by 429, 5xx, or a connection that breaks; 0 means 5.
	Tries int
	// Wait pauses between tries; nil waits.
	Wait func(ctx context.Context, d time.Duration) error
	// Say is told the text as it comes; nil drops it.
	Say func(text string)
}

// Message is one turn of a conversation. A user's turn has Text or Results, a model's Text and Calls.
type Message struct {
	Role    string // "user" or "assistant"
	Text    string
	Calls   []Call
	Results []Result
}

// Call is a tool that the model wants to be used. Args is what it sent, which may not be JSON.
type Call struct {
	ID, Name string
	Args     string
}

// Result is what came of a call.
type Result struct {
	ID    string
	Text  string
	Error bool
}

// Tool is what the model may call. Schema is a JSON schema of its arguments.
type Tool struct {
	Name, About string
	Schema      json.RawMessage
}

// Reply is one turn of the model's.
type Reply struct {
	Text  string
	Calls []Call
	Usage Usage
	Cut   bool // it ended at MaxTokens
}

// Usage is counted in tokens.
type Usage struct{ In, Out int }

// Check says what is wrong with the client's settings.
func (c *Client) Check() error {
	u, err := url.Parse(c.URL)
	switch {
	case c.Protocol != "anthropic" && c.Protocol != "openai":
		return fmt.Errorf("protocol: want anthropic or openai, not %q", c.Protocol)
	case err != nil || u.Host == "" || u.User != nil:
		return errors.New("url: want one like https://api.example.com")
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())):
		return errors.New("url: a key goes over https only, but to this machine itself")
	case c.Model == "":
		return errors.New("model: which one")
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// statusError is an answer that is none.
type statusError struct {
	code  int
	after time.Duration // that the server asks to wait
	text  string
}

func (e *statusError) Error() string {
	s := fmt.Sprintf("the model's server answers %d %s", e.code, http.StatusText(e.code))
	if e.text != "" {
		s += ": " + e.text
	}
	return s
}

// errBroken is a connection that ended in the middle of a reply.
var errBroken = errors.New("the reply broke off")

// Complete sends the conversation and returns the model's next turn. What may pass (429, 5xx, a broken connection or stream)
// is tried again, each time after twice as long, or as long as the server asks for.
func (c *Client) Complete(ctx context.Context, system string, talk []Message, tools []Tool) (Reply, error) {
	tries := c.Tries
	if tries <= 0 {
		tries = 5
	}
	var err error
	for try := range tries {
		if try > 0 {
			if werr := c.wait(ctx, pauseAfter(err, try)); werr != nil {
				return Reply{}, werr
			}
		}
		var r Reply
		if r, err = c.once(ctx, system, talk, tools); err == nil || ctx.Err() != nil || !passing(err) {
			return r, c.clean(err)
		}
	}
	return Reply{}, c.clean(fmt.Errorf("%d tries: %w", tries, err))
}

// passing tells whether an error may pass.
func passing(err error) bool {
	var status *statusError
	if errors.As(err, &status) {
		return status.code == http.StatusTooManyRequests || status.code >= 500
	}
	return true // of the connection
}

func pauseAfter(err error, try int) time.Duration {
	d := time.Second << (try - 1)
	var status *statusError
	if errors.As(err, &status) && status.after > d {
		d = status.after
	}
	return min(d, time.Minute)
}

func (c *Client) wait(ctx context.Context, d time.Duration) error {
	if c.Wait != nil {
		return c.Wait(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// clean takes the key out of an error: a server may send it back.
func (c *Client) clean(err error) error {
	if err == nil || c.Key == "" || !strings.Contains(err.Error(), c.Key) {
		return err
	}
	return errors.New(strings.ReplaceAll(err.Error(), c.Key, "[key]"))
}

// client follows no redirect, which would take the key elsewhere.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

const maxErrorText = 500

func (c *Client) once(ctx context.Context, system string, talk []Message, tools []Tool) (Reply, error) {
	path, body, read := "/v1/messages", anthropicRequest(c, system, talk, tools), readAnthropic
	if c.Protocol == "openai" {
		path, body, read = "/chat/completions", openaiRequest(c, system, talk, tools), readOpenAI
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return Reply{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.URL, "/")+path, bytes.NewReader(raw))
	if err != nil {
		return Reply{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	if c.Protocol == "openai" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	} else {
		req.Header.Set("X-Api-Key", c.Key)
		req.Header.Set("Anthropic-Version", "2023-06-01")
	}
	resp, err := client.Do(req)
	if err != nil {
		return Reply{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorText))
		seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
		return Reply{}, &statusError{resp.StatusCode, time.Duration(seconds) * time.Second, strings.Join(strings.Fields(string(text)), " ")}
	}
	return read(resp.Body, c.say)
}

func (c *Client) say(text string) {
	if c.Say != nil {
		c.Say(text)
	}
}

func (c *Client) maxTokens() int {
	if c.MaxTokens > 0 {
		return c.MaxTokens
	}
	return 8192
}

// maxEvent bounds one event of a stream, in bytes.
const maxEvent = 8 << 20

// events calls yield with the data of each server-sent event, until it returns false. A stream that ends before that is broken.
func events(body io.Reader, yield func(data []byte) (more bool, err error)) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 64<<10), maxEvent)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		if !ok {
			continue
		}
		more, err := yield(bytes.TrimSpace(data))
		if err != nil || !more {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	return errBroken
}
