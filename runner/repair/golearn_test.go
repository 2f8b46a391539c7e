package repair

import (
	"slices"
	"testing"
)

// A statement that is gone is given back by what the package does elsewhere, or by what a function is without it.
func TestGoEdits_learn(t *testing.T) {
	const before = `package x

import (
	"strconv"
	"sync"
)

type box struct {
	mu    sync.Mutex
	size  int
	name  string
	open  bool
	items []string

	low, high float64
}

type pile []string

func (b *box) first() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.items[0]
}

func (b *box) second() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.items[1]
}

func half(text string) (n int, err error) {
	n, err = strconv.Atoi(text)
	if err != nil {
		return 0, err
	}
	return n / 2, nil
}

func reset(b *box) {
	b.size = 0
	b.name = ""
	b.items = nil
}

func (b *box) AddInt(v int, name string) {
	b.addInt(v)
}

func (b *box) addInt(v int) { b.size += v }

`
	for _, c := range []struct{ name, bug, fix string }{
		{"lock of others", "func (b *box) third() string {\n b.mu.Lock()\n return b.items[2]\n}", "func (b *box) third() string {\n b.mu.Lock()\n defer b.mu.Unlock()\n return b.items[2]\n}"},
		{"check after the same call", "func twice(s string) (m int, err error) {\n m, err = strconv.Atoi(s)\n return 2 * m, nil\n}",
			"func twice(s string) (m int, err error) {\n m, err = strconv.Atoi(s)\n if err != nil {\n return 0, err\n }\n return 2 * m, nil\n}"},
		{"check with other results", "func ok(s string) (bool, error) {\n _, err := half(s)\n return true, err\n}",
			"func ok(s string) (bool, error) {\n _, err := half(s)\n if err != nil {\n return false, err\n }\n return true, err\n}"},
		{"setter", "func (b *box) SetName(name string) {\n}", "func (b *box) SetName(name string) {\n b.name = name\n}"},
		{"append", "func (b *box) Push(item string) {\n}", "func (b *box) Push(item string) {\n b.items = append(b.items, item)\n}"},
		{"through a pointer", "func set(to *int, n int) {\n}", "func set(to *int, n int) {\n *to = n\n}"},
		{"swap", "func (p pile) Swap(i, j int) {\n}", "func (p pile) Swap(i, j int) {\n p[i], p[j] = p[j], p[i]\n}"},
		{"count of a field", "func (b *box) grow() {\n}", "func (b *box) grow() {\n b.size++\n}"},
		{"sibling", "func clear(b *box) {\n b.low = 1.5\n println(b)\n}", "func clear(b *box) {\n b.low = 1.5\n b.high = 1.5\n println(b)\n}"},
		{"cousin", "func (b *box) AddUint(v uint, name string) {\n}\n\nfunc (b *box) addUint(v uint) { b.size += int(v) }",
			"func (b *box) AddUint(v uint, name string) {\n b.addUint(v)\n}\n\nfunc (b *box) addUint(v uint) { b.size += int(v) }"},
		{"step of a loop", "func count(list []string) int {\n n := 0\n for _, s := range list {\n if s == \"\" {\n continue\n }\n println(s)\n }\n return n\n}",
			"func count(list []string) int {\n n := 0\n for _, s := range list {\n if s == \"\" {\n continue\n }\n println(s)\n n++\n }\n return n\n}"},
		{"mark", "func any(list []int) bool {\n found := false\n for _, n := range list {\n if n > 0 {\n println(n)\n }\n }\n return found\n}",
			"func any(list []int) bool {\n found := false\n for _, n := range list {\n if n > 0 {\n println(n)\n found = true\n }\n }\n return found\n}"},
		{"same parameters", "func (b *box) same(o *box) bool {\n println(o)\n return b.size == o.size\n}", "func (b *box) same(o *box) bool {\n if b == o {\n return true\n }\n println(o)\n return b.size == o.size\n}"},
		{"empty parameter", "func tail(list []string) (string, bool) {\n println(1)\n return list[len(list)-1], true\n}", "func tail(list []string) (string, bool) {\n if len(list) == 0 {\n return \"\", false\n }\n println(1)\n return list[len(list)-1], true\n}"},
		{"other relation", "func compare(a, b int) int {\n if a < b {\n return -1\n }\n return 0\n}", "func compare(a, b int) int {\n if a < b {\n return -1\n }\n if a > b {\n return 1\n }\n return 0\n}"},
		{"error of an empty branch", "func parse(s string) (*box, error) {\n n, err := strconv.Atoi(s)\n if err != nil {\n }\n return &box{size: n}, nil\n}",
			"func parse(s string) (*box, error) {\n n, err := strconv.Atoi(s)\n if err != nil {\n return nil, err\n }\n return &box{size: n}, nil\n}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := load(t, before+c.bug)
			want := spaceless(before + c.fix)
			all := Order(p.Edits(everywhere("x.go")), 1<<20)
			at := slices.IndexFunc(all, func(e Edit) bool { return spaceless(string(e.Apply([]byte(before+c.bug)))) == want })
			if at < 0 {
				t.Errorf("none of %d edits makes\n%s\nof\n%s", len(all), c.fix, c.bug)
			}
		})
	}
}

func TestExchange(t *testing.T) {
	for _, c := range []struct {
		from, to, old, new string
		ok                 bool
	}{{"StringVarP", "Int16VarP", "String", "Int16", true}, {"newIPValue", "newIPMaskValue", "", "Mask", false},
		{"GetIPNet", "GetBool", "IPNet", "Bool", true}, {"Len", "Swap", "Len", "Swap", false}} {
		if old, new, ok := exchange(c.from, c.to); ok != c.ok || ok && (old != c.old || new != c.new) {
			t.Errorf("%s, %s: %q, %q, %v", c.from, c.to, old, new, ok)
		}
	}
	if got := exchanged("f.VarP(newStringValue(value, p), stringName)", "String", "Int16"); got != "f.VarP(newInt16Value(value, p), int16Name)" {
		t.Error(got)
	}
}
