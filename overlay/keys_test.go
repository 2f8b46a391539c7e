package overlay

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/jitos/jitos"
)

// By key, what two people do to one file at one place is no conflict, and the text stays as they write it.
func TestByKey(t *testing.T) {
	tests := []struct {
		name               string
		by                 jitos.MergeBy
		base, ours, theirs string
		want               string // or, where it begins with !, part of why not
	}{
		{"both add a dependency at one place", jitos.ByJSON,
			"{\n  \"name\": \"x\",\n  \"deps\": {\n    \"a\": \"1\",\n    \"d\": \"1\"\n  }\n}\n",
			"{\n  \"name\": \"x\",\n  \"deps\": {\n    \"a\": \"1\",\n    \"b\": \"1\",\n    \"d\": \"1\"\n  }\n}\n",
			"{\n  \"name\": \"x\",\n  \"deps\": {\n    \"a\": \"1\",\n    \"c\": \"2\",\n    \"d\": \"2\"\n  },\n  \"type\": \"module\"\n}\n",
			"{\n  \"name\": \"x\",\n  \"deps\": {\n    \"a\": \"1\",\n    \"b\": \"1\",\n    \"c\": \"2\",\n    \"d\": \"2\"\n  },\n  \"type\": \"module\"\n}\n"},
		{"one sorts, one changes; one drops", jitos.ByJSON, `{"a": 1, "b": 2, "c": {"d": 4}}`, `{"b": 2, "c": {"d": 4}, "a": 1}`, `{"a": 5, "c": {"d": 4}}`,
			`{"c": {"d": 4}, "a": 5}`},
		{"an entry of another indentation", jitos.ByJSON, "{\n\t\"a\": 1\n}", "{\n\t\"a\": 2\n}", "{\n  \"a\": 1,\n  \"l\": {\n    \"x\": [\n      1\n    ]\n  }\n}",
			"{\n\t\"a\": 2,\n\t\"l\": {\n\t  \"x\": [\n\t    1\n\t  ]\n\t}\n}"},
		{"a list, by its lines", jitos.ByJSON, "{\"l\": [\n  1,\n  2,\n  3\n], \"x\": 1}", "{\"l\": [\n  0,\n  2,\n  3\n], \"x\": 1}", "{\"l\": [\n  1,\n  2,\n  4\n], \"x\": 2}",
			"{\"l\": [\n  0,\n  2,\n  4\n], \"x\": 2}"},
		{"one value, two ways", jitos.ByJSON, `{"a": {"v": 1}, "b": 1}`, `{"a": {"v": 2}, "b": 2}`, `{"a": {"v": 3}, "b": 3}`, "!both sides changed the key a.v, b"},
		{"deleted here, changed there", jitos.ByJSON, `{"a": 1, "b": 1}`, `{"b": 1}`, `{"a": 2, "b": 1}`, "!the key a"},
		{"numbers are as written", jitos.ByJSON, `{"a": 1, "b": 1}`, `{"a": 1.0, "b": 1}`, `{"a": 1, "b": 2}`, `{"a": 1.0, "b": 2}`},
		{"both added the file", jitos.ByJSON, "", `{"a": 1}`, `{"b": 1}`, `{"a": 1, "b": 1}`},
		{"a key twice: by lines", jitos.ByJSON, "{\"a\": 1,\n\n\"a\": 2}", "{\"a\": 0,\n\n\"a\": 2}", "{\"a\": 1,\n\n\"a\": 3}", "{\"a\": 0,\n\n\"a\": 3}"},
		{"a comment is no JSON: by lines", jitos.ByJSON, "{ // c\n\n\"a\": 1}", "{ // d\n\n\"a\": 1}", "{ // c\n\n\"a\": 2}", "{ // d\n\n\"a\": 2}"},

		{"comments go with their keys", jitos.ByYAML,
			"# head\n\na: 1\n# of b\nb:\n  c: 1 # one\n",
			"# head\n\na: 1\n# of n\nn: new\n# of b\nb:\n  c: 1 # one\n",
			"# head\n\na: 1\n# of m\nm:\n- 1\n- 2\n# of b\nb:\n  c: 2 # two\n  # of d\n  d: |\n    text\n    # no comment\n",
			"# head\n\na: 1\n# of n\nn: new\n# of m\nm:\n- 1\n- 2\n# of b\nb:\n  c: 2 # two\n  # of d\n  d: |\n    text\n    # no comment\n"},
		{"deeper there", jitos.ByYAML, "a:\n  b: 1\n", "a:\n  b: 2\n", "a:\n    b: 1\n    c:\n        d: 1\n", "a:\n  b: 2\n  c:\n      d: 1\n"},
		{"no newline at the end", jitos.ByYAML, "a: 1", "a: 2", "a: 1\nb: 1", "a: 2\nb: 1"},
		{"a list of steps, by its lines", jitos.ByYAML, "s:\n- a\n- b\n- c\nx: 1\n", "s:\n- A\n- b\n- c\nx: 1\n", "s:\n- a\n- b\n- C\nx: 2\n", "s:\n- A\n- b\n- C\nx: 2\n"},
		{"one value, two ways", jitos.ByYAML, "a:\n  b: 1\n", "a:\n  b: 2\n", "a:\n  b: 3\n", "!the key a.b"},
		{"anchors: by lines", jitos.ByYAML, "a: &x 1\nm: 0\nb: *x\n", "a: &x 2\nm: 0\nb: *x\n", "a: &x 1\nm: 0\nb: *x\nc: 1\n", "a: &x 2\nm: 0\nb: *x\nc: 1\n"},
		{"the last of a mapping goes", jitos.ByYAML, "a:\n  b: 1\n  c: 1\n", "a:\n  b: 1\n", "a:\n  c: 1\n", "!do not fit together"},
		{"CRLF", jitos.ByYAML, "a: 1\r\nb: 1\r\n", "a: 2\r\nb: 1\r\n", "a: 1\r\nc: 1\r\nb: 1\r\n", "a: 2\r\nc: 1\r\nb: 1\r\n"},

		{"union", jitos.ByUnion, "# log\n- one\n", "# log\n- ours\n- one\n", "# log\n- theirs\n- one\n", "# log\n- ours\n- theirs\n- one\n"},
		{"union, alike in part", jitos.ByUnion, "a\n", "a\nx\ny\nz\n", "a\nx\nb\nz\n", "a\nx\ny\nb\nz\n"},
		{"union, no newline", jitos.ByUnion, "a", "a\nb", "a\nc", "a\nb\nc"},
		{"refused", jitos.Refuse, "a\n\nb\n", "A\n\nb\n", "a\n\nB\n", "!the policy has that refused"},
		{"lines", jitos.ByLines, "a\n\nb\n", "A\n\nb\n", "a\n\nB\n", "A\n\nB\n"},
		{"binary", jitos.ByUnion, "a\x00", "b\x00", "c\x00", "!binary"},
	}
	for _, tt := range tests {
		t.Run(string(tt.by)+"/"+tt.name, func(t *testing.T) {
			got, why := contents[tt.by](three[[]byte]{[]byte(tt.base), []byte(tt.ours), []byte(tt.theirs)})
			if part, refused := strings.CutPrefix(tt.want, "!"); refused {
				if !strings.Contains(why, part) {
					t.Fatalf("why %q (%q), want %q", why, got, part)
				}
			} else if why != "" || string(got) != tt.want {
				t.Fatalf("why %q, merged\n%s\nwant\n%s", why, got, tt.want)
			}
		})
	}
}

// Whatever is merged by key means what a merge of the values means, whichever way they are written, and a merge of the sides
// the other way round means the same.
func TestByKeyMeans(t *testing.T) {
	type tree = map[string]any
	var draw func(t *rapid.T, depth int) tree
	draw = func(t *rapid.T, depth int) tree {
		m := tree{}
		for _, k := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d e"}), 0, 4, rapid.ID[string]).Draw(t, "keys") {
			if depth > 0 && rapid.Bool().Draw(t, "deep") {
				m[k] = draw(t, depth-1)
			} else {
				m[k] = rapid.SampledFrom([]any{"x", "# y", "", true, nil, []any{"p", "q"}, "two\nlines\n"}).Draw(t, "value")
			}
		}
		return m
	}
	var merge func(b, o, t any) (any, bool)
	merge = func(b, o, t any) (any, bool) {
		switch {
		case reflect.DeepEqual(o, t), reflect.DeepEqual(b, t):
			return o, true
		case reflect.DeepEqual(b, o):
			return t, true
		}
		bm, bok := b.(tree)
		om, ook := o.(tree)
		tm, tok := t.(tree)
		if !ook || !tok || !bok && b != absent {
			return nil, false
		}
		out := tree{}
		for _, k := range []string{"a", "b", "c", "d e"} {
			get := func(m tree) any {
				if v, ok := m[k]; ok {
					return v
				}
				return absent
			}
			v, ok := merge(get(bm), get(om), get(tm))
			if !ok {
				return nil, false
			}
			if v != absent {
				out[k] = v
			}
		}
		return out, true
	}
	rapid.Check(t, func(t *rapid.T) {
		v := three[tree]{draw(t, 2), draw(t, 2), draw(t, 2)}
		want, ok := merge(v.base, v.ours, v.theirs)
		for _, by := range []jitos.MergeBy{jitos.ByJSON, jitos.ByYAML} {
			texts := each(v, func(m tree) []byte { return write(t, by, m) })
			got, why := contents[by](texts)
			if len(v.base) == 0 || len(v.ours) == 0 || len(v.theirs) == 0 {
				continue // YAML has no block of it
			}
			if why == "" {
				var means tree
				if err := yaml.Unmarshal(got, &means); err != nil {
					t.Fatalf("%s: %v\n%s", by, err, got)
				}
				if ok && !reflect.DeepEqual(means, want) {
					t.Fatalf("%s\n%s\nmerged\n%s\nwant %v", by, show(texts), got, want)
				}
				if !ok && means == nil {
					t.Fatalf("%s merged to nothing", by)
				}
			} else if ok && by == jitos.ByJSON {
				t.Fatalf("JSON is refused: %s\n%s", why, show(texts))
			}
			back, why2 := contents[by](three[[]byte]{texts.base, texts.theirs, texts.ours})
			if (why == "") != (why2 == "") {
				t.Fatalf("%s: %q, the other way round %q\n%s\n%s", by, why, why2, got, back)
			}
		}
	})
}

// absent stands for no value.
var absent any = &struct{ int }{}

// write renders a tree, in a style that is drawn.
func write(t *rapid.T, by jitos.MergeBy, m map[string]any) []byte {
	indent := rapid.IntRange(1, 4).Draw(t, "indent")
	if by == jitos.ByJSON {
		var raw []byte
		var err error
		if rapid.Bool().Draw(t, "compact") {
			raw, err = json.Marshal(m)
		} else {
			raw, err = json.MarshalIndent(m, "", strings.Repeat(" ", indent))
		}
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	var b strings.Builder
	e := yaml.NewEncoder(&b)
	e.SetIndent(indent + 1)
	if err := e.Encode(m); err != nil {
		t.Fatal(err)
	}
	return []byte(b.String())
}

func show(v three[[]byte]) string {
	return fmt.Sprintf("base\n%s\nours\n%s\ntheirs\n%s", v.base, v.ours, v.theirs)
}

// FuzzByKey: whatever the bytes are, a merge by key ends, and one that only one side changed gives that side.
func FuzzByKey(f *testing.F) {
	f.Add([]byte(`{"a": 1}`), []byte(`{"a": 2}`))
	f.Add([]byte("a:\n  b: 1\n"), []byte("? a\n: b\n---\n"))
	f.Add([]byte("a: \"x\n# y\"\nb: 1\n"), []byte("a: &b [*b]\n"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		for _, g := range []grammar{jsonKeys, yamlKeys} {
			if got, why := byKey(g)(three[[]byte]{a, a, b}); why == "" {
				want, have := g.parse(string(b)), g.parse(string(got))
				if want != nil && g.parse(string(a)) != nil && have.sum() != want.sum() {
					t.Fatalf("from %q to %q: %q", a, b, got)
				}
			}
		}
	})
}
