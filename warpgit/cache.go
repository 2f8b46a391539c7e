package warpgit

import "sync"

// cache keeps immutable things by their hash or place in two generations: when the young one is full it becomes the old one, and the
// old one is forgotten. What it keeps never changes, so there is nothing to invalidate.
type cache[K comparable, V any] struct {
	mu         sync.Mutex
	limit      int // weight of one generation
	weight     int
	young, old map[K]V
}

func (c *cache[K, V]) get(id K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.young[id]
	if !ok {
		v, ok = c.old[id]
	}
	return v, ok
}

func (c *cache[K, V]) put(id K, v V, weight int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.young[id]; ok {
		return
	}
	if c.young == nil || c.weight+weight > c.limit {
		c.old, c.young, c.weight = c.young, map[K]V{}, 0
	}
	c.young[id] = v
	c.weight += weight
}
