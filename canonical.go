package jitos

import (
	"bytes"
	"cmp"
	"encoding"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// Canonical encodes a value as the fabric stores it: sorted keys, one field a line, numbers in their shortest form, a
// newline at the end. Equal values have equal bytes. What a value means is what encoding/json makes of it.
func Canonical(v any) ([]byte, error) {
	b, err := appendCanonical(make([]byte, 0, 512), reflect.ValueOf(v), 0)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return append(b, '\n'), nil
}

// appendCanonical writes directly what is common; the rest goes through encoding/json, and is written as what comes back.
func appendCanonical(b []byte, v reflect.Value, depth int) ([]byte, error) {
	for v.Kind() == reflect.Interface && !v.IsNil() {
		v = v.Elem()
	}
	if !v.IsValid() {
		return append(b, "null"...), nil
	}
	t := v.Type()
	if t == numberType {
		return appendNumber(b, v.String())
	}
	if depth > maxCanonicalDepth || t.Implements(marshalerType) || t.Implements(textMarshalerType) ||
		v.CanAddr() && (reflect.PointerTo(t).Implements(marshalerType) || reflect.PointerTo(t).Implements(textMarshalerType)) {
		return throughJSON(b, v, depth)
	}
	switch v.Kind() {
	case reflect.String:
		return appendString(b, v.String())
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10), nil
	case reflect.Float64:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return b, fmt.Errorf("%w: %v is no JSON number", ErrInvalid, f)
		}
		if math.Abs(f) < 1e21 && f == math.Trunc(f) { // encoding/json writes such a number without an exponent
			if i, err := strconv.ParseInt(strconv.FormatFloat(f, 'f', -1, 64), 10, 64); err == nil {
				return strconv.AppendInt(b, i, 10), nil
			}
		}
		return appendFloat(b, f), nil
	case reflect.Pointer:
		if v.IsNil() {
			return append(b, "null"...), nil
		}
		return appendCanonical(b, v.Elem(), depth)
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			break // base 64
		}
		if v.Kind() == reflect.Slice && v.IsNil() {
			return append(b, "null"...), nil
		}
		return appendList(b, v, depth)
	case reflect.Map:
		if t.Key().Kind() != reflect.String || t.Key().Implements(textMarshalerType) {
			break
		}
		if v.IsNil() {
			return append(b, "null"...), nil
		}
		return appendMap(b, v, depth)
	case reflect.Struct:
		if fields := fieldsOf(t); fields != nil {
			return appendStruct(b, v, *fields, depth)
		}
	}
	return throughJSON(b, v, depth)
}

var (
	numberType        = reflect.TypeFor[json.Number]()
	marshalerType     = reflect.TypeFor[json.Marshaler]()
	textMarshalerType = reflect.TypeFor[encoding.TextMarshaler]()
)

// maxCanonicalDepth is where encoding/json takes over: it finds cycles.
const maxCanonicalDepth = 100

func throughJSON(b []byte, v reflect.Value, depth int) ([]byte, error) {
	raw, err := json.Marshal(v.Interface())
	if err != nil {
		return b, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var plain any
	if err := d.Decode(&plain); err != nil {
		return b, err
	}
	return appendPlain(b, plain, depth)
}

// appendPlain writes what encoding/json decodes to.
func appendPlain(b []byte, v any, depth int) ([]byte, error) {
	switch v := v.(type) {
	case map[string]any:
		return appendFields(b, v, depth)
	case []any:
		return appendItems(b, len(v), depth, func(b []byte, i int) ([]byte, error) { return appendPlain(b, v[i], depth+1) })
	case json.Number:
		return appendNumber(b, string(v))
	case string:
		return appendString(b, v)
	case bool:
		return strconv.AppendBool(b, v), nil
	}
	return append(b, "null"...), nil
}

func appendFields(b []byte, m map[string]any, depth int) ([]byte, error) {
	var room [16]string
	keys := room[:0]
	for k := range m {
		if !utf8.ValidString(k) {
			return throughJSON(b, reflect.ValueOf(m), depth) // two keys may become one
		}
		keys = append(keys, k)
	}
	slices.Sort(keys)
	b = append(b, '{')
	for i, k := range keys {
		var err error
		if b, err = appendKey(b, i, k, depth); err != nil {
			return b, err
		}
		switch v := m[k].(type) { // the most common ones without a look at their types
		case string:
			b, err = appendString(b, v)
		case map[string]any:
			if v == nil || depth >= maxCanonicalDepth {
				b, err = appendCanonical(b, reflect.ValueOf(v), depth+1)
			} else {
				b, err = appendFields(b, v, depth+1)
			}
		default:
			b, err = appendCanonical(b, reflect.ValueOf(v), depth+1)
		}
		if err != nil {
			return b, err
		}
	}
	return appendEnd(b, len(keys), '}', depth), nil
}

func appendMap(b []byte, v reflect.Value, depth int) ([]byte, error) {
	switch m := v.Interface().(type) {
	case map[string]any:
		return appendFields(b, m, depth)
	case map[ItemID]BlobID: // every record has one
		return appendSet(b, m, depth)
	}
	type pair struct {
		key   string
		value reflect.Value
	}
	pairs := make([]pair, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		if !utf8.ValidString(it.Key().String()) {
			return throughJSON(b, v, depth)
		}
		pairs = append(pairs, pair{it.Key().String(), it.Value()})
	}
	slices.SortFunc(pairs, func(x, y pair) int { return strings.Compare(x.key, y.key) })
	b = append(b, '{')
	for i, p := range pairs {
		var err error
		if b, err = appendKey(b, i, p.key, depth); err != nil {
			return b, err
		}
		if b, err = appendCanonical(b, p.value, depth+1); err != nil {
			return b, err
		}
	}
	return appendEnd(b, len(pairs), '}', depth), nil
}

func appendSet(b []byte, set map[ItemID]BlobID, depth int) ([]byte, error) {
	var room [8]ItemID
	items := room[:0]
	for item := range set {
		if !utf8.ValidString(string(item)) {
			return throughJSON(b, reflect.ValueOf(set), depth)
		}
		items = append(items, item)
	}
	slices.Sort(items)
	b = append(b, '{')
	for i, item := range items {
		var err error
		if b, err = appendKey(b, i, string(item), depth); err != nil {
			return b, err
		}
		if b, err = appendString(b, string(set[item])); err != nil {
			return b, err
		}
	}
	return appendEnd(b, len(items), '}', depth), nil
}

func appendList(b []byte, v reflect.Value, depth int) ([]byte, error) {
	return appendItems(b, v.Len(), depth, func(b []byte, i int) ([]byte, error) { return appendCanonical(b, v.Index(i), depth+1) })
}

func appendItems(b []byte, n, depth int, item func(b []byte, i int) ([]byte, error)) ([]byte, error) {
	b = append(b, '[')
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = item(appendLine(b, depth+1), i); err != nil {
			return b, err
		}
	}
	return appendEnd(b, n, ']', depth), nil
}

// structField is a field as encoding/json sees it.
type structField struct {
	name      string
	index     int
	omitEmpty bool
}

var structFields sync.Map // reflect.Type → *[]structField, nil for a type that is left to encoding/json

// fieldsOf returns the fields of a struct in order of their names.
func fieldsOf(t reflect.Type) *[]structField {
	if known, ok := structFields.Load(t); ok {
		return known.(*[]structField)
	}
	fields := plainFields(t)
	structFields.Store(t, fields)
	return fields
}

func plainFields(t reflect.Type) *[]structField {
	fields := []structField{}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			return nil
		}
		tag := f.Tag.Get("json")
		if !f.IsExported() || tag == "-" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if options != "" && options != "omitempty" || strings.ContainsFunc(name, func(r rune) bool { return !nameInTag(r) }) {
			return nil
		}
		if name == "" {
			name = f.Name
		}
		fields = append(fields, structField{name, i, options == "omitempty"})
	}
	slices.SortFunc(fields, func(a, b structField) int { return cmp.Compare(a.name, b.name) })
	for i := 1; i < len(fields); i++ {
		if fields[i].name == fields[i-1].name {
			return nil
		}
	}
	return &fields
}

// nameInTag is narrower than what encoding/json takes for a name; a type with any other is left to it.
func nameInTag(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-'
}

func appendStruct(b []byte, v reflect.Value, fields []structField, depth int) ([]byte, error) {
	b = append(b, '{')
	n := 0
	for _, f := range fields {
		value := v.Field(f.index)
		if f.omitEmpty && isEmpty(value) {
			continue
		}
		var err error
		if b, err = appendKey(b, n, f.name, depth); err != nil {
			return b, err
		}
		if b, err = appendCanonical(b, value, depth+1); err != nil {
			return b, err
		}
		n++
	}
	return appendEnd(b, n, '}', depth), nil
}

func isEmpty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

func appendKey(b []byte, i int, key string, depth int) ([]byte, error) {
	if i > 0 {
		b = append(b, ',')
	}
	b, err := appendString(appendLine(b, depth+1), key)
	return append(b, ": "...), err
}

func appendLine(b []byte, depth int) []byte {
	b = append(b, '\n')
	for range depth {
		b = append(b, ' ')
	}
	return b
}

func appendEnd(b []byte, n int, end byte, depth int) []byte {
	if n > 0 {
		b = appendLine(b, depth)
	}
	return append(b, end)
}

// appendString quotes a string; encoding/json is asked where it needs more than quotes. Each byte that is not UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) ([]byte, error) {
	plain := true
	for i := 0; i < len(s) && plain; i++ {
		c := s[i]
		plain = c >= ' ' && c != '"' && c != '\\' && c < 0x7f
	}
	if !plain && utf8.ValidString(s) {
		plain = !strings.ContainsFunc(s, func(r rune) bool {
			return r < ' ' || r == '"' || r == '\\' || r == 0x7f || r == '\u2028' || r == '\u2029'
		})
	}
	if plain {
		return append(append(append(b, '"'), s...), '"'), nil
	}
	var quoted bytes.Buffer
	e := json.NewEncoder(&quoted)
	e.SetEscapeHTML(false)
	if err := e.Encode(string([]rune(s))); err != nil {
		return b, err
	}
	return append(b, bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))...), nil
}

// appendNumber rewrites a number to the one form of its value.
func appendNumber(b []byte, s string) ([]byte, error) {
	if s == "" {
		return append(b, '0'), nil // as encoding/json reads an empty json.Number
	}
	if i, err := strconv.ParseInt(s, 10, 64); err == nil && isJSONNumber(s) {
		return strconv.AppendInt(b, i, 10), nil
	}
	if !isJSONNumber(s) {
		return b, fmt.Errorf("%w: %q is no JSON number", ErrInvalid, s)
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return b, fmt.Errorf("number %s: %w: out of range", s, ErrInvalid)
	}
	return appendFloat(b, f), nil
}

func isJSONNumber(s string) bool {
	return json.Valid([]byte(s)) && (s[0] == '-' || s[0] >= '0' && s[0] <= '9')
}

func appendFloat(b []byte, f float64) []byte {
	if i := int64(f); float64(i) == f && i > -1<<53 && i < 1<<53 {
		return strconv.AppendInt(b, i, 10)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}
