package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Whole processes, ours and git's in turn, on one fabric: the metric x-git is the ratio of their times.

func BenchmarkStatusProcess_1knodes(b *testing.B)   { benchStatus(b, 1_000) }
func BenchmarkStatusProcess_100knodes(b *testing.B) { benchStatus(b, 100_000) }

func benchStatus(b *testing.B, nodes int) {
	b.Setenv("GIT_CONFIG_GLOBAL", os.DevNull)
	b.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	b.Setenv("HOME", b.TempDir())
	for _, who := range []string{"AUTHOR", "COMMITTER"} {
		b.Setenv("GIT_"+who+"_NAME", "Ada")
		b.Setenv("GIT_"+who+"_EMAIL", "ada@example.org")
	}
	dir := b.TempDir()
	call := func(in []byte, args ...string) {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(in)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	call(nil, "git", "init", "-q", "-b", "main")
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("a\n"), 0o666); err != nil {
		b.Fatal(err)
	}
	call(nil, "git", "add", ".")
	call(nil, "git", "commit", "-q", "-m", "first")
	call(nil, "jitos", "init")
	call(nil, "jitos", "task", "new", "something to look at")
	const group = 10_000
	for start := 0; start < nodes; start += group {
		var doc bytes.Buffer
		doc.WriteString(`{"set":[`)
		for i := start; i < min(start+group, nodes); i++ {
			if i > start {
				doc.WriteByte(',')
			}
			fmt.Fprintf(&doc, `{"node":"note/n%d","fields":{"text":"as it was"}}`, i)
		}
		doc.WriteString(`]}`)
		call(doc.Bytes(), "jitos", "rewrite", "-")
	}
	call(nil, "jitos", "status")
	var ours, git time.Duration
	for b.Loop() {
		start := time.Now()
		call(nil, "jitos", "status")
		middle := time.Now()
		call(nil, "git", "log", "-1", "--format=%H", "jitos/system")
		ours, git = ours+middle.Sub(start), git+time.Since(middle)
	}
	b.ReportMetric(float64(ours)/float64(git), "x-git")
}
