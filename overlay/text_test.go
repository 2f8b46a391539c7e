package overlay

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMergeText(t *testing.T) {
	for _, c := range []struct{ name, base, ours, theirs, want, conflict string }{
		{"empty", "", "", "", "", ""},
		{"a function after another, its last line changed", "f {\n1\n}\n", "f {\n1\n}\ng {\n2\n}\n", "f {\n3\n}\n", "f {\n3\n}\ng {\n2\n}\n", ""},
		{"two places", "a\nb\nc\nd\ne\nf\n", "A\nb\nC\nd\ne\nf\n", "B\nb\nD\nd\ne\nf\n", "", "both sides changed lines 1, 3"},
		{"an addition and a change in conflict", "a\nb\nc\n", "x\na\nb\nC\n", "y\na\nb\nD\n", "", "both sides changed lines 3 and added lines after line 0"},
		{"only the newline at the end, both ways", "a", "a\n", "a", "a\n", ""},
		{"CR is part of the line", "a\nb\n", "a\r\nb\r\n", "a\nc\n", "", "both sides changed lines 1-2"},
		{"bytes that are no UTF-8", "\xff\n1\n2\n", "\xfe\n1\n2\n", "\xff\n1\n\xfd\n", "\xfe\n1\n\xfd\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			merged, conflicts := mergeText([]byte(c.base), []byte(c.ours), []byte(c.theirs))
			if c.conflict != "" {
				if got := sayLines(conflicts); got != c.conflict || merged != nil {
					t.Fatalf("%q and text %q, want %q", got, merged, c.conflict)
				}
				return
			}
			if conflicts != nil || string(merged) != c.want {
				t.Fatalf("merged to %q, %v, want %q", merged, conflicts, c.want)
			}
		})
	}
}

// More different lines than there are runes below the surrogates: numbering must step over those.
func TestMergeText_manyLines(t *testing.T) {
	var base []string
	for i := range 70_000 {
		base = append(base, fmt.Sprintln(i))
	}
	ours, theirs := slices.Clone(base), slices.Clone(base)
	ours[60_000], theirs[10] = "ours\n", "theirs\n"
	ours[55_400], ours[55_450] = ours[55_450], ours[55_400]
	ours = append(ours[:56_000], ours[56_010:]...)
	want := slices.Clone(ours)
	want[10] = "theirs\n"
	join := func(l []string) []byte { return []byte(strings.Join(l, "")) }
	merged, conflicts := mergeText(join(base), join(ours), join(theirs))
	if conflicts != nil || !bytes.Equal(merged, join(want)) {
		t.Fatal("not merged line by line", conflicts)
	}
}

// textGen draws lines from so many different ones; few make repetitions, which is where diffs differ.
type textGen struct {
	*rand.Rand
	words int
}

func (g textGen) lines(n int) []string {
	var lines []string
	for range n {
		end := "\n"
		if g.Intn(20) == 0 {
			end = "\r\n"
		}
		lines = append(lines, fmt.Sprint("line ", g.Intn(g.words), end))
	}
	return lines
}

func (g textGen) edit(lines []string, times int) []string {
	lines = slices.Clone(lines)
	for range times {
		at := g.Intn(len(lines) + 1)
		gone := min(g.Intn(3), len(lines)-at)
		lines = slices.Replace(lines, at, at+gone, g.lines(g.Intn(3))...)
	}
	if len(lines) > 0 && g.Intn(8) == 0 {
		lines[len(lines)-1] = strings.TrimSuffix(lines[len(lines)-1], "\n")
	}
	return lines
}

func (g textGen) three(size, edits int) three[[]byte] {
	base := g.lines(g.Intn(size + 1))
	v := three[[]string]{base, g.edit(base, 1+g.Intn(edits)), g.edit(base, 1+g.Intn(edits))}
	return each(v, func(l []string) []byte { return []byte(strings.Join(l, "")) })
}

// gitMergeFile merges with the real git. A conflict gives no text.
func gitMergeFile(t *testing.T, dir string, v three[[]byte]) (merged []byte, clean bool) {
	t.Helper()
	args := []string{"merge-file", "-p"}
	for i, text := range [][]byte{v.ours, v.base, v.theirs} {
		p := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(p, text, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, p)
	}
	cmd := exec.Command("git", args...)
	merged, err := cmd.Output()
	if err == nil {
		return merged, true
	}
	if exit, ok := err.(*exec.ExitError); !ok || exit.ExitCode() <= 0 || exit.ExitCode() > 127 {
		t.Fatalf("git merge-file: %v", err)
	}
	return nil, false
}

// Where git and mergeText both merge, the texts are equal; where git sees a conflict mergeText sees one. The other way round
// it may see one that git does not, which stays rare.
func TestMergeText_againstGit(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ words, size, edits, runs int }{
		{1 << 30, 30, 3, 120}, // hardly a line twice
		{40, 40, 4, 150},      // as in code
		{8, 25, 3, 120},       // much the same
		{2, 10, 2, 200},       // a worst case
	} {
		if os.Getenv("JITOS_HEAVY") != "" {
			c.runs *= 10
		}
		var clean, conflict, stricter int
		for seed := range c.runs {
			g := textGen{rand.New(rand.NewSource(int64(seed))), c.words}
			v := g.three(c.size, c.edits)
			want, gitClean := gitMergeFile(t, dir, v)
			got, conflicts := mergeText(v.base, v.ours, v.theirs)
			switch {
			case !gitClean && conflicts == nil:
				t.Errorf("git sees a conflict where none was found: base %q, ours %q, theirs %q", v.base, v.ours, v.theirs)
			case !gitClean:
				conflict++
			case conflicts != nil:
				stricter++
			case !bytes.Equal(got, want):
				t.Errorf("merged to %q, git to %q: base %q, ours %q, theirs %q", got, want, v.base, v.ours, v.theirs)
			default:
				clean++
			}
		}
		t.Logf("%d different lines: %d merged alike, %d in conflict, %d stricter than git", c.words, clean, conflict, stricter)
		if clean < c.runs/4 || conflict < c.runs/10 || stricter > c.runs/20 {
			t.Errorf("%d different lines: %d merged, %d in conflict, %d stricter than git", c.words, clean, conflict, stricter)
		}
	}
}

// The laws of a three-way merge, on texts that no generator of ours thought of.
func TestMergeText_laws(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) []byte {
		lines := rapid.SliceOfN(rapid.SampledFrom([]string{"a\n", "b\n", "c\n", "}\n", "\n", "a\r\n"}), 0, 12).Draw(t, "lines")
		end := rapid.SampledFrom([]string{"", "a", "x"}).Draw(t, "end")
		return []byte(strings.Join(lines, "") + end)
	})
	rapid.Check(t, func(t *rapid.T) {
		b, x, y := text.Draw(t, "base"), text.Draw(t, "ours"), text.Draw(t, "theirs")
		for _, v := range []three[[]byte]{{b, x, b}, {b, b, x}, {b, x, x}} {
			if got, conflicts := mergeText(v.base, v.ours, v.theirs); conflicts != nil || !bytes.Equal(got, x) {
				t.Fatalf("a change on one side: %q, %v, want %q", got, conflicts, x)
			}
		}
		there, c1 := mergeText(b, x, y)
		back, c2 := mergeText(b, y, x)
		if !bytes.Equal(there, back) || !slices.Equal(c1, c2) {
			t.Fatalf("merge does not commute: %q %v, %q %v", there, c1, back, c2)
		}
	})
}

// A diff must be one: what it leaves of both texts is equal, and as long as a longest common subsequence.
func TestDiffLines_shortest(t *testing.T) {
	numbers := rapid.SliceOfN(rapid.IntRange(0, 4), 0, 14)
	rapid.Check(t, func(t *rapid.T) {
		a, b := numbers.Draw(t, "a"), numbers.Draw(t, "b")
		m := diffLines(a, b)
		left := func(text []int, marked []bool) (rest []int) {
			for i, n := range text {
				if !marked[i] {
					rest = append(rest, n)
				}
			}
			return rest
		}
		restA, restB := left(a, m.gone), left(b, m.added)
		if !slices.Equal(restA, restB) || len(restA) != commonLength(a, b) {
			t.Fatalf("left of a %v, of b %v, want %d lines", restA, restB, commonLength(a, b))
		}
	})
}

// Texts that were reordered at large are aligned at anchors: a valid diff all the same, and fast enough to be waited for.
func TestDiffLines_reordered(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	a, b := r.Perm(30_000), r.Perm(30_000)
	if len(anchors(runes(a), runes(b))) == 0 || anchors(runes(a), runes(slices.Concat(a[500:], a[:500]))) != nil {
		t.Error("only texts that were reordered at large are to be cut")
	}
	m := diffLines(a, b)
	kept := 0
	for i, j := range m.matches() {
		if j < 0 {
			continue
		}
		if kept++; a[i] != b[j] {
			t.Fatalf("line %d is %d, matched with %d", i, a[i], b[j])
		}
	}
	if kept < 200 {
		t.Errorf("%d lines kept, about 300 stand in the same order", kept)
	}
}

func runes(numbers []int) (r []rune) {
	for _, n := range numbers {
		r = append(r, letter(n))
	}
	return r
}

func TestLongestAscending(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		places := rapid.Permutation([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}).Draw(t, "places")
		var pairs []anchor
		order := make([]int, len(places))
		for i, p := range places {
			pairs = append(pairs, anchor{i, p})
			order[i] = i
		}
		run := longestAscending(pairs)
		for i := 1; i < len(run); i++ {
			if run[i-1].a >= run[i].a || run[i-1].b >= run[i].b {
				t.Fatalf("%v does not ascend", run)
			}
		}
		if want := commonLength(order, places); len(run) != want {
			t.Fatalf("%v has %d pairs, the longest has %d", run, len(run), want)
		}
	})
}

func commonLength(a, b []int) int {
	row := make([]int, len(b)+1)
	for _, x := range a {
		diagonal := 0
		for j, y := range b {
			above := row[j+1]
			if x == y {
				row[j+1] = diagonal + 1
			} else {
				row[j+1] = max(above, row[j])
			}
			diagonal = above
		}
	}
	return row[len(b)]
}
