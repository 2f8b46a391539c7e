package llm

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// anthropicRequest is a request of https://docs.anthropic.com/en/api/messages.
func anthropicRequest(c *Client, system string, talk []Message, tools []Tool) any {
	type object = map[string]any
	var messages []object
	for _, m := range talk {
		var blocks []object
		for _, r := range m.Results {
			blocks = append(blocks, object{"type": "tool_result", "tool_use_id": r.ID, "content": r.Text, "is_error": r.Error})
		}
		if m.Text != "" {
			blocks = append(blocks, object{"type": "text", "text": m.Text})
		}
		for _, call := range m.Calls {
			blocks = append(blocks, object{"type": "tool_use", "id": call.ID, "name": call.Name, "input": argsObject(call.Args)})
		}
		messages = append(messages, object{"role": m.Role, "content": blocks})
	}
	request := object{"model": c.Model, "max_tokens": c.maxTokens(), "system": system, "messages": messages, "stream": true}
	var list []object
	for _, t := range tools {
		list = append(list, object{"name": t.Name, "description": t.About, "input_schema": t.Schema})
	}
	if len(list) > 0 {
		request["tools"] = list
	}
	return request
}

// argsObject is the arguments as they are sent back: the model's own where they are an object, else an empty one.
func argsObject(args string) json.RawMessage {
	var object map[string]any
	if json.Unmarshal([]byte(args), &object) != nil || object == nil {
		return json.RawMessage("{}")
	}
	return json.RawMessage(args)
}

// readAnthropic reads a streamed reply.
func readAnthropic(body io.Reader, say func(string)) (Reply, error) {
	var r Reply
	var text strings.Builder
	calls := map[int]*Call{}
	var order []int
	err := events(body, func(data []byte) (bool, error) {
		var e struct {
			Type    string `json:"type"`
			Index   int    `json:"index"`
			Message struct {
				Usage struct {
					In int `json:"input_tokens"`
				} `json:"usage"`
			} `json:"message"`
			Block struct {
				Type, ID, Name string
			} `json:"content_block"`
			Delta struct {
				Type   string `json:"type"`
				Text   string `json:"text"`
				JSON   string `json:"partial_json"`
				Reason string `json:"stop_reason"`
			} `json:"delta"`
			Usage struct {
				Out int `json:"output_tokens"`
			} `json:"usage"`
			Error struct{ Type, Message string } `json:"error"`
		}
		if err := json.Unmarshal(data, &e); err != nil {
			return false, fmt.Errorf("%w: %w", errBroken, err)
		}
		switch e.Type {
		case "message_start":
			r.Usage.In = e.Message.Usage.In
		case "content_block_start":
			if e.Block.Type == "tool_use" {
				calls[e.Index] = &Call{ID: e.Block.ID, Name: e.Block.Name}
				order = append(order, e.Index)
			}
		case "content_block_delta":
			if call := calls[e.Index]; call != nil {
				call.Args += e.Delta.JSON
			} else if e.Delta.Text != "" {
				text.WriteString(e.Delta.Text)
				say(e.Delta.Text)
			}
		case "message_delta":
			r.Usage.Out, r.Cut = e.Usage.Out, e.Delta.Reason == "max_tokens"
		case "message_stop":
			return false, nil
		case "error":
			code := http.StatusBadRequest
			if e.Error.Type == "overloaded_error" || e.Error.Type == "api_error" || e.Error.Type == "rate_limit_error" {
				code = http.StatusServiceUnavailable
			}
			return false, &statusError{code: code, text: e.Error.Message}
		}
		return true, nil
	})
	for _, i := range order {
		r.Calls = append(r.Calls, *calls[i])
	}
	r.Text = text.String()
	return r, err
}
