package families

import "fmt"

// cavern: a cave of levels of places in squares, some open and some filled, in which a wall is to be laid.
func cavern(w *writer, n int) {
	side, levels := 3+n, 1+n/3
	name := func(x, y, z int) string { return fmt.Sprintf("p%d-%d-%d", x, y, z) }
	stuffs, picks := w.many(2, "stuff", "stuff"), w.many(2, "pick", "pick")
	line(&w.init, "(strong %s %s)", picks[0], stuffs[0])
	line(&w.init, "(strong %s %s)", picks[1], stuffs[0])
	line(&w.init, "(strong %s %s)", picks[1], stuffs[1])
	var free []string
	for z := range levels {
		for y := range side {
			for x := range side {
				p := name(x, y, z)
				line(&w.objects, "%s - place", p)
				for _, d := range [][3]int{{1, 0, 0}, {-1, 0, 0}, {0, 1, 0}, {0, -1, 0}, {0, 0, 1}, {0, 0, -1}} {
					if a, b, c := x+d[0], y+d[1], z+d[2]; min(a, b, c) >= 0 && max(a, b) < side && c < levels {
						line(&w.init, "(next %s %s)", p, name(a, b, c))
					}
				}
				switch w.IntN(5) {
				case 0:
					line(&w.init, "(filled %s %s)", p, stuffs[w.IntN(2)])
				default:
					line(&w.init, "(open %s)", p)
					free = append(free, p)
				}
			}
		}
	}
	line(&w.init, "(at %s)", free[0])
	for _, k := range picks {
		line(&w.init, "(holds %s)", k)
	}
	for range 1 + n/2 {
		line(&w.tasks, "(lay %s %s)", w.one(free[1:]), stuffs[0])
	}
}

// rig: n+2 devices in a tree, each with sockets for what it is tied to; cables of several shapes, and adapters between them.
func rig(w *writer, n int) {
	shapes := []string{"audio", "video", "power"}
	var all []string
	for _, s := range shapes {
		for _, x := range w.many(2, s, s) {
			all = append(all, x)
		}
	}
	kinds := []string{"flat-screen", "wide-screen", "amplifier", "mixer", "disk", "player"}
	var devices []string
	for i := range 2 + n {
		d := fmt.Sprintf("device%d", i)
		line(&w.objects, "%s - %s", d, w.one(kinds))
		devices = append(devices, d)
	}
	socket := func(part, kind, shape string, i int) {
		s := fmt.Sprintf("%s-%s%d", part, kind, i)
		line(&w.objects, "%s - %s", s, kind)
		line(&w.init, "(of %s %s)", s, part)
		line(&w.init, "(is %s %s)", s, shape)
		line(&w.init, "(free %s)", s)
	}
	cables, adapters := 0, 0
	cable := func(shape string) {
		c := fmt.Sprintf("cable%d", cables)
		line(&w.objects, "%s - cable", c)
		line(&w.init, "(spare %s)", c)
		socket(c, "plug", shape, 0)
		socket(c, "plug", shape, 1)
		cables++
	}
	adapter := func(a, b string) {
		c := fmt.Sprintf("adapter%d", adapters)
		line(&w.objects, "%s - adapter", c)
		line(&w.init, "(spare %s)", c)
		socket(c, "hole", a, 0)
		socket(c, "plug", b, 1)
		adapters++
	}
	for i := 1; i < len(devices); i++ {
		up := devices[w.IntN(i)]
		a, b := w.one(all), w.one(all)
		if i%3 != 0 {
			b = a
		}
		line(&w.init, "(wants %s %s %s)", up, devices[i], b)
		// A cable of the shape that is asked for would do. The adapters are there to be tried in vain, now and then one of use.
		socket(up, "hole", b, 10*i)
		socket(devices[i], "hole", b, 10*i+1)
		cable(b)
		if a != b {
			adapter(a, b)
		}
		line(&w.goal, "(linked %s %s %s)", up, devices[i], b)
	}
	for range n {
		cable(w.one(all))
		adapter(w.one(all), w.one(all))
	}
	line(&w.tasks, "(assemble %s)", devices[0])
}
