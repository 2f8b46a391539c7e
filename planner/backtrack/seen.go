package backtrack

// Seen is a set of 64-bit keys, each with a mark. Keys are hashes, so two things may look as one: with ten million of them
// the odds are one in a hundred thousand. The two lowest bits of a key must be 0.
type Seen struct {
	slots []uint64 // key | mark; 0 is empty
	n     int
}

// The marks of a key: closed, and closed with something cut.
const (
	MarkDone = 1
	MarkCut  = 2
)

// NewSeen returns an empty set.
func NewSeen() Seen { return Seen{slots: make([]uint64, 1<<10)} }

func (s *Seen) find(key uint64) *uint64 {
	mask := uint64(len(s.slots) - 1)
	for at := (key >> 2) & mask; ; at = (at + 1) & mask {
		if p := &s.slots[at]; *p == 0 || *p&^3 == key {
			return p
		}
	}
}

// Get returns the mark of a key, and whether it is there.
func (s *Seen) Get(key uint64) (mark uint8, known bool) {
	if key == 0 {
		key = 4
	}
	p := s.find(key)
	return uint8(*p & 3), *p != 0
}

// Put adds a key, or gives it another mark.
func (s *Seen) Put(key uint64, mark uint8) {
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
