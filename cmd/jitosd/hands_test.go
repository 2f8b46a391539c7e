package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What differs from one repository to another: the ends of names, ids of commits and trees, and moments.
var differs = regexp.MustCompile(`-[a-z2-7]{8}\b|\b[0-9a-f]{10,64}\b|\d{4}-\d\d-\d\d[T ][0-9:]+(Z|[+-][0-9:]+)?|"took_s": \d+`)

// The same commands with --daemon and without print the same and end with the same codes; with it, it is the daemon that has done
// the work: it runs the jobs, and an operation that was not persisted is refused there as ever.
func TestHands(t *testing.T) {
	jitos := filepath.Join(pair(t), "jitos")
	type side struct {
		dir    string
		daemon bool
	}
	here, _ := repository(t)
	there, _ := repository(t)
	d := start(t, there)
	call := func(s side, stdin string, args ...string) (out, errs string, code int) {
		t.Helper()
		if s.daemon {
			args = append([]string{"--daemon"}, args...)
		}
		cmd := exec.Command(jitos, append([]string{"-C", s.dir}, args...)...)
		cmd.Env = append(os.Environ(), "NO_COLOR=1")
		cmd.Stdin = strings.NewReader(stdin)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		raw, err := cmd.Output()
		if ended := (*exec.ExitError)(nil); err != nil && !errors.As(err, &ended) {
			t.Fatal(err)
		}
		return string(raw), stderr.String(), cmd.ProcessState.ExitCode()
	}
	question := func(s side) string {
		out, _, _ := call(side{s.dir, false}, "", "inbox", "--json")
		var box struct{ Inbox []struct{ ID string } }
		if err := json.Unmarshal([]byte(out), &box); err != nil || len(box.Inbox) == 0 {
			t.Fatalf("nothing waits: %v %s", err, out)
		}
		return box.Inbox[0].ID
	}
	const asking = "title: ask\nsteps:\n  ask: {job: ask, args: {question: \"which name?\"}, produces: [answer]}\n"
	const writing = "title: write\nsteps:\n  write: {run: \"echo larder > NAME\", needs: [\"fs.write:**\"]}\n"
	for _, c := range []struct {
		code  int
		line  string // words; QUESTION is what waits
		stdin string
	}{
		{0, "task new name_the_release --gate test_-f_NAME --json", ""},
		{0, "plan name --json", ""},
		{0, "plan name --from - --json", asking},
		{7, "run name --json", ""},
		{2, "approve QUESTION", ""},
		{0, "answer QUESTION larder --json", ""},
		{6, "run name --json", ""},
		{0, "plan name --from -", writing},
		{0, "run name --slap 1 --json", ""},
		{0, "land --json", ""},
		{0, "do run_\"cp_notes.txt_copy.txt\" --gate test_-e_copy.txt --land", ""},
		{6, "do run_\"echo_no_>_no.txt\" --gate test_!_-e_no.txt --json", ""},
		{3, "do make_the_moon_blue --json", ""},
		{0, "rewrite - --json", `{"what": "a note", "set": [{"node": "note/a", "fields": {"n": 1, "x": 12.5}}]}`},
		{0, "rewrite -", `{"what": "two notes", "set": [{"node": "note/b", "fields": {"n": 2}}], "edges": [{"from": "note/b", "label": "see", "to": "note/a"}]}`},
		{5, "rewrite -", `{"what": "what moved", "reads": [{"item": "note/a", "is": "absent"}], "set": [{"node": "note/c", "fields": {}}]}`},
		{0, "sws new by-hand --json", ""},
		{0, "rewrite - --sws by-hand", `{"what": "in it", "set": [{"node": "note/c", "fields": {"n": 3}}]}`},
		{0, "sws collapse by-hand --no-gate -m a_note_needs_none --json", ""},
		{0, "sws new other", ""},
		{0, "sws discard other -m not_wanted", ""},
		{0, "task new never --gate false", ""},
		{0, "task withdraw never -m not_wanted", ""},
		{3, "task withdraw nothing", ""},
		{0, "absorb --json", ""},
		{0, "status --json", ""},
		{0, "status", ""},
		{0, "log", ""},
		{0, "show note/a", ""},
	} {
		var outs [2]string
		for i, s := range []side{{here, false}, {there, true}} {
			words := strings.Fields(c.line)
			for j, w := range words {
				if words[j] = strings.ReplaceAll(w, "_", " "); w == "QUESTION" {
					words[j] = question(s)
				}
			}
			out, errs, code := call(s, c.stdin, words...)
			if code != c.code {
				t.Errorf("%s, daemon %t: exit code %d, want %d\n%s%s", c.line, s.daemon, code, c.code, out, errs)
			}
			fails := ""
			for line := range strings.Lines(errs) {
				if strings.HasPrefix(line, "jitos: error:") || strings.HasPrefix(line, "jitos: hint:") {
					fails += line
				}
			}
			outs[i] = differs.ReplaceAllString(out+fails, "#")
		}
		if outs[0] != outs[1] {
			t.Errorf("%s: without\n%s\nand with a daemon\n%s", c.line, outs[0], outs[1])
		}
	}
	d.metric(t, `jitos_jobs_total{verdict="pass"} `)
	if _, errs, code := call(side{there, true}, "", "do", "x", "--jobs", "2"); code != 2 || !strings.Contains(errs, "--jobs does not go with --daemon") {
		t.Errorf("%d %s", code, errs)
	}
	d.stop(15)
	if _, errs, code := call(side{there, true}, "", "task", "new", "x"); code != 3 || !strings.Contains(errs, "`jitosd` is one") {
		t.Errorf("without a daemon: %d %s", code, errs)
	}
	if out, _, code := call(side{there, true}, "", "status", "--json"); code != 0 || !strings.Contains(out, `"system"`) {
		t.Errorf("what is only read needs none: %d %s", code, out)
	}
}
