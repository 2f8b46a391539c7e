package main

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// row is what became of one bug.
type row struct {
	Module, Path, Kind, What string
	Number                   int
	Seconds                  float64
	Outcome                  string // of jitos
	Patches                  []patch
	Edits, Tried             int    // that the repair had, and came to
	Why                      string // there is no patch
	Left                     left
	Error                    string
}

// patch is an edit that passes all tests that jitos saw, the chosen one first.
type patch struct {
	Words   string
	Verdict string // "true", "right" or "wrong"
}

// rank of the true fix among the patches, 0 where it is none of them.
func (r row) rank() int {
	for i, p := range r.Patches {
		if p.Verdict == "true" {
			return i + 1
		}
	}
	return 0
}

func (r row) wrong() (n int) {
	for _, p := range r.Patches {
		if p.Verdict == "wrong" {
			n++
		}
	}
	return n
}

// bug makes one and has it repaired.
func (m module) bug(o options, number int, random *rand.Rand) (row, error) {
	const attempts = 600
	sound := m.hide(o.hide)
	names := m.files.names(m.language.suffix, m.language.tests, false)
	if len(names) == 0 {
		return row{}, fmt.Errorf("no code")
	}
	for i := range attempts {
		name := names[random.Intn(len(names))]
		slip, ok := m.language.slip(m.files[name], o.kind, random)
		if !ok || m.language.tidy(slip.text) == m.language.tidy(m.files[name]) {
			continue
		}
		dir := filepath.Join(o.dir, fmt.Sprintf("%s-%d-%d", m.name, number, i))
		if err := sound.with(name, slip.text).write(dir); err != nil {
			return row{}, err
		}
		if m.language.check != nil {
			if _, code, err := command(dir, time.Minute, nil, m.language.check...); code > 0 || err != nil {
				os.RemoveAll(dir)
				continue
			}
		}
		failing, _, err := m.run(dir)
		if err != nil {
			return row{}, err
		}
		if len(failing) == 0 || failing[0] == "" {
			os.RemoveAll(dir)
			continue
		}
		r := row{Module: m.name, Path: name, Kind: slip.kind, What: slip.what, Number: number}
		if err := m.repair(o, dir, &r, slip.text); err != nil {
			r.Error = err.Error()
		}
		return r, os.RemoveAll(dir)
	}
	return row{}, fmt.Errorf("none of %d slips makes a test fail", attempts)
}

// plan is the one that the task has.
const plan = `title: search small edits
steps:
  repair: {job: repair, args: {chain: %s}}
  prove: {gate: tests-pass, after: [repair]}
`

func (m module) repair(o options, dir string, r *row, broken string) error {
	cache := filepath.Join(o.dir, "cache")
	env := []string{"XDG_CACHE_HOME=" + cache, "GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=bench", "GIT_AUTHOR_EMAIL=bench@example.org", "GIT_COMMITTER_NAME=bench", "GIT_COMMITTER_EMAIL=bench@example.org"}
	must := func(words ...string) (string, error) {
		out, code, err := command(dir, 5*time.Minute, env, words...)
		if code > 0 {
			err = fmt.Errorf("%s: exit status %d\n%s", strings.Join(words, " "), code, out)
		}
		return out, err
	}
	for _, words := range [][]string{{"git", "init", "-q"}, {"git", "add", "-A", "-f"}, {"git", "commit", "-q", "-m", "start"},
		{o.jitos, "init"}, {o.jitos, "task", "new", "fix the failing tests"}} {
		if _, err := must(words...); err != nil {
			return err
		}
	}
	file := filepath.Join(o.dir, "plan.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, plan, m.language.name), 0o644); err != nil {
		return err
	}
	if _, err := must(o.jitos, "plan", "fix", "--from", file); err != nil {
		return err
	}
	before, err := measure(dir, cache)
	if err != nil {
		return err
	}
	start := time.Now()
	out, _, err := command(dir, 15*time.Minute, env, o.jitos, "run", "fix", "--slap", "1", "--json")
	if err != nil {
		return err
	}
	r.Seconds = time.Since(start).Seconds()
	if i := strings.Index(out, "\n{"); i >= 0 || strings.HasPrefix(out, "{") {
		var result struct{ Outcome string }
		_ = json.NewDecoder(strings.NewReader(out[i+1:])).Decode(&result)
		r.Outcome = result.Outcome
	}
	after, err := measure(dir, cache)
	if err != nil {
		return err
	}
	r.Left = after.since(before)
	return m.judge(o, dir, r, broken)
}

// judge reads what the repair found out, and judges its patches.
func (m module) judge(o options, dir string, r *row, broken string) error {
	findings, err := findings(dir)
	if err != nil {
		return err
	}
	for _, f := range findings {
		switch f.About {
		case "repair", "alternative":
		default:
			r.Why = f.Text
			continue
		}
		at, err := strconv.Atoi(f.Data["start"])
		src := m.files[f.Data["path"]]
		if f.Data["path"] == r.Path {
			src = broken
		}
		if err != nil || at+len(f.Data["was"]) > len(src) {
			return fmt.Errorf("finding %q: no such place", f.Text)
		}
		patched := src[:at] + f.Data["now"] + src[at+len(f.Data["was"]):]
		p := patch{Words: f.Text, Verdict: "right"}
		if f.Data["path"] == r.Path && m.language.tidy(patched) == m.language.tidy(m.files[r.Path]) {
			p.Verdict = "true"
		} else {
			check := filepath.Join(o.dir, "judge")
			if err := m.files.with(r.Path, broken).with(f.Data["path"], patched).write(check); err != nil {
				return err
			}
			failing, _, err := m.run(check)
			if err != nil {
				return err
			}
			if len(failing) > 0 {
				p.Verdict = "wrong"
			}
			if err := os.RemoveAll(check); err != nil {
				return err
			}
		}
		r.Patches = append(r.Patches, p)
	}
	for _, f := range findings {
		if f.Data["tried"] != "" {
			r.Tried, _ = strconv.Atoi(f.Data["tried"])
			r.Edits, _ = strconv.Atoi(f.Data["edits"])
		}
	}
	return nil
}
