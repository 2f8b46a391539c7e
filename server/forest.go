package server

import (
	"cmp"
	"encoding/binary"
	"maps"
	"math"
	"slices"
)

// forest is a graph laid out for the eye: nodes by kind and neighbourhood. Each node hangs on the one that it follows from (its
// first edge in), breadth first; what follows from nothing hangs on its kind. Everything that hangs on a node lies in a circle
// around it, so a reader who is far away can be shown the circle in place of what is in it. The same graph gives the same places.
//
// Places that hold more than fan things hold groups of them, in order of their names: so no circle has more than fan circles in it,
// and the way down to any node is short.
type forest struct {
	spots []spot // parents before children
}

// spot is a node, or a group of nodes (node < 0), with the circle of all that hangs on it.
type spot struct {
	node   int
	first  int // of a group: the first node in it, by which it is named
	parent int // among the spots, -1 for none
	count  int // nodes in the circle
	circle
	dotX, dotY float64 // where the node itself is, a circle of radius 1
}

const (
	fan     = 48
	dot     = 1.0 // the radius of a node by itself
	between = 0.35
)

// plant lays out a graph: kinds are those of the nodes, edges pairs of indices in a fixed order.
func plant(kinds []string, edges [][2]int) forest {
	children, roots := hang(len(kinds), edges)
	byKind := map[string][]int{}
	for _, n := range roots {
		byKind[kinds[n]] = append(byKind[kinds[n]], n)
	}
	g := grower{children, map[string][]circle{}}
	top := &branch{node: -1}
	for _, kind := range slices.Sorted(maps.Keys(byKind)) {
		list := byKind[kind]
		top.below = append(top.below, g.group(list, list[0]))
	}
	g.pack(top)
	var f forest
	f.place(top, -1, 0, 0)
	return f
}

// hang finds for each node what hangs on it. Nodes that only lead to each other in a circle begin at the first of them.
func hang(n int, edges [][2]int) (children [][]int, roots []int) {
	out := make([][]int, n)
	into := make([]int, n)
	for _, e := range edges {
		if e[0] != e[1] {
			out[e[0]] = append(out[e[0]], e[1])
			into[e[1]]++
		}
	}
	children = make([][]int, n)
	seen := make([]bool, n)
	spread := func(root int) {
		roots, seen[root] = append(roots, root), true
		for queue := []int{root}; len(queue) > 0; queue = queue[1:] {
			for _, to := range out[queue[0]] {
				if !seen[to] {
					seen[to] = true
					children[queue[0]] = append(children[queue[0]], to)
					queue = append(queue, to)
				}
			}
		}
	}
	for i := range n {
		if into[i] == 0 {
			spread(i)
		}
	}
	for i := range n {
		if !seen[i] {
			spread(i)
		}
	}
	return children, roots
}

// branch is a spot while it grows.
type branch struct {
	node, first int
	count       int
	below       []*branch
	circle              // relative to that of what it hangs on
	dotX, dotY  float64 // relative to its own
}

type grower struct {
	children [][]int
	packed   map[string][]circle // by the radii: most of a large graph looks like the rest of it
}

// grow makes the branch of a node. The way down is walked without recursion: a chain may have as many nodes as the graph.
func (g grower) grow(root int) *branch {
	order := []int{root}
	for i := 0; i < len(order); i++ {
		order = append(order, g.children[order[i]]...)
	}
	made := make(map[int]*branch, len(order))
	for _, n := range slices.Backward(order) {
		b := &branch{node: n, first: n}
		var below []*branch
		for _, c := range g.children[n] {
			below = append(below, made[c])
			delete(made, c)
		}
		b.below = g.gather(below)
		g.pack(b)
		made[n] = b
	}
	return made[root]
}

// group is what hangs on a kind.
func (g grower) group(nodes []int, first int) *branch {
	var below []*branch
	for _, n := range nodes {
		below = append(below, g.grow(n))
	}
	b := &branch{node: -1, first: first, below: g.gather(below)}
	g.pack(b)
	return b
}

// gather puts what would be too many circles side by side into groups, as many times as it takes.
func (g grower) gather(list []*branch) []*branch {
	for len(list) > fan {
		size := fan
		if n := (len(list) + fan - 1) / fan; n < fan {
			size = int(math.Ceil(math.Sqrt(float64(len(list)))))
		}
		var groups []*branch
		for part := range slices.Chunk(list, size) {
			b := &branch{node: -1, first: part[0].first, below: part}
			g.pack(b)
			groups = append(groups, b)
		}
		list = groups
	}
	return list
}

// pack places what hangs on a branch around its centre, the largest first, each as near to the centre as it fits.
func (g grower) pack(b *branch) {
	list := slices.Clone(b.below)
	slices.SortStableFunc(list, func(p, q *branch) int { return cmp.Compare(q.r, p.r) })
	radii := make([]float64, 0, len(list)+1)
	if b.node >= 0 {
		b.count = 1
		radii = append(radii, dot)
	}
	for _, c := range list {
		b.count += c.count
		radii = append(radii, c.r+between)
	}
	placed := g.arrange(radii)
	around := enclosing(placed)
	b.r = around.r
	if b.node >= 0 {
		b.dotX, b.dotY = -around.x, -around.y
		placed = placed[1:]
	}
	for i, c := range list {
		c.x, c.y = placed[i].x-around.x, placed[i].y-around.y
	}
}

// arrange packs circles, the first in the middle.
func (g grower) arrange(radii []float64) []circle {
	var key []byte
	for _, r := range radii {
		key = binary.LittleEndian.AppendUint64(key, math.Float64bits(r))
	}
	if placed, ok := g.packed[string(key)]; ok {
		return placed
	}
	var placed []circle
	for _, r := range radii {
		placed = append(placed, beside(placed, r))
	}
	g.packed[string(key)] = placed
	return placed
}

// enclosing is a circle around circles, the smallest but for a few parts in ten thousand: its centre starts in the largest and
// goes towards the farthest, less each time.
func enclosing(list []circle) circle {
	if len(list) == 0 {
		return circle{}
	}
	large := slices.MaxFunc(list, func(p, q circle) int { return cmp.Compare(p.r, q.r) })
	at := circle{large.x, large.y, 0}
	far := func() (c circle, reach float64) {
		for _, o := range list {
			if d := math.Hypot(o.x-at.x, o.y-at.y) + o.r; d > reach {
				c, reach = o, d
			}
		}
		return c, reach
	}
	if len(list) == 2 {
		other := list[0]
		if other == large {
			other = list[1]
		}
		if d := math.Hypot(other.x-at.x, other.y-at.y); d+other.r > large.r {
			at.r = (d + other.r + large.r) / 2
			at.x += (other.x - at.x) / d * (at.r - large.r)
			at.y += (other.y - at.y) / d * (at.r - large.r)
			return at
		}
		return large
	}
	for step := 0.5; step > 0.0002; step *= 0.88 {
		c, _ := far()
		at.x, at.y = at.x+(c.x-at.x)*step, at.y+(c.y-at.y)*step
	}
	_, at.r = far()
	return at
}

type circle struct{ x, y, r float64 }

// beside finds the place nearest to the centre where a circle of radius r touches two of those that are there and overlaps none;
// there are at most fan+1 of them.
func beside(placed []circle, r float64) circle {
	switch len(placed) {
	case 0:
		return circle{0, 0, r}
	case 1:
		return circle{placed[0].x + placed[0].r + r, placed[0].y, r}
	}
	best, nearest := circle{}, math.Inf(1)
	for i, p := range placed {
		for _, q := range placed[:i] {
			for _, c := range touching(p, q, r) {
				d := math.Hypot(c.x, c.y)
				if d < nearest-1e-9 && !slices.ContainsFunc(placed, func(o circle) bool {
					return math.Hypot(o.x-c.x, o.y-c.y) < o.r+r-1e-6
				}) {
					best, nearest = c, d
				}
			}
		}
	}
	return best
}

// touching are the two circles of radius r that touch both p and q, where they are near enough to each other.
func touching(p, q circle, r float64) []circle {
	d := math.Hypot(q.x-p.x, q.y-p.y)
	a, b := p.r+r, q.r+r
	if d == 0 || d > a+b {
		return nil
	}
	along := (a*a - b*b + d*d) / (2 * d)
	high := math.Sqrt(max(0, a*a-along*along))
	ux, uy := (q.x-p.x)/d, (q.y-p.y)/d
	mx, my := p.x+along*ux, p.y+along*uy
	return []circle{{mx - high*uy, my + high*ux, r}, {mx + high*uy, my - high*ux, r}}
}

// place turns branches into spots, parents first.
func (f *forest) place(top *branch, parent int, x, y float64) {
	type task struct {
		b      *branch
		parent int
		x, y   float64
	}
	for queue := []task{{top, parent, x, y}}; len(queue) > 0; {
		t := queue[0]
		queue = queue[1:]
		f.spots = append(f.spots, spot{t.b.node, t.b.first, t.parent, t.b.count, circle{t.x, t.y, t.b.r}, t.x + t.b.dotX, t.y + t.b.dotY})
		me := len(f.spots) - 1
		for _, c := range t.b.below {
			queue = append(queue, task{c, me, t.x + c.x, t.y + c.y})
		}
	}
}
