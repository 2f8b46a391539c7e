package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jitos/jitos"
)

// value is decoded JSON that knows where it was written: what is wrong with it is told with line and column. The error of
// every method Is jitos.ErrInvalid.
type value struct {
	doc *document
	at  int // offset
	way *way

	plain  any              // of a scalar: string, bool, json.Number or nil
	list   []value          // of an array
	object map[string]value // of an object
	kind   string           // "object", "array", "string", "number", "true or false", "null"
}

// way leads from the top to a value. It becomes a text only for an error: one that each value held would cost what all above it
// cost, once more.
type way struct {
	up    *way
	depth int
	name  string // of the member, "" for an element
	index int    // of the element
}

func (w *way) member(name string) *way { return &way{w, w.deep() + 1, name, -1} }
func (w *way) element(i int) *way      { return &way{w, w.deep() + 1, "", i} }

func (w *way) deep() int {
	if w == nil {
		return 0
	}
	return w.depth
}

func (w *way) String() string {
	switch {
	case w == nil:
		return ""
	case w.index >= 0:
		return fmt.Sprintf("%v[%d]", w.up, w.index)
	default:
		return strings.TrimPrefix(fmt.Sprintf("%v.%s", w.up, w.name), ".")
	}
}

// maxDepth is how deep values may nest: as deep as nodes are written without asking encoding/json.
const maxDepth = 100

// document is the text that values point into.
type document struct {
	name string
	raw  []byte
}

// parseJSON reads exactly one JSON value. Unlike encoding/json it refuses a key that is given twice.
func parseJSON(name string, raw []byte) (value, error) {
	doc := &document{name, raw}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	v, err := doc.value(d, nil)
	if err != nil {
		return v, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, doc.wrong(int(d.InputOffset()), "something follows the value")
	}
	return v, nil
}

func (doc *document) value(d *json.Decoder, at *way) (value, error) {
	start := int(d.InputOffset())
	token, err := d.Token()
	if err != nil {
		return value{}, doc.syntax(d, err)
	}
	for start < len(doc.raw) && strings.IndexByte(" \t\r\n,:", doc.raw[start]) >= 0 {
		start++
	}
	v := value{doc: doc, at: start, way: at}
	if at.deep() > maxDepth {
		return v, doc.wrong(start, "values nest deeper than %d", maxDepth)
	}
	switch token := token.(type) {
	case json.Delim:
		if token == '{' {
			v.kind, v.object = "object", map[string]value{}
			err = doc.members(d, &v)
		} else {
			v.kind = "array"
			for i := 0; err == nil && d.More(); i++ {
				var e value
				e, err = doc.value(d, at.element(i))
				v.list = append(v.list, e)
			}
		}
		if err != nil {
			return v, err
		}
		if _, err := d.Token(); err != nil {
			return v, doc.syntax(d, err)
		}
	case string:
		v.kind, v.plain = "string", token
	case json.Number:
		v.kind, v.plain = "number", token
	case bool:
		v.kind, v.plain = "true or false", token
	default:
		v.kind = "null"
	}
	return v, nil
}

func (doc *document) members(d *json.Decoder, v *value) error {
	for d.More() {
		key, err := doc.value(d, v.way)
		if err != nil {
			return err
		}
		name, ok := key.plain.(string)
		if !ok {
			return doc.wrong(key.at, "want a key")
		}
		if _, twice := v.object[name]; twice {
			return doc.wrong(key.at, "key %q is given twice", name)
		}
		e, err := doc.value(d, v.way.member(name))
		if err != nil {
			return err
		}
		v.object[name] = e
	}
	return nil
}

func (doc *document) syntax(d *json.Decoder, err error) error {
	at := int(d.InputOffset())
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		at = max(at, int(syntax.Offset)-1)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return doc.wrong(len(doc.raw), "it ends too early")
	}
	return doc.wrong(at, "%v", err)
}

// wrong is an error at a place.
func (doc *document) wrong(at int, format string, args ...any) error {
	at = min(at, len(doc.raw))
	before := doc.raw[:at]
	row := bytes.Count(before, []byte("\n")) + 1
	column := at - bytes.LastIndexByte(before, '\n')
	return fmt.Errorf("%s:%d:%d: %w: %s", doc.name, row, column, jitos.ErrInvalid, fmt.Sprintf(format, args...))
}

func (v value) wrong(format string, args ...any) error {
	what := fmt.Sprintf(format, args...)
	if v.way != nil {
		what = v.way.String() + ": " + what
	}
	return v.doc.wrong(v.at, "%s", what)
}

// only refuses what is no object, and keys other than those given.
func (v value) only(keys ...string) error {
	if v.kind != "object" {
		return v.wrong("want an object, not %s", v.kind)
	}
	var unknown *value // the first in the text
	for name, e := range v.object {
		if !slices.Contains(keys, name) && (unknown == nil || e.at < unknown.at) {
			unknown = &e
		}
	}
	if unknown != nil {
		return unknown.wrong("unknown key; known are %s", strings.Join(keys, ", "))
	}
	return nil
}

// text is the string under a key, "" where there is none.
func (v value) text(key string) (string, error) {
	e, ok := v.object[key]
	if !ok {
		return "", nil
	}
	s, ok := e.plain.(string)
	if !ok {
		return "", e.wrong("want a string, not %s", e.kind)
	}
	return s, nil
}

// each calls f with the elements of the array under a key.
func (v value) each(key string, f func(value) error) error {
	e, ok := v.object[key]
	if !ok {
		return nil
	}
	if e.kind != "array" {
		return e.wrong("want an array, not %s", e.kind)
	}
	for _, el := range e.list {
		if err := f(el); err != nil {
			return err
		}
	}
	return nil
}

// any is the value as fields of a node hold it.
func (v value) any() any {
	switch v.kind {
	case "object":
		m := make(map[string]any, len(v.object))
		for k, e := range v.object {
			m[k] = e.any()
		}
		return m
	case "array":
		list := make([]any, len(v.list))
		for i, e := range v.list {
			list[i] = e.any()
		}
		return list
	}
	return v.plain
}
