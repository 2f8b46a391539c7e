package planner

import "github.com/jitos/jitos/methods"

// maxCost stands for the cost of a task that nothing carries out.
const maxCost = 1 << 30

// leastCosts gives for each task a cost that no plan for it is below: of each method its own and that of its tasks, whatever
// their conditions; the least fixed point, so a recursion counts once for each way that ends.
func leastCosts(l *methods.Library) map[string]int {
	lib := &library{Library: l, least: map[string]int{}}
	for _, t := range l.Tasks() {
		lib.least[t.Name] = maxCost
	}
	for changed := true; changed; {
		changed = false
		for _, t := range l.Tasks() {
			for _, m := range t.Methods {
				if c := min(maxCost, m.Cost+lib.leastBelow(m)); c < lib.least[t.Name] {
					lib.least[t.Name], changed = c, true
				}
			}
		}
	}
	return lib.least
}

// leastBelow is what the steps of a method cost at least.
func (l *library) leastBelow(m *methods.Method) int {
	sum := 0
	for _, s := range m.Steps {
		sum = min(maxCost, sum+l.leastOf(s))
	}
	return sum
}

// leastOf is what a step costs at least: one with `each` may be there no time at all.
func (l *library) leastOf(s *methods.Step) int {
	if s == nil || s.Each != nil {
		return 0
	}
	return l.least[s.Task] // 0 for what is no task
}
