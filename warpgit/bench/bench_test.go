package main

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"testing"
)

// The tasks run in processes of this binary.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == taskArg {
		main()
		return
	}
	os.Exit(m.Run())
}

// Every row runs and compares real work: rewriteRows itself fails where git fast-import comes to another commit than ours.
func TestRows(t *testing.T) {
	for _, v := range os.Environ() { // prepare pins the surroundings of the whole process
		name, value, _ := bytes.Cut([]byte(v), []byte("="))
		t.Setenv(string(name), string(value))
	}
	dir := t.TempDir()
	t.Cleanup(func() { removeAll(dir) })
	o, err := parse([]string{"-nodes", "70", "-rounds", "1", "-groups", "2", "-group-size", "60", "-rewrites", "9", "-files", "25", "-edges", "50", "-json",
		"-keep", dir}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run(o, &out); err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{"rewrite": true, "rewrite-grouped": false, "rewrite-bytes": true, "acked": true, "status": true, "show": true, "diff": true, "diff-batch": false, "diff-fields": false,
		"fork": true, "fork-collapse": true, "list-nodes": true, "list-rewrites": true, "edge": true, "dir-first": true, "dir-ready": true, "dir-captured": true,
		"dir-copied": true, "dir-copied-captured": true}
	for dec := json.NewDecoder(&out); dec.More(); {
		var r result
		if err := dec.Decode(&r); err != nil {
			t.Fatal(err)
		}
		aims, known := want[r.Row]
		if !known || aims != (r.Reached != nil) || r.Ours.Wall <= 0 || r.Theirs.Wall <= 0 {
			t.Errorf("row %+v", r)
		}
		delete(want, r.Row)
	}
	if len(want) > 0 {
		t.Errorf("no rows %v", want)
	}
}

func TestReach(t *testing.T) {
	ours, theirs := []cost{{CPU: 1, Peak: 9}, {CPU: 30, Peak: 9}, {CPU: 2, Peak: 9}}, []cost{{CPU: 10}, {CPU: 10}, {CPU: 10}}
	r := compare("row", 1, "peer", ours, theirs)
	if r.CPU != 0.2 || r.Ours.CPU != 2 {
		t.Errorf("the median is %v", r)
	}
	for most, reached := range map[float64]bool{0.2: true, 0.19: false} {
		if *r.reach(ofCPU, most).Reached != reached {
			t.Errorf("reach %v", most)
		}
	}
	r.MaxPeak = 8
	if *r.reach(ofCPU, 1).Reached {
		t.Error("too much memory, and reached")
	}
}

func TestParse(t *testing.T) {
	for _, args := range [][]string{{"-nodes", "many"}, {"-rounds", "0"}, {"stray"}, {"-nodes", "0"}} {
		if _, err := parse(args, io.Discard); err == nil {
			t.Errorf("%q is taken", args)
		}
	}
	if err := run(options{rows: []string{"rewrit", "nothing"}}, io.Discard); err == nil {
		t.Error("an unknown row is taken")
	}
}
