package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

// A sync costs what came and what goes, not what is there. One clone makes ten rewrites and shares them, another takes them, on a line
// of a hundred thousand rewrites that made as many nodes; git fetches and pushes the same objects in clones of its own, in turn. The
// metrics are ratios of ours to git's: of wall time and of processor time, for the clone that sends and for the one that takes.
func BenchmarkSync_10of1k(b *testing.B)   { benchSync(b, 1_000) }
func BenchmarkSync_10of100k(b *testing.B) { benchSync(b, 100_000) }

// spent is what programs took.
type spent struct{ wall, cpu time.Duration }

func (s *spent) add(o spent) { s.wall, s.cpu = s.wall+o.wall, s.cpu+o.cpu }

func benchSync(b *testing.B, rewrites int) {
	ctx := context.Background()
	home := b.TempDir()
	for name, value := range map[string]string{"HOME": home, "GIT_CONFIG_GLOBAL": os.DevNull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "Ada",
		"GIT_AUTHOR_EMAIL": "ada@example.org", "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org"} {
		b.Setenv(name, value)
	}
	in := func(dir string, args ...string) spent {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = filepath.Join(home, dir)
		start := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("%v in %s: %v\n%s", args, dir, err, out)
		}
		return spent{time.Since(start), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()}
	}
	in("", "git", "init", "-q", "--bare", "-b", "main", "hub")
	in("", "git", "init", "-q", "-b", "main", "sends")
	in("sends", "git", "commit", "-q", "--allow-empty", "-m", "first")
	in("sends", "git", "remote", "add", "origin", filepath.Join(home, "hub"))
	in("sends", "git", "push", "-q", "origin", "main")
	in("sends", "jitos", "init")
	write := func(from, n, group int) { // as rewrites of one node each
		repo, err := warpgit.Open(filepath.Join(home, "sends"))
		if err != nil {
			b.Fatal(err)
		}
		defer repo.Close()
		for at := from; at < from+n; at += group {
			var list []jitos.Rewrite
			for i := at; i < min(at+group, from+n); i++ {
				name := fmt.Sprintf("n%d", i)
				list = append(list, jitos.Rewrite{Rule: jitos.RuleCollapse, Actor: "Ada <ada@example.org>", What: "note " + name,
					Set: []jitos.Node{{ID: jitos.NodeID{Kind: "note", Name: name}, Fields: map[string]any{"text": "as it was"}}}})
			}
			head, err := repo.Store.Head(ctx, jitos.SystemRef)
			if err == nil {
				_, err = repo.Store.Append(ctx, jitos.SystemRef, head, head, list...)
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	write(0, rewrites, 1000)
	in("sends", "jitos", "gc")
	in("sends", "jitos", "sync")
	in("", "git", "clone", "-q", "hub", "takes")
	in("takes", "jitos", "init")
	in("takes", "jitos", "sync")
	for _, name := range []string{"hub", "sends", "takes"} {
		in("", "cp", "-a", name, "git-"+name)
	}
	const line = "refs/heads/jitos/system"
	hub := filepath.Join(home, "git-hub")
	var oursOut, oursIn, gitOut, gitIn spent
	for next := rewrites; b.Loop(); next += 10 {
		write(next, 10, 1)
		gitOut.add(in("sends", "git", "fetch", "-q", hub, line))
		gitOut.add(in("sends", "git", "push", "-q", hub, line+":"+line))
		oursOut.add(in("sends", "jitos", "sync"))
		oursIn.add(in("takes", "jitos", "sync"))
		gitIn.add(in("git-takes", "git", "fetch", "-q", hub, line+":"+line))
		gitIn.add(in("git-takes", "git", "push", "-q", hub, line+":"+line))
	}
	for name, r := range map[string][2]spent{"send": {oursOut, gitOut}, "take": {oursIn, gitIn}} {
		b.ReportMetric(float64(r[0].wall)/float64(r[1].wall), name+"-wall-x-git")
		b.ReportMetric(float64(r[0].cpu)/float64(r[1].cpu), name+"-cpu-x-git")
		b.ReportMetric(float64(r[0].cpu)/float64(b.N)/1e6, name+"-cpu-ms")
	}
}
