package backtrack

import "slices"

// State is a set of facts, which are numbers from 0 on: bits with an undo log, so that nothing is copied to go back.
type State struct {
	Hash uint64 // of the facts that are there: equal sets, equal hash
	bits []uint64
	log  []int32
}

// Has tells whether a fact is there.
func (s *State) Has(fact int32) bool {
	w := int(fact >> 6)
	return w < len(s.bits) && s.bits[w]&(1<<(fact&63)) != 0
}

// Set adds or takes a fact, and tells whether that changed anything.
func (s *State) Set(fact int32, to bool) bool {
	if s.Has(fact) == to {
		return false
	}
	for int(fact>>6) >= len(s.bits) {
		s.bits = append(s.bits, 0)
	}
	s.flip(fact)
	s.log = append(s.log, fact)
	return true
}

func (s *State) flip(fact int32) {
	s.bits[fact>>6] ^= 1 << (fact & 63)
	s.Hash ^= Mix(uint64(fact) + 0x51ed270b)
}

// Mark is the present point in time.
func (s *State) Mark() int { return len(s.log) }

// Back goes back to a point in time. It returns the facts that changed, each as often as it did, until the next call.
func (s *State) Back(mark int) []int32 {
	undone := s.log[mark:]
	for _, fact := range undone {
		s.flip(fact)
	}
	s.log = s.log[:mark]
	return undone
}

// Begin makes the present point the first in time.
func (s *State) Begin() { s.log = s.log[:0] }

// Clone copies the present state, with no way back.
func (s *State) Clone() State { return State{Hash: s.Hash, bits: slices.Clone(s.bits)} }

// Mix spreads the bits of a number (the finaliser of SplitMix64: Steele, Lea and Flood, 2014).
func Mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
