package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jitos/jitos"
)

// fieldsNote is a node's fields on one line, the scalar ones only, as many as fit.
func fieldsNote(fields map[string]any) string {
	var parts []string
	for _, k := range sortedKeys(fields) {
		if s := jitos.FieldText(fields[k]); s != "" && len(s) <= 40 {
			parts = append(parts, k+"="+line(s))
		}
		if len(parts) == 4 {
			break
		}
	}
	return strings.Join(parts, " ")
}

// writeFields prints fields for people: a line for a scalar, an indented block for text of several lines, for a list and
// for an object. Nothing is left out.
func writeFields(b *strings.Builder, indent string, fields map[string]any, key func(string) string) {
	for _, k := range sortedKeys(fields) {
		writeField(b, indent, k, fields[k], key)
	}
}

func writeField(b *strings.Builder, indent, k string, v any, key func(string) string) {
	head := indent + key(clean(k)+":")
	switch v := v.(type) {
	case map[string]any:
		fmt.Fprintln(b, head)
		writeFields(b, indent+"  ", v, key)
	case []any:
		writeList(b, indent, head, v, key)
	case string:
		if !strings.Contains(strings.TrimRight(v, "\n"), "\n") {
			fmt.Fprintf(b, "%s %s\n", head, clean(strings.TrimRight(v, "\n")))
			return
		}
		fmt.Fprintln(b, head)
		for l := range strings.Lines(strings.TrimRight(v, "\n")) {
			fmt.Fprintf(b, "%s  %s\n", indent, clean(strings.TrimRight(l, "\n")))
		}
	default:
		fmt.Fprintf(b, "%s %s\n", head, plainJSON(v))
	}
}

func writeList(b *strings.Builder, indent, head string, list []any, key func(string) string) {
	short := make([]string, 0, len(list))
	for _, e := range list {
		s, ok := e.(string)
		if !ok || strings.ContainsAny(s, "\n,") {
			break
		}
		short = append(short, clean(s))
	}
	if joined := strings.Join(short, ", "); len(short) == len(list) && len(joined) <= 90 {
		fmt.Fprintf(b, "%s %s\n", head, joined)
		return
	}
	fmt.Fprintln(b, head)
	for _, e := range list {
		switch e := e.(type) {
		case map[string]any:
			var inner strings.Builder
			writeFields(&inner, indent+"    ", e, key)
			b.WriteString(indent + "  - " + strings.TrimPrefix(inner.String(), indent+"    "))
		case string:
			fmt.Fprintf(b, "%s  - %s\n", indent, clean(strings.ReplaceAll(e, "\n", "\\n")))
		default:
			fmt.Fprintf(b, "%s  - %s\n", indent, plainJSON(e))
		}
	}
}

// plainJSON is a value on one line; its strings are escaped by JSON itself, and again for terminals.
func plainJSON(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return clean(fmt.Sprint(v))
	}
	return clean(strings.TrimSpace(b.String()))
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
