package server

import "github.com/jitos/jitos"

// Why is the way from one thing back to the intent behind it.
type Why struct {
	moment
	r jitos.Reason
}

func (w *Why) Commit() *Commit   { return w.commit(w.r.Commit) }
func (w *Why) Collapse() *Commit { return w.commit(w.r.Collapse) }

func (w *Why) commit(c *jitos.Commit) *Commit {
	if c == nil {
		return nil
	}
	return &Commit{w.s, *c}
}

func (w *Why) Settlement() *Settlement {
	if w.r.Settlement == nil {
		return nil
	}
	return &Settlement{w.r.Settlement.Record}
}

func (w *Why) Job() *string {
	if w.r.Job == nil {
		return nil
	}
	return text(w.r.Job.ID.String())
}

func (w *Why) Process() *Process {
	if w.r.Process == nil {
		return nil
	}
	return &Process{entry{w.moment, w.r.Process.ID.Node()}, *w.r.Process}
}

func (w *Why) Candidate() *Candidate {
	if w.r.Slap == nil {
		return nil
	}
	return &Candidate{entry{w.moment, w.r.Slap.ID}, w.r.Slap.Record}
}

func (w *Why) Methods() []string {
	list := []string{}
	for _, b := range w.r.Path {
		list = append(list, b.Method)
	}
	return list
}

func (w *Why) Task() *Task {
	if w.r.Task == nil {
		return nil
	}
	return &Task{entry{w.moment, w.r.Task.ID.Node()}, *w.r.Task}
}

func (w *Why) Evidence() []*Evidence { return w.evidence(w.r.Evidence) }

func (w *Why) Findings() []Finding {
	list := []Finding{}
	for _, f := range w.r.Findings {
		list = append(list, Finding{f})
	}
	return list
}
