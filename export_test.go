package jitos

// HoldTurn keeps the writers of a kernel waiting, as if one were writing, until release is called. waiting is how many wait.
func (k *Kernel) HoldTurn() (release func(), waiting func() int) {
	k.turn.Lock()
	return k.turn.Unlock, func() int {
		k.mu.Lock()
		defer k.mu.Unlock()
		return len(k.pending)
	}
}
