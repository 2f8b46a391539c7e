package htn

import "slices"

// hierarchy computes which tasks are above which, and which can come below each other.
func (m *model) hierarchy() {
	n := len(m.tasks)
	below := make([][]int32, n)
	for i := range m.methods {
		for _, s := range m.methods[i].subs {
			below[m.methods[i].task] = append(below[m.methods[i].task], s.task)
		}
	}
	m.above = make([][]int32, n)
	for t := range below {
		slices.Sort(below[t])
		below[t] = slices.Compact(below[t])
		for _, s := range below[t] {
			m.above[s] = append(m.above[s], int32(t))
		}
	}
	m.group, m.upwards = components(below)
	m.upwards = slices.DeleteFunc(m.upwards, func(t int32) bool { return int(t) < m.actions })
}

// components finds what in a graph can come below each other: group is the same number for those, which is that of one of them.
// Upwards lists all, those that are below others first (Tarjan, "Depth-first search and linear graph algorithms", 1972, on a
// stack of its own).
func components(below [][]int32) (group, upwards []int32) {
	n := len(below)
	group = make([]int32, n)
	type frame struct{ at, next int32 }
	number, low := make([]int32, n), make([]int32, n) // from 1; 0 is not visited
	var count int32
	var open []int32
	for root := range n {
		if number[root] > 0 {
			continue
		}
		frames := []frame{{int32(root), 0}}
		for len(frames) > 0 {
			f := &frames[len(frames)-1]
			t := f.at
			if f.next == 0 {
				count++
				number[t], low[t] = count, count
				group[t] = -1 // open
				open = append(open, t)
			}
			if int(f.next) < len(below[t]) {
				s := below[t][f.next]
				f.next++
				if number[s] == 0 {
					frames = append(frames, frame{s, 0})
				} else if group[s] < 0 {
					low[t] = min(low[t], number[s])
				}
				continue
			}
			frames = frames[:len(frames)-1]
			if len(frames) > 0 {
				up := frames[len(frames)-1].at
				low[up] = min(low[up], low[t])
			}
			upwards = append(upwards, t)
			if low[t] == number[t] {
				for s := int32(-1); s != t; {
					s = open[len(open)-1]
					open = open[:len(open)-1]
					group[s] = t
				}
			}
		}
	}
	return group, upwards
}

// recursive tells whether a method can have its own task below it.
func (m *model) recursive(me *method) bool {
	for _, s := range me.subs {
		if m.group[s.task] == m.group[me.task] {
			return true
		}
	}
	return false
}

// order is that of a method's subtasks.
type order struct {
	next  [][]int // by subtask: those that are ordered directly behind it
	first []int   // those that none is ordered before
}

func (m *method) order() *order {
	o := &order{next: make([][]int, len(m.subs))}
	if m.total {
		for k, i := range m.line[:max(len(m.line)-1, 0)] {
			o.next[i] = m.line[k+1 : k+2]
		}
		o.first = m.line[:min(len(m.line), 1)]
		return o
	}
	preceded := newBitset(len(m.subs))
	for i := range m.subs {
		later := newBitset(len(m.subs)) // behind something that is behind i
		for j := range m.subs {
			if m.before[i].has(j) {
				later.union(m.before[j])
			}
		}
		for j := range m.subs {
			if m.before[i].has(j) && !later.has(j) {
				o.next[i] = append(o.next[i], j)
				preceded.set(j)
			}
		}
	}
	for i := range m.subs {
		if !preceded.has(i) {
			o.first = append(o.first, i)
		}
	}
	return o
}
