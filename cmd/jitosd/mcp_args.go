package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/jitos/jitos"
)

// agentTool is a command as an agent sees it.
type agentTool struct {
	name, about string
	needs       string   // the right, see agentCaps
	command     []string // words before the parameters
	params      []param
	ends        bool // something is given up by it
}

type paramKind int

const (
	wordParam  paramKind = iota
	wordsParam           // the flag is given once for each
	mapParam             // NAME=VALUE for each
	jsonParam            // an object, on standard input
	textParam            // a text, on standard input
	yesParam
	countParam
	choiceParam // the flag of the name that was chosen
)

// param is one input of a tool. Without a flag it is an argument of the command, in the order of the list.
type param struct {
	name, about string
	flag        string // "--task"
	kind        paramKind
	required    bool
	oneOf       []string
}

// arguments makes the call of a command from what an agent sent. A value is never taken for a flag: those of flags are joined by
// "=", and arguments follow "--".
func (t agentTool) arguments(in map[string]any) (args []string, stdin string, offset int, err error) {
	args = slices.Clone(t.command)
	var words []string
	if n, ok := in["offset"].(float64); ok && n > 0 {
		offset = int(n)
	}
	for name := range in {
		if name != "offset" && !slices.ContainsFunc(t.params, func(p param) bool { return p.name == name }) {
			return nil, "", 0, fmt.Errorf("%w: %s has no parameter %q", jitos.ErrInvalid, t.name, name)
		}
	}
	for _, p := range t.params {
		v, given := in[p.name]
		if !given || v == nil {
			if p.required {
				return nil, "", 0, fmt.Errorf("%w: %s needs %s: %s", jitos.ErrInvalid, t.name, p.name, p.about)
			}
			continue
		}
		wrong := fmt.Errorf("%w: %s: %s is not what its schema says", jitos.ErrInvalid, t.name, p.name)
		switch p.kind {
		case yesParam:
			yes, ok := v.(bool)
			if !ok {
				return nil, "", 0, wrong
			}
			if yes {
				args = append(args, p.flag)
			}
		case countParam:
			n, ok := v.(float64)
			if !ok || n != float64(int(n)) {
				return nil, "", 0, wrong
			}
			args = append(args, fmt.Sprintf("%s=%d", p.flag, int(n)))
		case wordsParam:
			list, ok := v.([]any)
			if !ok {
				return nil, "", 0, wrong
			}
			for _, e := range list {
				word, ok := e.(string)
				if !ok {
					return nil, "", 0, wrong
				}
				args = append(args, p.flag+"="+word)
			}
		case mapParam:
			pairs, ok := v.(map[string]any)
			if !ok {
				return nil, "", 0, wrong
			}
			for _, name := range slices.Sorted(maps.Keys(pairs)) {
				value, ok := pairs[name].(string)
				if !ok {
					return nil, "", 0, wrong
				}
				if strings.HasPrefix(value, "@") || name == "patch" && !strings.Contains(value, "\n") {
					return nil, "", 0, fmt.Errorf("%w: %s: %s would name a file: give the text itself", jitos.ErrInvalid, t.name, name)
				}
				args = append(args, p.flag+"="+name+"="+value)
			}
		case jsonParam:
			raw, err := json.Marshal(v)
			if err != nil || v == nil {
				return nil, "", 0, wrong
			}
			stdin = string(raw)
		default:
			word, ok := v.(string)
			if !ok || len(p.oneOf) > 0 && !slices.Contains(p.oneOf, word) {
				return nil, "", 0, wrong
			}
			switch {
			case p.kind == textParam:
				stdin = word
			case p.kind == choiceParam:
				if word != "refuse" {
					args = append(args, "--"+word)
				}
			case p.flag == "":
				words = append(words, word)
			default:
				args = append(args, p.flag+"="+word)
			}
		}
	}
	if len(words) > 0 {
		args = append(append(args, "--"), words...)
	}
	return args, stdin, offset, nil
}

// schema is the JSON schema of a tool's input.
func (t agentTool) schema() *jsonschema.Schema {
	schema := &jsonschema.Schema{Type: "object", Properties: map[string]*jsonschema.Schema{}, AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}}}
	for _, p := range t.params {
		one := &jsonschema.Schema{Description: p.about}
		switch p.kind {
		case wordsParam:
			one.Type, one.Items = "array", &jsonschema.Schema{Type: "string"}
		case mapParam:
			one.Type, one.AdditionalProperties = "object", &jsonschema.Schema{Type: "string"}
		case jsonParam:
			one.Type = "object"
		case yesParam:
			one.Type = "boolean"
		case countParam:
			one.Type = "integer"
		default:
			one.Type = "string"
		}
		for _, v := range p.oneOf {
			one.Enum = append(one.Enum, v)
		}
		schema.Properties[p.name] = one
		if p.required {
			schema.Required = append(schema.Required, p.name)
		}
	}
	schema.Properties["offset"] = &jsonschema.Schema{Type: "integer", Description: "go on with a long answer at this byte"}
	return schema
}
