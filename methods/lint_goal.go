package methods

import "strings"

// goals finds methods whose predicted effects do not reach the goal of their task. A goal is a gate, and it was red when
// work began. So a method reaches it if some step may change the files (the gate is then run on the result), or if a step
// proves it. A proof counts only of files that no step changes afterwards.
func (l *linter) goals() {
	for _, t := range l.lib.Tasks() {
		if t.Goal == nil {
			continue
		}
		name := t.Goal.words()
		for _, m := range t.Methods {
			var proofs, changes []*Step
			for _, s := range m.Steps {
				if l.proves(s, *t.Goal, map[string]bool{}) {
					proofs = append(proofs, s)
				}
				if l.changes(s, map[string]bool{}) {
					changes = append(changes, s)
				}
			}
			if len(proofs)+len(changes) == 0 {
				l.complain(m.Pos, CodeGoalNotReached, `add a step that may change files (needs: ["fs.write:…"]) or one that proves the goal`,
					"method %s: its goal is %s, and no step may change a file or proves it", m.Name, name)
			}
			if late, early := tooLate(m, proofs, changes); late != nil {
				l.complain(late.Pos, CodeGoalNotReached, "let step "+early.Name+" come after it", "method %s: step %s may change files after step %s proved the goal %s",
					m.Name, late.Name, early.Name, name)
			}
		}
	}
}

// tooLate finds a change that every proof may come before, and one of these proofs.
func tooLate(m *Method, proofs, changes []*Step) (late, early *Step) {
	for _, c := range changes {
		early = nil
		for _, p := range proofs {
			if c == p || comesBefore(m, c, p) {
				early = nil
				break
			}
			early = p
		}
		if early != nil {
			return c, early
		}
	}
	return nil, nil
}

// proves tells whether a step ends with a verdict on the gate: it is the gate, one that is made of it, or a task of which
// every method has such a step.
func (l *linter) proves(s *Step, goal GateUse, seen map[string]bool) bool {
	if s.Use.Expect != "" && s.Use.Expect != "pass" {
		return false
	}
	if s.Gate != "" {
		g, ok := l.lib.Gate(s.Gate)
		return s.Gate == goal.Gate || ok && contains(g.All, goal.Gate)
	}
	if s.Task == "" || s.Each != nil {
		return goal.Gate == "" && s.Run.String() == goal.Run.String()
	}
	t, ok := l.lib.Task(s.Task)
	if !ok || seen[s.Task] {
		return false
	}
	seen[s.Task] = true
	for _, m := range t.Methods {
		some := false
		for _, sub := range m.Steps {
			some = some || l.proves(sub, goal, seen)
		}
		if !some {
			return false
		}
	}
	return true
}

// changes tells whether a step may change the files: it holds the right to, a person does it, or a task leads to such a step.
func (l *linter) changes(s *Step, seen map[string]bool) bool {
	if writes(s.Use.Needs) {
		return true
	}
	if j, ok := l.lib.Job(s.Job); ok {
		return j.Worker == "human" || writes(j.Use.Needs) || writes(l.abilityNeeds(j.Can))
	}
	t, ok := l.lib.Task(s.Task)
	if !ok || seen[s.Task] {
		return false
	}
	seen[s.Task] = true
	for _, m := range t.Methods {
		for _, sub := range m.Steps {
			if l.changes(sub, seen) {
				return true
			}
		}
	}
	return false
}

// abilityNeeds joins what the commands of an ability need.
func (l *linter) abilityNeeds(ability string) []string {
	var needs []string
	for _, t := range l.lib.Toolchains() {
		for _, a := range t.Can {
			for _, v := range a.Variants {
				if a.Name == ability {
					needs = append(needs, v.Needs...)
				}
			}
		}
	}
	return needs
}

func writes(needs []string) bool {
	for _, n := range needs {
		if n == "fs.write" || strings.HasPrefix(n, "fs.write:") {
			return true
		}
	}
	return false
}
