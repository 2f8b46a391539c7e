package llm

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// openaiRequest is a request of https://platform.openai.com/docs/api-reference/chat/create.
func openaiRequest(c *Client, system string, talk []Message, tools []Tool) any {
	type object = map[string]any
	messages := []object{{"role": "system", "content": system}}
	for _, m := range talk {
		for _, r := range m.Results {
			text := r.Text
			if r.Error {
				text = "error: " + text
			}
			messages = append(messages, object{"role": "tool", "tool_call_id": r.ID, "content": text})
		}
		if m.Text == "" && len(m.Calls) == 0 {
			continue
		}
		message := object{"role": m.Role, "content": m.Text}
		var calls []object
		for _, call := range m.Calls {
			calls = append(calls, object{"id": call.ID, "type": "function", "function": object{"name": call.Name, "arguments": string(argsObject(call.Args))}})
		}
		if len(calls) > 0 {
			message["tool_calls"] = calls
		}
		messages = append(messages, message)
	}
	request := object{"model": c.Model, "max_tokens": c.maxTokens(), "messages": messages, "stream": true,
		"stream_options": object{"include_usage": true}}
	var list []object
	for _, t := range tools {
		list = append(list, object{"type": "function", "function": object{"name": t.Name, "description": t.About, "parameters": t.Schema}})
	}
	if len(list) > 0 {
		request["tools"] = list
	}
	return request
}

// readOpenAI reads a streamed reply.
func readOpenAI(body io.Reader, say func(string)) (Reply, error) {
	var r Reply
	var text strings.Builder
	err := events(body, func(data []byte) (bool, error) {
		if string(data) == "[DONE]" {
			return false, nil
		}
		var e struct {
			Choices []struct {
				Delta struct {
					Content   string `json:"content"`
					ToolCalls []struct {
						Index    int    `json:"index"`
						ID       string `json:"id"`
						Function struct {
							Name      string `json:"name"`
							Arguments string `json:"arguments"`
						} `json:"function"`
					} `json:"tool_calls"`
				} `json:"delta"`
				Reason string `json:"finish_reason"`
			} `json:"choices"`
			Usage *struct {
				In  int `json:"prompt_tokens"`
				Out int `json:"completion_tokens"`
			} `json:"usage"`
			Error *struct{ Message string } `json:"error"`
		}
		if err := json.Unmarshal(data, &e); err != nil {
			return false, fmt.Errorf("%w: %w", errBroken, err)
		}
		if e.Error != nil {
			return false, &statusError{code: http.StatusServiceUnavailable, text: e.Error.Message}
		}
		if e.Usage != nil {
			r.Usage = Usage{e.Usage.In, e.Usage.Out}
		}
		for _, choice := range e.Choices {
			if s := choice.Delta.Content; s != "" {
				text.WriteString(s)
				say(s)
			}
			for _, t := range choice.Delta.ToolCalls {
				if t.Index < 0 || t.Index > len(r.Calls) {
					return false, fmt.Errorf("%w: tool call %d after %d", errBroken, t.Index, len(r.Calls))
				}
				if t.Index == len(r.Calls) {
					r.Calls = append(r.Calls, Call{})
				}
				call := &r.Calls[t.Index]
				call.ID, call.Name, call.Args = call.ID+t.ID, call.Name+t.Function.Name, call.Args+t.Function.Arguments
			}
			r.Cut = r.Cut || choice.Reason == "length"
		}
		return true, nil
	})
	r.Text = text.String()
	return r, err
}
