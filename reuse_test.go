package jitos

import (
	"context"
	"maps"
	"testing"
	"time"
)

// pathsOnly is a snapshot of which only paths are asked.
type pathsOnly struct {
	Snapshot
	paths map[string]string
}

func (s pathsOnly) PathID(_ context.Context, path string) (string, error) { return s.paths[path], nil }

type onMachine struct {
	Executor
	env string
}

func (m onMachine) Environment(context.Context, string) (string, error) { return m.env, nil }

type inClone struct{ Local }

func (inClone) Clone() string { return "here" }

// The key of an action covers what its result depends on, and nothing else.
func TestKeyOf(t *testing.T) {
	type world struct {
		step Step
		args map[string]string
		tree TreeID
		ws   map[string]string
		env  string
	}
	first := world{Step{Name: "count", Title: "count words", Worker: "shell", Run: "wc", Chain: "go", Needs: []string{"fs.write:out", "exec:wc"}},
		map[string]string{"a": "1"}, "tree1", map[string]string{"in": "blob1"}, "linux; go1.26"}
	declared := first
	declared.step.Reads = []string{"in"}
	key := func(w world) string {
		k := &Kernel{Executor: onMachine{env: w.env}, Local: inClone{}}
		got, _, err := k.keyOf(context.Background(), ProcessView{}, pathsOnly{paths: w.ws}, Action{Step: w.step, Tree: w.tree, Args: w.args})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	tests := []struct {
		what   string
		change func(*world)
		all    bool // the key of a step that declares no inputs changes
		in     bool // that of one that does
	}{
		{"its name and title", func(w *world) { w.step.Name, w.step.Title = "other", "otherwise" }, false, false},
		{"its place in the plan", func(w *world) { w.step.After, w.step.Resource = []string{"x"}, "y" }, false, false},
		{"the order of its needs", func(w *world) { w.step.Needs = []string{"exec:wc", "fs.write:out"} }, false, false},
		{"the command", func(w *world) { w.step.Run = "wc -l" }, true, true},
		{"an argument", func(w *world) { w.args = map[string]string{"a": "2"} }, true, true},
		{"a capability", func(w *world) { w.step.Needs = append(w.step.Needs[:2:2], "exec:sh") }, true, true},
		{"what it is expected to do", func(w *world) { w.step.Expect = "any" }, true, true},
		{"what it produces", func(w *world) { w.step.Produces = []string{"log"} }, true, true},
		{"the version of the toolchain", func(w *world) { w.env = "linux; go1.27" }, true, true},
		{"a declared input", func(w *world) { w.ws["in"], w.tree = "blob2", "tree2" }, true, true},
		{"another file", func(w *world) { w.ws["other"], w.tree = "blob2", "tree2" }, true, false},
	}
	for _, tt := range tests {
		for _, from := range []world{first, declared} {
			w := from
			w.ws = maps.Clone(from.ws)
			tt.change(&w)
			want := tt.all
			if len(from.step.Reads) > 0 {
				want = tt.in
			}
			if changed := key(w) != key(from); changed != want {
				t.Errorf("%s, reads %v: the key changed: %v, want %v", tt.what, from.step.Reads, changed, want)
			}
		}
	}
	for what, change := range map[string]func(*Step){
		"network": func(s *Step) { s.Needs = []string{"net:proxy:80"} },
		"secret":  func(s *Step) { s.Needs = []string{"secret:TOKEN"} },
		"chance":  func(s *Step) { s.Fresh = true },
		"person":  func(s *Step) { s.Worker = "human" },
		"gate":    func(s *Step) { s.Gate = &GateRef{Gate: "tests-pass"} },
	} {
		w := first
		change(&w.step)
		if key(w) != "" {
			t.Errorf("%s: there is a key", what)
		}
	}
	if key(first) == "" {
		t.Error("there is no key")
	}
}

// Times are kept so coarsely that the same work has the same time on record.
func TestBucketOf(t *testing.T) {
	for d, want := range map[time.Duration]int{0: 0, 999 * time.Millisecond: 0, time.Second: 1, 3 * time.Second: 2, 4 * time.Second: 4,
		7999 * time.Millisecond: 4, 65 * time.Second: 64, time.Hour: 2048} {
		if got := bucketOf(d); got != want {
			t.Errorf("%s: %d, want %d", d, got, want)
		}
	}
}
