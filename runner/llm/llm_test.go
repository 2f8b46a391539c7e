package llm

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/jitos/jitos/runner/llm/llmtest"
)

var tools = []Tool{{Name: "read", About: "reads", Schema: json.RawMessage(`{"type":"object"}`)}}

// talk sends a conversation of three turns to a scripted server.
func talk(t *testing.T, protocol string, turns ...llmtest.Turn) (Reply, error, *llmtest.Server, []time.Duration) {
	t.Helper()
	script := &llmtest.Server{Turns: turns}
	server := httptest.NewServer(script)
	defer server.Close()
	var waits []time.Duration
	var said strings.Builder
	c := &Client{Protocol: protocol, URL: server.URL, Model: "m", Key: "sk-secret-key", Say: func(s string) { said.WriteString(s) },
		Wait: func(_ context.Context, d time.Duration) error { waits = append(waits, d); return nil }}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	r, err := c.Complete(t.Context(), "be brief", []Message{{Role: "user", Text: "hello"},
		{Role: "assistant", Text: "I look", Calls: []Call{{ID: "c1", Name: "read", Args: `{"path":"a"}`}, {ID: "c2", Name: "read", Args: `{broken`}}},
		{Role: "user", Results: []Result{{ID: "c1", Text: "the text"}, {ID: "c2", Text: "no JSON", Error: true}}}}, tools)
	if err == nil && !strings.Contains(said.String(), r.Text) {
		t.Errorf("streamed %q of %q", said.String(), r.Text)
	}
	return r, err, script, waits
}

func TestComplete(t *testing.T) {
	for _, protocol := range []string{"anthropic", "openai"} {
		good := llmtest.Turn{Text: "two words", Calls: []llmtest.Call{{Name: "read", Args: `{"path":"b"}`}, {Name: "read", Args: `{nonsense`}}, In: 120, Out: 7}
		r, err, s, _ := talk(t, protocol, good)
		if err != nil {
			t.Fatal(err)
		}
		if r.Text != "two words" || len(r.Calls) != 2 || r.Calls[0].Name != "read" || r.Calls[0].Args != `{"path":"b"}` || r.Calls[0].ID == "" ||
			r.Calls[1].Args != `{nonsense` || r.Usage != (Usage{120, 7}) {
			t.Errorf("%s: %+v", protocol, r)
		}
		sent := s.Seen()[0]
		for _, want := range []string{`be brief`, `"c1"`, `the text`, `no JSON`, `"stream":true`} {
			if !strings.Contains(sent, want) {
				t.Errorf("%s: the request lacks %s: %s", protocol, want, sent)
			}
		}
		if strings.Contains(sent, "sk-secret-key") {
			t.Errorf("%s: the key is in the body", protocol)
		}

		// What passes is tried again: the server's own wish counts, and a stream that breaks off is no reply.
		r, err, s, waits := talk(t, protocol, llmtest.Turn{Code: 429, After: "7"}, llmtest.Turn{Code: 500}, llmtest.Turn{Text: "half of it", Cut: true}, good)
		if err != nil || r.Text != "two words" || len(s.Seen()) != 4 {
			t.Errorf("%s: after faults: %+v, %v, %d requests", protocol, r, err, len(s.Seen()))
		}
		if want := []time.Duration{7 * time.Second, 2 * time.Second, 4 * time.Second}; len(waits) != 3 || waits[0] != want[0] || waits[1] != want[1] || waits[2] != want[2] {
			t.Errorf("%s: waits %v, want %v", protocol, waits, want)
		}
		// What does not pass is an error at once, without the key that the server sent back.
		_, err, s, _ = talk(t, protocol, llmtest.Turn{Code: 401, Echo: true})
		if err == nil || len(s.Seen()) != 1 || !strings.Contains(err.Error(), "401 Unauthorized: who is [key]") {
			t.Errorf("%s: denied: %v, %d requests", protocol, err, len(s.Seen()))
		}
		// And what never passes ends.
		_, err, s, _ = talk(t, protocol, llmtest.Turn{Code: 503})
		if err == nil || len(s.Seen()) != 5 || !strings.Contains(err.Error(), "5 tries: ") {
			t.Errorf("%s: never: %v, %d requests", protocol, err, len(s.Seen()))
		}
	}
}

func TestCheck(t *testing.T) {
	for url, want := range map[string]string{
		"https://api.example.com": "", "http://127.0.0.1:1": "", "http://localhost:8080/v1": "",
		"http://api.example.com": "https only", "https://user:pass@example.com": "url:", "api.example.com": "url:", "file:///x": "url:",
	} {
		err := (&Client{Protocol: "openai", URL: url, Model: "m"}).Check()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
}
