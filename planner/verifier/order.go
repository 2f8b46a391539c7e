package verifier

import "github.com/jitos/jitos/planner/hddl"

// order is the transitive order of a method's subtasks.
func (c *checker) order(m *hddl.Method) relation {
	o, known := c.orders[m]
	if !known {
		o = closure(len(m.Network.Tasks), m.Network.Order)
		c.orders[m] = o
	}
	return o
}

// relation is a relation of small numbers, by rows of bits.
type relation [][]uint64

func (r relation) has(i, j int) bool { return r[i][j>>6]&(1<<(j&63)) != 0 }

// closure is the transitive closure of an order, which has no cycle.
func closure(n int, order [][2]int) relation {
	waits, before := make([]int, n), make([][]int, n)
	for _, o := range order {
		waits[o[0]]++
		before[o[1]] = append(before[o[1]], o[0])
	}
	out := make(relation, n)
	var last []int // everything behind them is in its row already
	for i := range out {
		if out[i] = make([]uint64, (n+63)/64); waits[i] == 0 {
			last = append(last, i)
		}
	}
	for len(last) > 0 {
		j := last[len(last)-1]
		last = last[:len(last)-1]
		for _, i := range before[j] {
			out[i][j>>6] |= 1 << (j & 63)
			for w, bits := range out[j] {
				out[i][w] |= bits
			}
			if waits[i]--; waits[i] == 0 {
				last = append(last, i)
			}
		}
	}
	return out
}
