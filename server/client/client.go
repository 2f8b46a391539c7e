// Package client reaches the daemon of a repository: where its socket is, how it is asked, and a kernel whose work it does. It knows
// GraphQL as texts and answers alone, so that a program that starts often can have it.
package client

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/jitos/jitos"
)

// SocketLimit is what fits into the address of a unix socket everywhere, in bytes.
const SocketLimit = 100

// Dir is where the daemon of a repository keeps its socket and its token; common is the git directory that all worktrees share. The
// path of a socket is short: a git directory that lies deep has it in the user's runtime directory.
func Dir(common string) string {
	dir := filepath.Join(common, "jitos", "daemon")
	if len(dir)+len("/socket") <= SocketLimit {
		return dir
	}
	sum := sha256.Sum256([]byte(common))
	name := hex.EncodeToString(sum[:8])
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); runtime != "" {
		return filepath.Join(runtime, "jitos", name)
	}
	return filepath.Join(os.TempDir(), "jitos-"+strconv.Itoa(os.Getuid()), name)
}

// Socket is where the daemon of a repository listens.
func Socket(common string) string { return filepath.Join(Dir(common), "socket") }

// Over is a client of HTTP over a socket; the host of a URL does not matter.
func Over(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
}

// IsNobody tells an error of a socket on which nobody listens.
func IsNobody(err error) bool {
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED)
}

// Daemon is the daemon that listens on a socket.
type Daemon struct{ Socket string }

// answer is what GraphQL answers.
type answer struct {
	Data   json.RawMessage
	Errors []struct {
		Message    string
		Extensions struct{ Code string }
	}
}

// send sends an operation. The error Is jitos.ErrNotFound where no daemon listens.
func (d Daemon) send(ctx context.Context, accept, query string, variables any) (*http.Response, error) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://jitos/graphql", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", accept)
	resp, err := Over(d.Socket).Do(r)
	if IsNobody(err) {
		return nil, jitos.Hint(fmt.Errorf("a daemon of this repository: %w: nobody listens on %s", jitos.ErrNotFound, d.Socket), "`jitosd` is one")
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return resp, err
}

// Ask carries out a query or a command, and decodes its data.
func (d Daemon) Ask(ctx context.Context, query string, variables, into any) error {
	resp, err := d.send(ctx, "application/json", query, variables)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return decode(raw, into)
}

func decode(raw []byte, into any) error {
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		return fmt.Errorf("the daemon's answer: %w: is it of another version?", err)
	}
	if len(a.Errors) > 0 {
		return Refusal{Code: a.Errors[0].Extensions.Code, Message: a.Errors[0].Message}.Err()
	}
	return json.Unmarshal(a.Data, into)
}

// Hear listens to a subscription until each is done or ctx ends. begun is called once what happens is told.
func (d Daemon) Hear(ctx context.Context, query string, variables any, begun func(), each func(data json.RawMessage) (done bool, err error)) error {
	resp, err := d.send(ctx, "text/event-stream", query, variables)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return fmt.Errorf("the daemon has ended: %w", errors.Join(jitos.ErrBusy, err))
		}
		if begun != nil && strings.HasPrefix(line, ":") {
			begun()
			begun = nil
		}
		text, ok := strings.CutPrefix(line, "data: ")
		if !ok {
			continue
		}
		var data json.RawMessage
		if err := decode([]byte(text), &data); err != nil {
			return err
		}
		if done, err := each(data); done || err != nil {
			return err
		}
	}
}

// Refusal is why a command was not carried out, as the schema has it.
type Refusal struct {
	Code      string
	Message   string
	Hint      string
	Conflicts []jitos.Conflict
}

// Err is the error that the kernel gave.
func (r Refusal) Err() error {
	var err error = &refused{r.Message, jitos.ErrorOf(strings.ToLower(strings.ReplaceAll(r.Code, "_", "-")))}
	if len(r.Conflicts) > 0 {
		err = &refused{r.Message, &jitos.ConflictError{Conflicts: r.Conflicts}}
	}
	if r.Hint != "" {
		err = &jitos.HintError{Err: err, Hint: r.Hint}
	}
	return err
}

// refused is an error with the words of another process.
type refused struct {
	words string
	is    error // nil for a fault
}

func (r *refused) Error() string { return r.words }
func (r *refused) Unwrap() error { return r.is }
