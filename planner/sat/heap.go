package sat

// heap orders variables by how often they were in conflicts lately.
type heap struct {
	list     []int32
	at       []int32 // by variable: its place in the list, -1 where it is not in it
	activity []float64
}

func (h *heap) add(v int32) {
	h.at, h.activity = append(h.at, -1), append(h.activity, 0)
	h.insert(v)
}

// before is the order: of equals the one made first.
func (h *heap) before(a, b int32) bool {
	if h.activity[a] != h.activity[b] {
		return h.activity[a] > h.activity[b]
	}
	return a < b
}

func (h *heap) insert(v int32) {
	if h.at[v] >= 0 {
		return
	}
	h.list = append(h.list, v)
	h.up(len(h.list)-1, v)
}

func (h *heap) bump(v int32, by float64) {
	h.activity[v] += by
	if i := h.at[v]; i >= 0 {
		h.up(int(i), v)
	}
}

func (h *heap) scale(by float64) {
	for v := range h.activity {
		h.activity[v] *= by
	}
}

func (h *heap) put(i int, v int32) { h.list[i], h.at[v] = v, int32(i) }

func (h *heap) up(i int, v int32) {
	for i > 0 {
		parent := (i - 1) / 2
		if !h.before(v, h.list[parent]) {
			break
		}
		h.put(i, h.list[parent])
		i = parent
	}
	h.put(i, v)
}

// pop takes the first variable, -1 where there is none.
func (h *heap) pop() int32 {
	if len(h.list) == 0 {
		return -1
	}
	first, last := h.list[0], h.list[len(h.list)-1]
	h.list = h.list[:len(h.list)-1]
	h.at[first] = -1
	if first == last {
		return first
	}
	i := 0
	for {
		child := 2*i + 1
		if child >= len(h.list) {
			break
		}
		if child+1 < len(h.list) && h.before(h.list[child+1], h.list[child]) {
			child++
		}
		if !h.before(h.list[child], last) {
			break
		}
		h.put(i, h.list[child])
		i = child
	}
	h.put(i, last)
	return first
}
