package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/internal/wire"
	"github.com/jitos/jitos/server"
)

// stream is one subscription over a WebSocket of its own, by the protocol graphql-transport-ws.
type stream struct {
	t    *testing.T
	conn *websocket.Conn
}

func (d *daemon) subscribe(query string, variables map[string]any) *stream {
	d.t.Helper()
	conn, _, err := websocket.Dial(d.t.Context(), d.url, &websocket.DialOptions{
		Subprotocols: []string{"graphql-transport-ws"},
		HTTPHeader:   http.Header{"Authorization": {"Bearer " + d.token}},
	})
	if err != nil {
		d.t.Fatal(err)
	}
	s := &stream{d.t, conn}
	d.t.Cleanup(func() { conn.CloseNow() })
	s.say(map[string]any{"type": "connection_init"})
	if m := s.hear(); m.Type != "connection_ack" {
		d.t.Fatalf("%+v", m)
	}
	s.say(map[string]any{"id": "1", "type": "subscribe", "payload": map[string]any{"query": query, "variables": variables}})
	return s
}

func (s *stream) say(v any) {
	s.t.Helper()
	raw, err := json.Marshal(v)
	if err == nil {
		err = s.conn.Write(s.t.Context(), websocket.MessageText, raw)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

type message struct {
	Type    string
	Payload json.RawMessage
}

// hear returns the next message that is no ping.
func (s *stream) hear() message {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), time.Minute)
	defer cancel()
	for {
		_, raw, err := s.conn.Read(ctx)
		if err != nil {
			s.t.Fatal(err)
		}
		var m message
		if err := json.Unmarshal(raw, &m); err != nil {
			s.t.Fatal(err)
		}
		switch m.Type {
		case "ping":
			s.say(map[string]any{"type": "pong"})
		case "pong":
		default:
			return m
		}
	}
}

// next is what the next event has below keys of its data.
func (s *stream) next(keys ...string) any {
	s.t.Helper()
	m := s.hear()
	var r reply
	if err := json.Unmarshal(m.Payload, &r); m.Type != "next" || err != nil || len(r.Errors) > 0 {
		s.t.Fatalf("%s %s", m.Type, m.Payload)
	}
	return at(s.t, r.Data, keys...)
}

// Rewrites of other processes arrive in order, none lost and none twice, and a client that was away goes on where it was.
func TestRewrites(t *testing.T) {
	dir, f := repository(t)
	d := start(t, dir, "--dev")
	const query = `subscription ($after: ID) { rewrites(after: $after) { id seq subject } }`
	first, err := f.Store.Head(t.Context(), jitos.SystemRef)
	if err != nil {
		t.Fatal(err)
	}
	s := d.subscribe(query, map[string]any{"after": string(first)})
	var want []string
	for i := range 20 {
		want = append(want, string(note(t, f, fmt.Sprintf("note-%d", i), i)))
		if got := s.next("rewrites", "id"); got != want[i] {
			t.Fatalf("rewrite %d: %v, want %s", i, got, want[i])
		}
	}
	s.conn.CloseNow()
	for i := range 5 { // while nobody listens
		want = append(want, string(note(t, f, fmt.Sprintf("away-%d", i), i)))
	}
	s = d.subscribe(query, map[string]any{"after": want[17]})
	for i := 18; i < len(want); i++ {
		if got := s.next("rewrites", "id"); got != want[i] {
			t.Fatalf("rewrite %d: %v, want %s", i, got, want[i])
		}
	}
	lost := d.subscribe(query, map[string]any{"after": strings.Repeat("ab", 20)})
	if m := lost.hear(); m.Type != "error" && !strings.Contains(string(m.Payload), "errors") {
		t.Errorf("a commit that is nowhere: %s %s", m.Type, m.Payload)
	}
}

// Progress and the output of a job are told while it runs, and how it ended at the end.
func TestProgress(t *testing.T) {
	dir, f := repository(t)
	id, _, err := f.Kernel.SubmitIntent(t.Context(), jitos.Request{Intent: `run "cp notes.txt copy.txt"`, Gates: []string{"test -e copy.txt"}})
	if err != nil {
		t.Fatal(err)
	}
	d := start(t, dir, "--dev")
	s := d.subscribe(`subscription ($id: ID) { progress(task: $id) { kind text job verdict outcome } }`, map[string]any{"id": string(id)})
	d.metric(t, "jitos_subscribers 1") // it is there when its first event would be
	d.must(`mutation ($id: ID!) { run(task: $id) { ... on Refusal { message } } }`, map[string]any{"id": string(id)})
	kinds := map[string]bool{}
	for {
		e := s.next("progress")
		kinds[at(t, e, "kind").(string)] = true
		if outcome := at(t, e, "outcome"); outcome != nil {
			if outcome != "collapsed" {
				t.Errorf("%v", e)
			}
			break
		}
	}
	for _, k := range []string{"open", "settle", "collapse", "end"} {
		if !kinds[k] {
			t.Errorf("nothing of the kind %q was told: %v", k, kinds)
		}
	}
}

// What waits for a person is told when it begins to wait, and is gone when it was answered.
func TestInbox(t *testing.T) {
	dir, f := repository(t)
	id, _, err := f.Kernel.SubmitIntent(t.Context(), jitos.Request{Intent: "name the release", Gates: []string{"test -f NAME"}})
	if err != nil {
		t.Fatal(err)
	}
	slap := jitos.Slap{Title: "ask for the name", By: "Ada <ada@example.com>", Steps: []jitos.Step{{Name: "ask", Worker: "human",
		Args: map[string]string{"question": "which name should it have?"}, Produces: []string{"answer"}}}}
	if _, err := f.Kernel.SubmitPlan(t.Context(), id, slap); err != nil {
		t.Fatal(err)
	}
	d := start(t, dir, "--dev")
	s := d.subscribe(`subscription { inbox { id about why } }`, nil)
	if first := s.next("inbox").([]any); len(first) != 0 {
		t.Errorf("at first: %v", first)
	}
	d.must(`mutation ($id: ID!) { run(task: $id) { ... on Refusal { message } } }`, map[string]any{"id": string(id)})
	waits := s.next("inbox").([]any)
	if len(waits) != 1 || at(t, waits[0], "about") != "TEXT" {
		t.Fatalf("%v", waits)
	}
	answer := map[string]any{"q": at(t, waits[0], "id")}
	refused := d.must(`mutation ($q: ID!) { answer(question: $q, decision: APPROVED) { ... on Refusal { code } } }`, answer, "answer")
	if at(t, refused, "code") != "INVALID" {
		t.Errorf("an approval of what wants words: %v", refused)
	}
	made := d.must(`mutation ($q: ID!) { answer(question: $q, decision: ANSWERED, text: "larder") { ... on CommitMade { commit { rule } } ... on Refusal { message } } }`, answer, "answer")
	if at(t, made, "commit", "rule") != "answer" {
		t.Errorf("%v", made)
	}
	if last := s.next("inbox").([]any); len(last) != 0 {
		t.Errorf("at last: %v", last)
	}
}

// A client that does not read is cut off, by event streams and by WebSocket, and others get everything.
func TestSlowClient(t *testing.T) {
	_, f := repository(t)
	s := &server.Server{Repo: f.Repo, Store: f.Store, Merger: f.Merger, Kernel: f.Kernel, Dev: true, Limits: server.DefaultLimits()}
	s.Limits.Patience = time.Second // longer than an event takes to be made: what is cut off is a write that stands
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	cut := make(chan string, 2) // the slow one whose request has ended
	h := server.Trust(s.Handler(nil))
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.ServeHTTP(w, r)
		if slow := r.Header.Get("X-Slow"); slow != "" {
			cut <- slow
		}
	}))
	defer web.Close()
	d := &daemon{t: t, url: web.URL}
	const little = 4 << 10 // that the system takes for a slow one
	const query = "subscription { rewrites { id diff { graph { nodes { id fields { new } } } } } }"
	conn, err := net.Dial("tcp", web.Listener.Addr().String())
	if err == nil {
		defer conn.Close()
		err = conn.(*net.TCPConn).SetReadBuffer(little)
	}
	if err != nil {
		t.Fatal(err)
	}
	body := `{"query":"` + query + `"}`
	fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nX-Slow: events\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	bare, err := d.bare("X-Slow: WebSocket\r\n", little)
	if err == nil {
		defer bare.Close()
		err = (&light{conn: bare}).subscribe(query, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	fast := d.subscribe(`subscription { rewrites { id } }`, nil)
	slow := map[string]bool{}
	for i := 0; len(slow) < 2; i++ {
		c, err := f.Kernel.SubmitRewrite(t.Context(), jitos.Submission{What: "large", Set: []jitos.Node{{
			ID: jitos.NodeID{Kind: "note", Name: fmt.Sprintf("large-%d", i)}, Fields: map[string]any{"text": strings.Repeat("x", 1<<20)}}}}, "")
		if err != nil {
			t.Fatal(err)
		}
		if got := fast.next("rewrites", "id"); got != string(c.ID) {
			t.Fatalf("rewrite %d: %v, want %s", i, got, c.ID)
		}
		select {
		case which := <-cut:
			slow[which] = true
		default:
		}
		if i == 100 {
			t.Fatalf("a client that reads nothing was waited for; cut off were %v", slow)
		}
	}
}

// The clients of npm graphql-ws, over loopback and over the unix socket; their older protocol is refused.
func TestGraphqlWS(t *testing.T) {
	modules := nodeModules(t)
	dir, f := repository(t)
	d := start(t, dir, "--dev")
	for _, c := range []struct{ name, url, token string }{
		{"loopback", strings.Replace(d.url, "http:", "ws:", 1), d.token},
		{"socket", "ws+unix:" + d.socket + ":/graphql", ""},
	} {
		t.Run(c.name, func(t *testing.T) { subscribeByNode(t, f, modules, c.url, c.token) })
	}
	_, resp, err := websocket.Dial(t.Context(), d.url, &websocket.DialOptions{Subprotocols: []string{"graphql-ws"}, HTTPHeader: http.Header{"Authorization": {"Bearer " + d.token}}})
	if err == nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("the old protocol: %v %v", resp, err)
	}
}

func subscribeByNode(t *testing.T, f *wire.Fabric, modules, url, token string) {
	from, err := f.Store.Head(t.Context(), jitos.SystemRef)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 5 {
		want = append(want, string(note(t, f, fmt.Sprintf("%s-%d", filepath.Base(t.Name()), i), i)))
	}
	out, err := script(t, modules, "subscribe.mjs", url, token, "5", string(from))
	if got := strings.Fields(out); err != nil || len(got) != 6 || !slices.Equal(got[1:], want) {
		t.Errorf("got %s (%v)\nwant %v", out, err, want)
	}
}

// Every audit of npm graphql-http: what MUST, what SHOULD and what MAY be.
func TestAudits(t *testing.T) {
	modules := nodeModules(t)
	dir, _ := repository(t)
	d := start(t, dir, "--dev")
	out, err := script(t, modules, "audit.mjs", d.url, d.token)
	if err != nil || !strings.HasSuffix(strings.TrimSpace(out), "61 audits, 0 not ok") {
		t.Errorf("%v\n%s", err, out)
	}
}

// nodeModules is where the packages of testdata/package.json are installed: JITOS_NODE_MODULES.
func nodeModules(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("JITOS_NODE_MODULES")
	if _, err := exec.LookPath("node"); err != nil {
		skip(t, "node", "node is not installed")
	}
	if _, err := os.Stat(filepath.Join(dir, "graphql-http")); dir == "" || err != nil {
		skip(t, "npm", "JITOS_NODE_MODULES names no directory with the packages of cmd/jitosd/testdata/package.json")
	}
	return dir
}

// script runs a script of testdata beside the modules that it imports.
func script(t *testing.T, modules, name string, args ...string) (string, error) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, name), raw, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "node", append([]string{filepath.Join(dir, name)}, args...)...).CombinedOutput()
	return string(out), err
}
