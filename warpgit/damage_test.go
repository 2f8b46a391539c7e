package warpgit

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// fabricToDamage is a small fabric with files, in which objects are deltas of each other.
func fabricToDamage(t *testing.T) (dir string, tip jitos.CommitID) {
	dir = newDir(t)
	r := openDir(t, dir)
	tip = born(t, r.Store)
	long := strings.Repeat("a line of a file that is long enough for a delta\n", 40)
	for i := range 6 {
		rw := graphRule([]jitos.Node{node("thing", fmt.Sprint("n-", i), "text", long[:400+i])}, nil)
		if i%2 == 0 {
			rw.Tree = putFiles(t, r.Store.Objects, map[string]string{"README.md": fmt.Sprint(long, i), "src/main.go": fmt.Sprint("package main // ", i)})
		}
		tip = appendTo(t, r.Store, jitos.SystemRef, tip, rw)
	}
	return dir, tip
}

// damaged looks at a repository as verify does.
func damaged(t *testing.T, dir string, tip jitos.CommitID) []Damage {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.CheckObjects()
	list, err := r.Store.Damaged(ctx, tip)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// needs are the objects that each commit of a history needs: itself, its trees and its blobs.
func needs(t *testing.T, dir string, tip jitos.CommitID) map[string][]jitos.CommitID {
	t.Helper()
	of := map[string][]jitos.CommitID{}
	for _, c := range strings.Fields(run(t, dir, "rev-list", string(tip))) {
		of[c] = append(of[c], jitos.CommitID(c))
		tree := run(t, dir, "rev-parse", c+"^{tree}")
		for line := range strings.Lines(tree + "\n" + run(t, dir, "ls-tree", "-r", "-t", "--format=%(objectname)", c)) {
			id := strings.TrimSpace(line)
			if !slices.Contains(of[id], jitos.CommitID(c)) {
				of[id] = append(of[id], jitos.CommitID(c))
			}
		}
	}
	return of
}

// A bit is flipped in each object of a fabric in turn, as loose files: exactly this object is named, and exactly the commits
// that need it. Behind a commit that is lost nobody can look.
func TestDamaged_loose(t *testing.T) {
	dir, tip := fabricToDamage(t)
	of := needs(t, dir, tip)
	loosen(t, dir)
	if list := damaged(t, dir, tip); len(list) > 0 {
		t.Fatalf("nothing is damaged yet: %v", list)
	}
	for id, commits := range of {
		file := filepath.Join(dir, ".git/objects", id[:2], id[2:])
		for flip(t, file, rand.IntN); len(lostToGit(t, dir, []string{id})) == 0; flip(t, file, rand.IntN) {
			unflip(t, file) // it was one of the few bits that nobody reads
		}
		list := damaged(t, dir, tip)
		if len(list) != 1 || list[0].Object != id {
			t.Errorf("%s was damaged: %v", id, list)
		} else if got := sorted(list[0].Commits); !slices.Equal(got, sorted(commits)) && got[0] != jitos.CommitID(id) {
			t.Errorf("%s harms %v, want %v", id, got, commits)
		}
		unflip(t, file)
	}
}

func sorted(ids []jitos.CommitID) []jitos.CommitID {
	ids = slices.Clone(ids)
	slices.Sort(ids)
	return ids
}

// A bit is flipped anywhere in a pack or its index. Where git, asked for each object, no longer gives all of them rightly,
// the damage is found, and what is named is one that git does not give. Nothing panics.
func TestDamaged_packed(t *testing.T) {
	for _, way := range []string{"as written", "repacked"} {
		t.Run(way, func(t *testing.T) {
			dir, tip := fabricToDamage(t)
			if way == "repacked" {
				run(t, dir, "repack", "-q", "-a", "-d", "-f", "--depth=20")
			}
			of := needs(t, dir, tip)
			var ids []string
			for id := range of {
				ids = append(ids, id)
			}
			slices.Sort(ids)
			files, err := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.[pi][ad][cx]*"))
			if err != nil {
				t.Fatal(err)
			}
			rounds, harm := 25, 0
			if *long {
				rounds = 2000
			}
			for range rounds {
				file := files[rand.IntN(len(files))]
				at := flip(t, file, rand.IntN)
				lost := lostToGit(t, dir, ids)
				list := damaged(t, dir, tip)
				if len(lost) > 0 {
					harm++
					if !slices.ContainsFunc(list, func(d Damage) bool { return slices.Contains(lost, d.Object) }) {
						t.Fatalf("%s: bit %d: git has lost %d, one of them %s, and what was found is %v", filepath.Base(file), at, len(lost), lost[0], list)
					}
				}
				unflip(t, file)
			}
			t.Logf("%d bits flipped, %d of them did harm", rounds, harm)
			if harm == 0 {
				t.Error("no flipped bit did harm")
			}
		})
	}
}

// An object of which another copy is whole is no damage.
func TestDamaged_secondCopy(t *testing.T) {
	dir, tip := fabricToDamage(t)
	packs, err := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	second := t.TempDir()
	run(t, dir, "clone", "-q", "--bare", "--no-hardlinks", ".", filepath.Join(second, "copy.git"))
	for _, file := range packs {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		for at := int64(12); at < info.Size()-20; at += 97 {
			flip(t, file, func(int) int { return int(at * 8) })
		}
	}
	if len(damaged(t, dir, tip)) == 0 {
		t.Fatal("the damage was not found")
	}
	copies, err := filepath.Glob(filepath.Join(second, "copy.git/objects/pack/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, from := range copies {
		data, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, ".git/objects/pack", filepath.Base(from)), data, 0o444); err != nil {
			t.Fatal(err)
		}
	}
	if list := damaged(t, dir, tip); len(list) > 0 {
		t.Errorf("every object has a whole copy: %v", list)
	}
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.CheckObjects()
	lineOf(t, r.Store) // it replays
	for _, file := range packs {
		unflip(t, file)
	}
}

// loosen takes all packs of a repository apart.
func loosen(t *testing.T, dir string) {
	t.Helper()
	packs, err := filepath.Glob(filepath.Join(dir, ".git/objects/pack/*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range packs {
		aside := filepath.Join(t.TempDir(), filepath.Base(p))
		if err := os.Rename(p, aside); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(strings.TrimSuffix(p, ".pack") + ".idx"); err != nil {
			t.Fatal(err)
		}
		in, err := os.Open(aside)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("git", "unpack-objects", "-q")
		cmd.Dir, cmd.Stdin = dir, in
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git unpack-objects: %v %s", err, out)
		}
		in.Close()
	}
}

// lostToGit are the objects that git does not give, or gives with other bytes than those of their names. It gives up at the
// first that is broken, and is asked again for the rest.
func lostToGit(t *testing.T, dir string, ids []string) []string {
	t.Helper()
	var lost []string
	for len(ids) > 0 {
		cmd := exec.Command("git", "-C", dir, "cat-file", "--batch")
		cmd.Stdin = strings.NewReader(strings.Join(ids, "\n") + "\n")
		out, _ := cmd.Output()
		for r := bufio.NewReader(bytes.NewReader(out)); len(ids) > 0; ids = ids[1:] {
			head, err := r.ReadString('\n')
			part := strings.Fields(head)
			if err != nil || len(part) == 0 {
				lost, ids = append(lost, ids[0]), ids[1:]
				break
			}
			if len(part) != 3 {
				lost = append(lost, ids[0])
				continue
			}
			size, err := strconv.Atoi(part[2])
			if err != nil {
				t.Fatal(err)
			}
			data := make([]byte, size)
			if _, err := io.ReadFull(r, data); err != nil {
				lost, ids = append(lost, ids[0]), ids[1:]
				break
			}
			r.ReadByte()
			if kind, err := plumbing.ParseObjectType(part[1]); err != nil || plumbing.ComputeHash(kind, data).String() != ids[0] {
				lost = append(lost, ids[0])
			}
		}
	}
	return lost
}

// flip flips a bit of a file, and returns which; unflip puts the file back.
func flip(t *testing.T, file string, choose func(int) int) int {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file + ".whole"); err != nil {
		if err := os.WriteFile(file+".whole", data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bit := choose(len(data) * 8)
	data[bit/8] ^= 1 << (bit % 8)
	replaceFile(t, file, data)
	return bit
}

func unflip(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file + ".whole")
	if err != nil {
		t.Fatal(err)
	}
	replaceFile(t, file, data)
	os.Remove(file + ".whole")
}

func replaceFile(t *testing.T, file string, data []byte) {
	t.Helper()
	os.Remove(file)
	if err := os.WriteFile(file, data, fs.FileMode(0o444)); err != nil {
		t.Fatal(err)
	}
}
