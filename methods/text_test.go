package methods

import (
	"os/exec"
	"path"
	"strings"
	"testing"

	"github.com/jitos/jitos"
	"pgregory.net/rapid"
)

func TestText(t *testing.T) {
	values := map[string]string{"a": "A", "b": "x y"}
	for source, want := range map[string]string{
		"$a": "A", "{a}{b}": "Ax y", "{{a}}": "{a}", "$$a": "$a", "$a/b": "$a/b", "{c}": "{c}", "": "", "{A}": "{A}", "${a}": "$A",
	} {
		if got := ParseText(source).Expand(values); got != want {
			t.Errorf("%q: %q, want %q", source, got, want)
		}
	}
	if v := ParseText("$a").Variable(); v != "a" {
		t.Errorf("variable %q", v)
	}
	if v := ParseText("{a}").Variables(); len(v) != 1 || v[0] != "a" {
		t.Errorf("variables %q", v)
	}
}

func TestText_command(t *testing.T) {
	text, err := parseCommand(`echo {a} "${b}" '{x y}' ${a} {{a}}`)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := text.Shell(map[string]string{"a": "it's"}), `echo 'it'\''s' "${b}" '{x y}' ${a} {a}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, bad := range []string{`echo "{a}"`, `echo '{a}'`, `echo "x\" {a}"`, `echo "$(cat {a})"`} {
		if _, err := parseCommand(bad); err == nil {
			t.Errorf("%s: a variable in quotes is let through", bad)
		}
	}
	for _, good := range []string{`echo "x" {a} 'y'`, `echo \"{a}`, `echo "it's" {a}`, `awk '{print $1}'`, `find . -exec cat {} +`} {
		if _, err := parseCommand(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

// The shell sees exactly the value, whatever is in it.
func TestQuote(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no sh")
	}
	var words, values []string
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.StringMatching(`[a-z'"$\\ ;&|<>(){}*?~#!\n-]{0,12}`).Draw(t, "value")
		values, words = append(values, v), append(words, Quote(v))
	})
	out, err := exec.Command(sh, "-c", "printf '%s\\037' "+strings.Join(words, " ")).Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSuffix(string(out), "\x1f"), "\x1f")
	for i, v := range values {
		if i >= len(got) || got[i] != v {
			t.Fatalf("value %q arrived otherwise", v)
		}
	}
}

// A value in a pattern stands for itself.
func TestText_path(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.StringMatching(`[a-z*?\[\]\\^-]{1,8}`).Draw(t, "value")
		pattern := ParseText("d/{v}").Path(map[string]string{"v": v})
		if !jitos.MatchPath(pattern, "d/"+v) {
			t.Fatalf("%q does not match %q", pattern, v)
		}
		other := rapid.StringMatching(`[a-z*?\[\]\\^-]{1,8}`).Draw(t, "other")
		if ok, _ := path.Match(strings.TrimPrefix(pattern, "d/"), other); ok && other != v {
			t.Fatalf("%q matches %q", pattern, other)
		}
	})
}

func TestParam_check(t *testing.T) {
	for _, c := range []struct{ typ, value, want string }{
		{TypeInt, "007", "7"}, {TypeInt, "x", ""}, {TypeInt, "", ""},
		{TypeName, "@types/node", "@types/node"}, {TypeName, "-rf", ""}, {TypeName, "a b", ""}, {TypeName, "a;b", ""}, {TypeName, "", ""}, {TypeName, "^1.2", "^1.2"},
		{TypePath, "./a//b/", "a/b"}, {TypePath, "..", ""}, {TypePath, "a/../../b", ""}, {TypePath, "/a", ""}, {TypePath, "-a", ""}, {TypePath, "./-a", ""}, {TypePath, "a\x00b", ""}, {TypePath, "", ""}, {TypePath, "app/[id]", "app/[id]"},
		{TypeString, "a\nb\tc", "a\nb\tc"}, {TypeString, "a\x1bb", ""}, {TypeString, "\xff", ""},
	} {
		got, err := Param{Name: "p", Type: c.typ}.Check(c.value)
		if (err != nil) != (c.want == "") || got != c.want {
			t.Errorf("%s %q: %q, %v; want %q", c.typ, c.value, got, err, c.want)
		}
	}
}

func TestBind(t *testing.T) {
	one := "1"
	params := []Param{{Name: "must", Type: TypeName}, {Name: "may", Type: TypeInt, Default: &one}}
	got, err := Bind(params, map[string]string{"must": "x", "may": "01"})
	if err != nil || got["must"] != "x" || got["may"] != "1" {
		t.Errorf("%v, %v", got, err)
	}
	if given := Given(params, got); len(given) != 1 || given["must"] != "x" {
		t.Errorf("given: %v, want the default left out", given)
	}
	for _, bad := range []map[string]string{{}, {"must": "a b"}, {"must": "x", "other": "y"}} {
		if _, err := Bind(params, bad); err == nil {
			t.Errorf("%v is accepted", bad)
		}
	}
}
