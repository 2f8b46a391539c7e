package families

// arms: n·3 blocks and two or three arms.
func arms(w *writer, n int) {
	w.stacks(3*n+2, 2+n%2, "should")
	line(&w.tasks, "(build)")
}

// learnt: n·2 blocks and two or three arms.
func learnt(w *writer, n int) {
	w.stacks(2*n+2, 2+n%2, "want")
	line(&w.tasks, "(solve)")
}

// stacks piles blocks up, and tells of other piles what is to stand where: on a block, or on the table.
func (w *writer) stacks(n, arms int, aim string) {
	blocks := w.many(n, "b", "block")
	for _, h := range w.many(arms, "h", "arm") {
		line(&w.init, "(free %s)", h)
	}
	// piles calls with each block and the one below it, "" for none, from the bottom up.
	piles := func(f func(x, below string, top bool)) {
		order := w.Perm(len(blocks))
		for i, at := 0, 0; i < len(order); i++ {
			below := ""
			if i > at {
				below = blocks[order[i-1]]
			}
			end := i == len(order)-1 || w.IntN(4) == 0
			if f(blocks[order[i]], below, end); end {
				at = i + 1
			}
		}
	}
	piles(func(x, below string, top bool) {
		if below == "" {
			line(&w.init, "(table %s)", x)
		} else {
			line(&w.init, "(on %s %s)", x, below)
		}
		if top {
			line(&w.init, "(clear %s)", x)
		}
	})
	piles(func(x, below string, _ bool) {
		if below == "" {
			line(&w.init, "(%s-table %s)", aim, x)
			line(&w.goal, "(table %s)", x)
		} else {
			line(&w.init, "(%s-on %s %s)", aim, x, below)
			line(&w.goal, "(on %s %s)", x, below)
		}
	})
}

// patience: a suit of cards more every five problems, dealt with some disorder; three cells.
func patience(w *writer, n int) {
	suits := w.many(2+n/5, "suit", "suit")
	ranks := 3 + n/2
	nums := w.many(max(ranks, len(suits)*2, 6)+1, "n", "num")
	w.chain("next", nums)
	card := func(s, r int) string { return suits[s] + "-" + nums[r] }
	columns, order := make([][]string, len(suits)+2), []string{}
	for s := range suits {
		for r := 1; r <= ranks; r++ {
			line(&w.objects, "%s - card", card(s, r))
			line(&w.init, "(is %s %s %s)", card(s, r), suits[s], nums[r])
			for other := range suits {
				if other%2 != s%2 && r < ranks {
					line(&w.init, "(fits %s %s)", card(s, r), card(other, r+1))
				}
			}
		}
		line(&w.init, "(home %s %s)", suits[s], nums[0])
		line(&w.goal, "(home %s %s)", suits[s], nums[ranks])
	}
	// Dealt so that what goes home early lies rather on top.
	for r := ranks; r >= 1; r-- {
		for _, s := range w.Perm(len(suits)) {
			order = append(order, card(s, r))
		}
	}
	for i := range order {
		if j := i + w.IntN(6*len(suits)); j < len(order) {
			order[i], order[j] = order[j], order[i]
		}
	}
	for i, c := range order {
		columns[i%len(columns)] = append(columns[i%len(columns)], c)
	}
	for _, c := range columns {
		if len(c) == 0 {
			continue
		}
		line(&w.init, "(bottom %s)", c[0])
		for i := 1; i < len(c); i++ {
			line(&w.init, "(on %s %s)", c[i], c[i-1])
		}
		line(&w.init, "(clear %s)", c[len(c)-1])
	}
	line(&w.init, "(columns %s)", nums[max(0, len(columns)-min(len(columns), len(order)))])
	line(&w.init, "(cells %s)", nums[3])
	line(&w.tasks, "(play)")
}

// mason: a wall in a grid that grows to tens of thousands of cells.
func mason(w *writer, n int) {
	side, high := 4+3*n, 4
	name := func(x, y, z int) string { return "c" + itoa(x) + "-" + itoa(y) + "-" + itoa(z) }
	line(&w.objects, "stone wood earth - kind")
	nums := w.many(side*high+1, "n", "num")
	w.chain("next", nums)
	for x := range side {
		for y := range side {
			for z := range high {
				c := name(x, y, z)
				line(&w.objects, "%s - cell", c)
				for _, d := range [][3]int{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {-1, 0, 0}, {0, -1, 0}, {0, 0, -1}} {
					if i, j, k := x+d[0], y+d[1], z+d[2]; i >= 0 && i < side && j >= 0 && j < side && k >= 0 && k < high {
						line(&w.init, "(near %s %s)", c, name(i, j, k))
					}
				}
				if x > 0 {
					line(&w.init, "(east %s %s)", c, name(x-1, y, z))
				}
				if z > 0 {
					line(&w.init, "(above %s %s)", c, name(x, y, z-1))
				}
				if z == 0 || z == 1 && x != 1 && w.IntN(12) == 0 {
					line(&w.init, "(block %s earth)", c)
				} else {
					line(&w.init, "(air %s)", c)
				}
			}
		}
	}
	line(&w.init, "(at %s)", name(0, 0, 2))
	line(&w.init, "(has stone %s)", nums[side*high])
	line(&w.init, "(has earth %s)", nums[0])
	line(&w.tasks, "(wall %s stone %s %s)", name(1, side/2, 1), nums[min(2+n, side-2)], nums[2])
	for x := range min(2+n, side-2) {
		line(&w.goal, "(block %s stone)", name(1+x, side/2, 1))
	}
}
