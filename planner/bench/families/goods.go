package families

import "strconv"

func itoa(n int) string { return strconv.Itoa(n) }

// courier: parcels between cities of some places, one of them an airport.
func courier(w *writer, n int) {
	cities := w.many(1+n, "city", "city")
	var all, ports []string
	for _, c := range cities {
		port := c + "-port"
		line(&w.objects, "%s - airport", port)
		ports = append(ports, port)
		here := append([]string{port}, w.many(1+n/3, c+"-place", "place")...)
		for _, l := range here {
			line(&w.init, "(within %s %s)", l, c)
		}
		all = append(all, here...)
		line(&w.objects, "%s-truck - truck", c)
		line(&w.init, "(at %s-truck %s)", c, w.one(here))
	}
	for _, p := range w.many(1+n/5, "plane", "plane") {
		line(&w.init, "(at %s %s)", p, w.one(ports))
	}
	for _, p := range w.many(1+n, "parcel", "parcel") {
		to := w.one(all)
		line(&w.init, "(at %s %s)", p, w.one(all))
		line(&w.init, "(wanted %s %s)", p, to)
		line(&w.goal, "(at %s %s)", p, to)
	}
	line(&w.tasks, "(solve)")
}

// roads connects places: a tree, and some more.
func (w *writer) roads(places []string, more int) {
	road := func(a, b string) {
		line(&w.init, "(road %s %s)", a, b)
		line(&w.init, "(road %s %s)", b, a)
	}
	for i := 1; i < len(places); i++ {
		road(places[i], places[max(0, i-1-w.IntN(3))])
	}
	for range more {
		if a, b := w.one(places), w.one(places); a != b {
			road(a, b)
		}
	}
}

// haul: parcels without an order, and trucks that take two or three.
func haul(w *writer, n int) {
	w.unordered = true
	places := w.many(3+2*n, "l", "place")
	w.roads(places, n)
	rooms := w.many(4, "r", "room")
	w.chain("less", rooms)
	for _, t := range w.many(1+(n+1)/3, "t", "truck") {
		line(&w.init, "(is %s %s)", t, w.one(places))
		line(&w.init, "(room %s %s)", t, rooms[2+w.IntN(2)])
	}
	for _, p := range w.many(1+n, "p", "parcel") {
		line(&w.init, "(at %s %s)", p, w.one(places))
		line(&w.tasks, "(deliver %s %s)", p, w.one(places))
	}
}

// oneWay: one truck, and no way back: all parcels must be on it when it passes, so that the steps of all tasks interleave.
func oneWay(w *writer, n int) {
	w.unordered = true
	places := w.many(3+n, "l", "place")
	w.chain("road", places)
	rooms := w.many(n+2, "r", "room")
	w.chain("less", rooms)
	line(&w.objects, "t - truck")
	line(&w.init, "(is t %s)", places[0])
	line(&w.init, "(room t %s)", rooms[n+1])
	for _, p := range w.many(1+n, "p", "parcel") {
		from := w.IntN(len(places) - 1)
		line(&w.init, "(at %s %s)", p, places[from])
		line(&w.tasks, "(deliver %s %s)", p, places[from+1+w.IntN(len(places)-1-from)])
	}
}

// works: the last of a chain of works is to be built, each of goods of those before it.
func works(w *writer, n int) {
	places := w.many(3+n, "l", "place")
	w.roads(places, n/2)
	tanks := w.many(4+n/2, "f", "tank")
	w.chain("less", tanks)
	line(&w.init, "(full %s)", tanks[len(tanks)-1])
	goods := w.many(2+n, "g", "good")
	for i, g := range goods {
		line(&w.init, "(makes %s %s)", places[i], g)
		line(&w.init, "(built %s)", places[i])
		switch {
		case i < 2:
			line(&w.init, "(raw %s)", g)
		case i%2 == 0:
			line(&w.init, "(uses2 %s %s %s)", g, goods[i-1], goods[w.IntN(i-1)])
		default:
			line(&w.init, "(uses1 %s %s)", g, goods[i-1])
		}
	}
	last := places[len(places)-1]
	line(&w.init, "(makes %s %s)", last, goods[len(goods)-1])
	line(&w.init, "(pump %s)", places[0])
	line(&w.init, "(pump %s)", places[len(places)/2])
	for _, t := range w.many(1+n/4, "t", "truck") {
		line(&w.init, "(at %s %s)", t, places[0])
		line(&w.init, "(empty %s)", t)
		line(&w.init, "(tank %s %s)", t, tanks[len(tanks)-1])
	}
	line(&w.tasks, "(build %s)", last)
	line(&w.goal, "(built %s)", last)
}

// joinery: parts whose cuts just about fit into the boards.
func joinery(w *writer, n int) {
	parts := w.many(2*n, "p", "part")
	sizes := w.many(9, "s", "size")
	for i := range sizes {
		for j := 1; j <= i; j++ {
			line(&w.init, "(minus %s %s %s)", sizes[i], sizes[j], sizes[i-j])
		}
	}
	line(&w.objects, "oak pine - wood")
	line(&w.objects, "raw red blue green - colour")
	line(&w.objects, "nothing varnish glaze - finish")
	line(&w.objects, "the-sprayer the-glazer the-bath - machine")
	line(&w.init, "(plain raw)")
	line(&w.init, "(none nothing)")
	line(&w.init, "(varnished varnish)")
	line(&w.init, "(glazed glaze)")
	line(&w.init, "(sprayer the-sprayer)")
	line(&w.init, "(glazer the-glazer)")
	line(&w.init, "(bath the-bath)")
	line(&w.init, "(idle-saw)")
	for _, m := range []string{"the-sprayer red", "the-sprayer raw", "the-glazer blue", "the-glazer green", "the-glazer red", "the-bath green", "the-bath raw"} {
		line(&w.init, "(has %s)", m)
	}
	room, board := map[string]int{}, map[string]int{}
	for _, p := range parts {
		wood, need := w.one([]string{"oak", "pine"}), 1+w.IntN(4)
		if room[wood] < need { // a new board: exactly what fits into it is cut from it
			room[wood] = 8
			board[wood]++
			b := wood + "-board" + itoa(board[wood])
			line(&w.objects, "%s - board", b)
			line(&w.init, "(left %s %s)", b, sizes[8])
			line(&w.init, "(of %s %s)", b, wood)
		}
		room[wood] -= need
		line(&w.init, "(unused %s)", p)
		line(&w.init, "(colour %s raw)", p)
		line(&w.init, "(finish %s nothing)", p)
		line(&w.init, "(needs %s %s)", p, sizes[need])
		line(&w.goal, "(wood %s %s)", p, wood)
		switch w.IntN(4) {
		case 0:
			line(&w.goal, "(colour %s red)", p)
			line(&w.goal, "(finish %s varnish)", p)
			line(&w.goal, "(smooth %s)", p)
		case 1:
			line(&w.goal, "(colour %s green)", p)
			line(&w.goal, "(finish %s glaze)", p)
		case 2:
			line(&w.goal, "(colour %s green)", p)
			line(&w.goal, "(finish %s varnish)", p)
		case 3:
			line(&w.goal, "(smooth %s)", p)
		}
		line(&w.tasks, "(make %s)", p)
	}
}

// noOrder: joinery whose parts may be made in any order.
func noOrder(w *writer, n int) {
	w.unordered = true
	joinery(w, n)
}

// wires: devices in a row, more cables than are needed and few that fit.
func wires(w *writer, n int) {
	devices := w.many(2+n, "d", "device")
	plugs := w.many(3, "k", "plug")
	line(&w.objects, "sound picture - signal")
	port := func(d, way, signal, plug string, i int) {
		p := d + "-" + way + itoa(i)
		line(&w.objects, "%s - port", p)
		line(&w.init, "(port %s %s %s)", d, p, plug)
		line(&w.init, "(free %s)", p)
		line(&w.init, "(%s %s %s)", map[string]string{"out": "sends", "in": "takes"}[way], p, signal)
	}
	cables := 0
	cable := func(j, k string) {
		c := "cable" + itoa(cables)
		cables++
		line(&w.objects, "%s - cable", c)
		line(&w.init, "(unused %s)", c)
		line(&w.init, "(ends %s %s %s)", c, j, k)
	}
	links := 0
	for i, d := range devices {
		line(&w.init, "(passes %s picture)", d)
		line(&w.init, "(passes %s sound)", d)
		for range 2 {
			if i == 0 {
				break
			}
			links++
			signal := w.one([]string{"sound", "picture"})
			from, j, k := devices[max(0, i-1-w.IntN(2))], w.one(plugs), w.one(plugs)
			port(from, "out", signal, j, links)
			port(d, "in", signal, k, links)
			cable(j, k)
			line(&w.tasks, "(link %s %s %s)", from, d, signal)
			if w.IntN(3) == 0 { // ports that tempt
				port(from, "out", signal, w.one(plugs), links+1000)
			}
		}
	}
}
