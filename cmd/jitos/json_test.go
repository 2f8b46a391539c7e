package main

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jitos/jitos"
)

// What is wrong is told with the line and column where it stands.
func TestParseForm_wrong(t *testing.T) {
	for in, want := range map[string]string{
		"":                                     "f:1:1: ",
		"[]":                                   "f:1:1: invalid: want an object, not array",
		"{} x":                                 "f:1:4: ",
		"{\"what\": 1}":                        "f:1:10: invalid: what: want a string, not number",
		"{\n  \"wat\": \"\"\n}":                "f:2:10: invalid: wat: unknown key",
		"{\n\"set\": [\n  {\"node\": \"a\"}]}": "f:3:12: invalid: set[0].node: want node as kind/name",
		"{\"set\": [{\"node\":\"a/b\"},{\"node\":\"a/b\"}]}": "set[1]: a/b is set twice",
		"{\"drop\": [3]}":     "drop[0]: want kind/name, or an edge",
		"{\"drop\": [\"a\"]}": "drop[0]: ",
		"{\"edges\": [{\"from\":\"a/b\",\"to\":\"c/d\"}]}":                   "edges[0]: label: ",
		"{\"edges\": [{\"from\":\"a/b\",\"to\":\"c/d\",\"label\":\"X y\"}]}": "label: ",
		"{\"reads\": [{}]}": "want exactly one of",
		"{\"reads\": [{\"path\":\"x\",\"node\":\"a/b\"}]}":                        "want exactly one of",
		"{\"reads\": [{\"pattern\":{\"kind\":\"a\",\"has\":{\"b\":[]}}}]}":        "want a string, not array",
		"{\"set\": [{\"node\":\"a/b\",\"fields\":{\"x\":1,\n \"x\":2}}]}":         "f:2:2: invalid: key \"x\" is given twice",
		"{\"set\": [{\"node\":\"a/b\",\"fields\":[1]}]}":                          "fields: want an object",
		"{\"What\": \"case matters\"}":                                            "unknown key",
		"{\"set\":\n\n [}":                                                        "f:3:",
		"{\"edges\":[{\"from\":\"a/b\",\"to\":\"c/d\",\"label\":\"l\",\"x\":1}]}": "edges[0].x: unknown key",
	} {
		_, err := parseForm("f", []byte(in))
		if !errors.Is(err, jitos.ErrInvalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n got %v\nwant %s", in, err, want)
		}
	}
}

// A form that nests, or whose names are long, costs no more than its length: a million levels once took all memory.
func TestParseForm_large(t *testing.T) {
	const n = 300_000
	deep := strings.Repeat(`{"a":`, n)
	if _, err := parseForm("f", []byte(deep)); !errors.Is(err, jitos.ErrInvalid) || !strings.Contains(err.Error(), "values nest deeper than 100") {
		t.Errorf("deep: %v", err)
	}
	wide := `{"set":[{"node":"a/b","fields":{"` + strings.Repeat("k", n) + `":[` + strings.Repeat("1,", n) + "1]}}]}"
	if form, err := parseForm("f", []byte(wide)); err != nil || len(form.set) != 1 {
		t.Errorf("a long name above a long list: %v", err)
	}
}

// Values come out as encoding/json reads them.
func TestParseJSON_model(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw, err := json.MarshalIndent(anyValue(3).Draw(t, "value"), "", rapid.SampledFrom([]string{"", " ", "\t"}).Draw(t, "indent"))
		if err != nil {
			t.Skip(err)
		}
		v, err := parseJSON("f", raw)
		if err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		d := json.NewDecoder(strings.NewReader(string(raw)))
		d.UseNumber()
		var want any
		if err := d.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if got := v.any(); !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: got %#v, want %#v", raw, got, want)
		}
	})
}

func anyValue(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		most := 5
		if depth == 0 {
			most = 3
		}
		switch rapid.IntRange(0, most).Draw(t, "kind") {
		case 0:
			return rapid.String().Draw(t, "string")
		case 1:
			return rapid.Int().Draw(t, "number")
		case 2:
			return rapid.Bool().Draw(t, "bool")
		case 3:
			return nil
		case 4:
			list := rapid.SliceOfN(anyValue(depth-1), 0, 3).Draw(t, "list")
			return append([]any{}, list...)
		}
		return rapid.MapOfN(rapid.String(), anyValue(depth-1), 0, 3).Draw(t, "object")
	})
}
