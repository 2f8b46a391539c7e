package main

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

// whyCard is what `why --json` prints for a line or an id.
type whyCard struct {
	File      string             `json:"file,omitempty"`
	Line      int                `json:"line,omitempty"`
	Text      string             `json:"text,omitempty"`
	Node      string             `json:"node,omitempty"`
	Origin    string             `json:"origin"`
	Note      string             `json:"note,omitempty"`
	Commit    *commitLine        `json:"commit"`
	Landed    jitos.CommitID     `json:"landed,omitempty"`
	System    jitos.CommitID     `json:"system,omitempty"`
	Rewrite   *commitLine        `json:"rewrite"`
	Job       *whyJob            `json:"job"`
	Process   jitos.ProcessID    `json:"process,omitempty"`
	Slap      *whySlap           `json:"slap"`
	Task      *warpgit.TaskLine  `json:"task"`
	Collapse  *commitLine        `json:"collapse"`
	Evidence  []whyEvidence      `json:"evidence"`
	Findings  []whyFinding       `json:"findings"`
	Discarded []jitos.AttemptEnd `json:"discarded"`
}

type whyJob struct {
	ID      jitos.JobID   `json:"id"`
	Step    string        `json:"step"`
	Title   string        `json:"title,omitempty"`
	Worker  string        `json:"worker"`
	Run     string        `json:"run,omitempty"`
	Verdict jitos.Verdict `json:"verdict,omitempty"`
	Paths   []string      `json:"paths,omitempty"`
	Reason  string        `json:"reason,omitempty"`
}

type whySlap struct {
	ID      jitos.SlapID `json:"id"`
	Title   string       `json:"title"`
	Cost    int          `json:"cost"`
	By      string       `json:"by"`
	Methods []string     `json:"methods,omitempty"`
	Because []string     `json:"because,omitempty"`
}

type whyEvidence struct {
	jitos.EvidenceLine
	Passed  int  `json:"passed"`
	Failed  int  `json:"failed"`
	Claimed bool `json:"claimed"` // by another clone: here it counts for nothing
}

type whyFinding struct {
	About string `json:"about"`
	Text  string `json:"text"`
}

// fill makes the card of what was found.
func (t *tale) fill(f *fabric) {
	r, card := t.reason, whyCard{Origin: t.origin, Note: t.note, Landed: t.landed, System: t.system,
		Evidence: []whyEvidence{}, Findings: []whyFinding{}, Discarded: []jitos.AttemptEnd{}}
	if t.user.ID != "" {
		card.Commit = lineOf(t.user)
	} else if r.Commit != nil {
		card.Commit = lineOf(*r.Commit)
	}
	if r.Commit != nil && r.Commit.Record != nil {
		card.Rewrite = lineOf(*r.Commit)
	}
	if r.Job != nil {
		s := r.Job.Record.Step
		card.Job = &whyJob{ID: jitos.JobID(r.Job.ID.Name), Step: s.Name, Title: s.Title, Worker: s.Worker, Run: s.Run}
		if r.Settlement != nil {
			card.Job.Verdict, card.Job.Paths, card.Job.Reason = r.Settlement.Record.Verdict, r.Settlement.Record.Paths, r.Settlement.Record.Reason
		}
	}
	if r.Process != nil {
		card.Process = r.Process.ID
	}
	if r.Slap != nil {
		s := r.Slap.Record
		card.Slap = &whySlap{ID: jitos.SlapID(r.Slap.ID.Name), Title: s.Title, Cost: s.Cost, By: s.By, Methods: s.Methods}
		for _, b := range r.Path {
			card.Slap.Because = append(card.Slap.Because, b.Because...)
		}
	}
	if r.Collapse != nil {
		card.Collapse = lineOf(*r.Collapse)
	}
	for _, e := range r.Evidence {
		line := whyEvidence{EvidenceLine: jitos.EvidenceLine{Gate: e.Record.Gate, Tree: e.Record.Tree, Verdict: e.Record.Verdict, Name: e.ID.Name}}
		if e.Record.Report != nil {
			line.Passed, line.Failed = len(e.Record.Report.Passed), len(e.Record.Report.Failed)
		}
		line.Claimed = !f.repo.Saw(jitos.HashOf(e.Record))
		card.Evidence = append(card.Evidence, line)
	}
	for _, found := range r.Findings {
		card.Findings = append(card.Findings, whyFinding{found.Record.About, found.Record.Text})
	}
	t.fillTask(&card)
	t.card = card
}

func (t *tale) fillTask(card *whyCard) {
	v := t.reason.Task
	if v == nil {
		return
	}
	card.Task = &warpgit.TaskLine{ID: v.ID, Intent: v.Task.Intent, Status: v.Status}
	for _, p := range v.Processes {
		if p.Attempt != nil && p.ID != card.Process {
			card.Discarded = append(card.Discarded, jitos.AttemptEnd{Process: p.ID, Slap: p.Process.Slap, Outcome: p.Attempt.Kind, Reason: p.Attempt.Reason})
		}
	}
}

func (a *app) tellWhy(c *cli.Context, t tale) error {
	if c.Bool("json") {
		return a.ui.json(t.card)
	}
	a.ui.printf("%s", a.whyText(t.card))
	return nil
}

// whyText is the way back in words, one step a line.
func (a *app) whyText(card whyCard) string {
	var b strings.Builder
	step := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "  %s  %s\n", a.ui.dim(fmt.Sprintf("%-9s", name)), fmt.Sprintf(format, args...))
	}
	if card.File != "" {
		fmt.Fprintf(&b, "%s  %s\n", a.ui.bold(fmt.Sprintf("%s:%d", clean(card.File), card.Line)), line(card.Text))
	} else if card.Node != "" {
		fmt.Fprintln(&b, a.ui.bold(card.Node))
	}
	a.whyCommits(card, step)
	if j := card.Job; j != nil {
		text := line(j.Step)
		if j.Title != "" {
			text += ", " + line(j.Title)
		}
		if j.Run != "" {
			text += ": `" + line(j.Run) + "`"
		}
		if j.Verdict != "" {
			text += "  " + a.ui.paintTone(verdictTone(j.Verdict), string(j.Verdict))
		}
		step("job", "%s", text)
	}
	for _, f := range card.Findings {
		step("found", "%s: %s", line(f.About), line(f.Text))
	}
	if s := card.Slap; s != nil {
		step("plan", "%s  %s, cost %d, by %s", s.ID, line(s.Title), s.Cost, person(s.By))
		for _, because := range s.Because {
			if !strings.HasPrefix(because, "there is no ") { // what was absent is in --json
				step("because", "%s", line(because))
			}
		}
	}
	if t := card.Task; t != nil {
		step("task", "%s  %q  %s", t.ID, line(t.Intent), a.ui.paintTone(taskTone(t.Status), string(t.Status)))
	}
	for _, d := range card.Discarded {
		step("discarded", "%s  %s: %s", d.Slap, line(d.Outcome), line(d.Reason))
	}
	if k := card.Collapse; k != nil {
		step("collapse", "%s  %s", short(k.Commit), line(k.What))
	}
	for _, e := range card.Evidence {
		text := fmt.Sprintf("%s on files %s", e.Verdict, shortTree(e.Tree))
		if e.Claimed {
			text = "claimed elsewhere: " + text
		}
		if e.Passed+e.Failed > 0 {
			text += fmt.Sprintf(", %d passed, %d failed", e.Passed, e.Failed)
		}
		step("evidence", "%s %s", line(e.Gate), a.ui.paintTone(verdictTone(e.Verdict), text))
	}
	return b.String()
}

// whyCommits tells the commits of the way: the user's, and the rewrite behind it.
func (a *app) whyCommits(card whyCard, step func(name, format string, args ...any)) {
	when := func(c commitLine) string { return c.When.Format("2006-01-02 15:04") }
	switch {
	case card.Origin == "uncommitted":
	case card.Landed != "":
		step("landed", "%s  %s  %s", short(card.Commit.Commit), line(card.Commit.What), when(*card.Commit))
	case card.Origin == "yours" && card.Commit != nil:
		step("yours", "%s  %s  %s", short(card.Commit.Commit), line(card.Commit.What), when(*card.Commit))
	}
	if card.Note != "" {
		step("note", "%s", line(card.Note))
	}
	if r := card.Rewrite; r != nil && card.Origin == "jitos" && (card.Collapse == nil || r.Commit != card.Collapse.Commit) {
		step("rewrite", "%s  %s: %s  %s", short(r.Commit), r.Rule, line(r.What), when(*r))
	}
}
