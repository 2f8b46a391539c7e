package htn

// seen is a set of 64-bit keys, each with a mark. Keys are hashes, so two things may look as one: with ten million of them
// the odds are one in a hundred thousand. The two lowest bits of a key must be 0.
type seen struct {
	slots []uint64 // key | mark; 0 is empty
	n     int
}

// The marks of a key: closed, and closed with something cut.
const (
	markDone = 1
	markCut  = 2
)

func newSeen() seen { return seen{slots: make([]uint64, 1<<10)} }

func (s *seen) find(key uint64) *uint64 {
	mask := uint64(len(s.slots) - 1)
	for at := (key >> 2) & mask; ; at = (at + 1) & mask {
		if p := &s.slots[at]; *p == 0 || *p&^3 == key {
			return p
		}
	}
}

func (s *seen) get(key uint64) (mark uint8, known bool) {
	if key == 0 {
		key = 4
	}
	p := s.find(key)
	return uint8(*p & 3), *p != 0
}

func (s *seen) put(key uint64, mark uint8) {
	if key == 0 {
		key = 4
	}
	p := s.find(key)
	if *p == 0 {
		if s.n++; s.n*2 > len(s.slots) {
			old := s.slots
			s.slots = make([]uint64, 2*len(old))
			for _, k := range old {
				if k != 0 {
					*s.find(k &^ 3) = k
				}
			}
			p = s.find(key)
		}
	}
	*p = key | uint64(mark)
}
