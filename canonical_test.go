package jitos

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// slowCanonical is the definition of what Canonical writes, by encoding/json alone.
func slowCanonical(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var plain any
	if err := d.Decode(&plain); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err = e.Encode(plainNumbers(plain))
	return b.Bytes(), err
}

func plainNumbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		if i, err := strconv.ParseInt(v.String(), 10, 64); err == nil {
			return json.Number(strconv.FormatInt(i, 10))
		}
		f, err := v.Float64()
		if err != nil {
			panic(err)
		}
		if i := int64(f); float64(i) == f && i > -1<<53 && i < 1<<53 {
			return json.Number(strconv.FormatInt(i, 10))
		}
		return json.Number(strconv.FormatFloat(f, 'g', -1, 64))
	case map[string]any:
		for k, e := range v {
			v[k] = plainNumbers(e)
		}
	case []any:
		for i, e := range v {
			v[i] = plainNumbers(e)
		}
	}
	return v
}

func sameCanonical(t interface{ Fatalf(string, ...any) }, v any) {
	want, err := slowCanonical(v)
	if err != nil {
		t.Fatalf("%#v: %v", v, err)
	}
	got, err := Canonical(v)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%#v is\n%s, want\n%s, %v", v, got, want, err)
	}
}

type lower string

func (l lower) MarshalText() ([]byte, error) { return bytes.ToLower([]byte(l)), nil }

type inner struct{ X, y int }

func TestCanonical_asJSON(t *testing.T) {
	three := 3
	for _, v := range []any{
		nil, true, "", "a<b>&", "tab\t\"quote\" \\ \x00 \x7f \u2028 \xff end", "ä€𝄞", -7, uint8(200), uint64(math.MaxUint64), 1e300, -0.0, 1e21, 1 << 53, float32(0.1),
		math.MaxInt64, 0.1, math.SmallestNonzeroFloat64,
		json.Number("1.50"), json.Number("-0"), json.Number("1e3"), json.Number("12345678901234567890"), json.Number(""),
		[]string(nil), []string{}, []any{}, map[string]any(nil), map[string]any{}, map[string]any{"": nil}, [2]int{1, 2}, []byte("bytes"), []int{1}, [][]int{{}, nil, {1}},
		map[string]map[string]int{"b": {"y": 1}, "a": nil}, map[int]string{2: "b", 10: "a"}, map[lower]int{"B": 1},
		lower("ABC"), []lower{"X"}, time.Unix(0, 0).UTC(), struct{ T time.Time }{time.Unix(1, 5).UTC()}, json.RawMessage(`{"b":1.0,"a":[ ]}`),
		&three, (*int)(nil), struct{ P *int }{&three}, struct{ A any }{map[string]any{"z": []any{1.0, "x", nil}}}, inner{1, 2}, struct{ inner }{inner{1, 2}},
		struct {
			A int            `json:"zeta,omitempty"`
			B string         `json:"-"`
			C []int          `json:"c,omitempty"`
			D map[string]int `json:"d,omitempty"`
			E inner          `json:"e,omitempty"`
			F *int           `json:"f,omitempty"`
			G bool           `json:"g"`
			H any            `json:"h,omitempty"`
			I int            `json:",omitempty"`
			J time.Duration
		}{A: 0, B: "x", G: true, I: 4, J: time.Second},
		struct {
			A int `json:"a,string"`
			B int `json:"b,omitzero"`
			C int `json:"a b"`
		}{A: 1},
		Record{Seq: 12, Rule: "graph", Version: 1, Actor: "Ada <ada@example.org>", Set: map[ItemID]BlobID{"thing/b": "1", "thing/a": "2"}, Tree: "4b82"},
		Slap{Title: "x", Steps: []Step{{}}}, Policy{}, Process{}, Task{Intent: "do \"it\""}, Planning{},
	} {
		sameCanonical(t, v)
	}
	for _, v := range []any{math.NaN(), math.Inf(1), map[string]any{"x": math.Inf(-1)}, json.Number("x"), json.Number("1e999"), make(chan int), []any{func() {}}} {
		if b, err := Canonical(v); err == nil {
			t.Errorf("%v is %s", v, b)
		}
	}
	loop := map[string]any{}
	loop["x"] = loop
	if _, err := Canonical(loop); err == nil {
		t.Error("a loop is encoded")
	}
}

func TestCanonical_property(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { sameCanonical(t, anyJSON(t, 3)) })
}

func anyJSON(t *rapid.T, depth int) any {
	kinds := 8
	if depth == 0 {
		kinds = 6
	}
	switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
	case 0:
		return rapid.String().Draw(t, "string")
	case 1:
		return rapid.Float64Range(-1e300, 1e300).Draw(t, "float")
	case 2:
		return rapid.Int64().Draw(t, "int")
	case 3:
		return nil
	case 4:
		return rapid.Bool().Draw(t, "bool")
	case 5:
		return string(rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "bytes"))
	case 6:
		var list []any
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			list = append(list, anyJSON(t, depth-1))
		}
		return list
	}
	m := map[string]any{}
	for range rapid.IntRange(0, 4).Draw(t, "fields") {
		m[rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 3), func(b []byte) string { return string(b) })).Draw(t, "key")] = anyJSON(t, depth-1)
	}
	return m
}
