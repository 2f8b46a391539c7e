// Package llmtest is a server that speaks the protocols of package llm from a script. It is no model: it says what it is told
// to, faults included.
package llmtest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
)

// Turn is one answer.
type Turn struct {
	Code  int    `json:"code,omitempty"`  // an HTTP status instead of a reply
	After string `json:"after,omitempty"` // Retry-After with it
	Echo  bool   `json:"echo,omitempty"`  // the text of an error is what was sent as the key
	Text  string `json:"text,omitempty"`
	Calls []Call `json:"calls,omitempty"`
	Cut   bool   `json:"cut,omitempty"` // the stream ends in the middle
	In    int    `json:"in,omitempty"`
	Out   int    `json:"out,omitempty"`
}

// Call is a tool call. Args is sent as it is.
type Call struct {
	Name string `json:"name"`
	Args string `json:"args"`
}

// Server answers with one turn after the other; the last again and again.
type Server struct {
	Turns []Turn

	mu   sync.Mutex
	next int
	seen []string
}

// Seen is the bodies of the requests so far.
func (s *Server) Seen() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.seen...)
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	turn := s.Turns[min(s.next, len(s.Turns)-1)]
	number := s.next
	s.next++
	s.seen = append(s.seen, string(raw))
	s.mu.Unlock()
	openai := strings.HasSuffix(r.URL.Path, "/chat/completions")
	key := r.Header.Get("X-Api-Key")
	if openai {
		key = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	}
	if !openai && r.URL.Path != "/v1/messages" || !json.Valid(raw) || key == "" {
		http.Error(w, "what is this", http.StatusBadRequest)
		return
	}
	if turn.Code != 0 {
		if turn.After != "" {
			w.Header().Set("Retry-After", turn.After)
		}
		text := "as the script says"
		if turn.Echo {
			text = "who is " + key
		}
		http.Error(w, text, turn.Code)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	list := anthropic(turn, number)
	if openai {
		list = chat(turn, number)
	}
	if turn.Cut {
		list = list[:len(list)/2]
	}
	for _, e := range list {
		io.WriteString(w, e)
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
	}
}

type object = map[string]any

func event(name string, v any) string {
	raw, _ := json.Marshal(v)
	if name != "" {
		return "event: " + name + "\ndata: " + string(raw) + "\n\n"
	}
	return "data: " + string(raw) + "\n\n"
}

// halves cuts a text in two, as a stream does.
func halves(s string) []string { return []string{s[:len(s)/2], s[len(s)/2:]} }

func anthropic(t Turn, number int) []string {
	list := []string{event("message_start", object{"type": "message_start", "message": object{"usage": object{"input_tokens": t.In}}}),
		event("ping", object{"type": "ping"})}
	i := 0
	if t.Text != "" {
		list = append(list, event("content_block_start", object{"type": "content_block_start", "index": i, "content_block": object{"type": "text"}}))
		for _, part := range halves(t.Text) {
			list = append(list, event("content_block_delta", object{"type": "content_block_delta", "index": i, "delta": object{"type": "text_delta", "text": part}}))
		}
		i++
	}
	for n, c := range t.Calls {
		id := fmt.Sprintf("call_%d_%d", number, n)
		list = append(list, event("content_block_start", object{"type": "content_block_start", "index": i, "content_block": object{"type": "tool_use", "id": id, "name": c.Name}}))
		for _, part := range halves(c.Args) {
			list = append(list, event("content_block_delta", object{"type": "content_block_delta", "index": i, "delta": object{"type": "input_json_delta", "partial_json": part}}))
		}
		i++
	}
	return append(list, event("message_delta", object{"type": "message_delta", "delta": object{"stop_reason": "end_turn"}, "usage": object{"output_tokens": t.Out}}),
		event("message_stop", object{"type": "message_stop"}))
}

func chat(t Turn, number int) []string {
	delta := func(d object) string { return event("", object{"choices": []object{{"index": 0, "delta": d}}}) }
	list := []string{delta(object{"role": "assistant", "content": ""})}
	if t.Text != "" {
		for _, part := range halves(t.Text) {
			list = append(list, delta(object{"content": part}))
		}
	}
	for n, c := range t.Calls {
		id := fmt.Sprintf("call_%d_%d", number, n)
		parts := halves(c.Args)
		list = append(list, delta(object{"tool_calls": []object{{"index": n, "id": id, "type": "function", "function": object{"name": c.Name, "arguments": parts[0]}}}}),
			delta(object{"tool_calls": []object{{"index": n, "function": object{"arguments": parts[1]}}}}))
	}
	return append(list, event("", object{"choices": []object{{"index": 0, "delta": object{}, "finish_reason": "stop"}}}),
		event("", object{"choices": []object{}, "usage": object{"prompt_tokens": t.In, "completion_tokens": t.Out}}), "data: [DONE]\n\n")
}
