package overlay

import "sort"

// maxMisplaced is how many lines may stand in another order before a search for a shortest script takes too long. What it
// costs grows with the product of the lines and the changes; two texts that differ in so many places have no one good
// alignment anyway.
const maxMisplaced = 1000

// anchor is a line of a that is matched with one of b.
type anchor struct{ a, b int }

// anchors cuts two texts that were reordered at large. It takes the lines that each of them has once, and of these as many as
// stand in the same order in both. Texts in which few lines changed their places have none: they are searched whole.
func anchors(a, b []rune) []anchor {
	if len(a) < maxMisplaced || len(b) < maxMisplaced {
		return nil
	}
	unique := uniquePairs(a, b)
	found := longestAscending(unique)
	if len(unique)-len(found) < maxMisplaced {
		return nil
	}
	return found
}

// uniquePairs lists the lines that each text has once, in the order of a.
func uniquePairs(a, b []rune) []anchor {
	timesA, timesB, placeB := map[rune]int{}, map[rune]int{}, map[rune]int{}
	for _, r := range a {
		timesA[r]++
	}
	for j, r := range b {
		timesB[r]++
		placeB[r] = j
	}
	var unique []anchor
	for i, r := range a {
		if timesA[r] == 1 && timesB[r] == 1 {
			unique = append(unique, anchor{i, placeB[r]})
		}
	}
	return unique
}

// longestAscending picks a longest run of pairs that ascend in b as they do in a, by laying them out as in a game of patience:
// each pair goes on the first pile whose top is above it, and remembers the top of the pile before.
func longestAscending(pairs []anchor) []anchor {
	var tops []int // indexes of pairs
	before := make([]int, len(pairs))
	for i, p := range pairs {
		pile := sort.Search(len(tops), func(n int) bool { return pairs[tops[n]].b > p.b })
		before[i] = -1
		if pile > 0 {
			before[i] = tops[pile-1]
		}
		if pile == len(tops) {
			tops = append(tops, i)
		} else {
			tops[pile] = i
		}
	}
	run := make([]anchor, len(tops))
	if len(tops) == 0 {
		return run
	}
	for n, i := len(tops)-1, tops[len(tops)-1]; n >= 0; n-- {
		run[n], i = pairs[i], before[i]
	}
	return run
}
