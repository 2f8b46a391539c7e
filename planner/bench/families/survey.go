package families

import "fmt"

// survey: n vehicles on 4+4n places, each with ways to two thirds of them, the first to all; there are circles.
func survey(w *writer, n int) {
	places := w.many(4+4*n, "p", "place")
	modes := w.many(3, "mode", "mode")
	line(&w.objects, "base - home")
	line(&w.init, "(home-at base %s)", places[0])
	line(&w.init, "(free base)")
	for _, q := range places {
		if q != places[0] && w.IntN(2) == 0 {
			line(&w.init, "(sees %s %s)", q, places[0])
		}
	}
	line(&w.init, "(sees %s %s)", places[0], places[0])
	targets := w.many(1+n, "t", "target")
	for _, t := range targets {
		some := w.Perm(len(places))[:1+len(places)/4]
		for _, p := range some {
			line(&w.init, "(target-from %s %s)", t, places[p])
		}
	}
	dug, filmed := map[int]bool{}, map[string]bool{}
	for i, v := range w.many(n+1, "v", "vehicle") {
		order := w.Perm(len(places))
		reach := order[:len(order)*2/3]
		if i == 0 {
			reach = order
		}
		line(&w.init, "(at %s %s)", v, places[reach[0]])
		for k := 1; k < len(reach)*4/3; k++ {
			p, q := k%len(reach), w.IntN(min(k, len(reach)))
			if p == q {
				continue
			}
			line(&w.init, "(way %s %s %s)", v, places[reach[q]], places[reach[p]])
			line(&w.init, "(way %s %s %s)", v, places[reach[p]], places[reach[q]])
		}
		s, c := v+"-store", v+"-camera"
		line(&w.objects, "%s - store", s)
		line(&w.objects, "%s - camera", c)
		line(&w.init, "(store %s %s)", s, v)
		line(&w.init, "(empty %s)", s)
		line(&w.init, "(camera %s %s)", c, v)
		line(&w.init, "(gauge %s %s)", c, w.one(targets))
		if i == 0 || w.IntN(2) == 0 {
			line(&w.init, "(digs %s)", v)
		}
		if i == 0 || w.IntN(2) == 0 {
			line(&w.init, "(films %s)", v)
		}
		for _, m := range modes {
			if i == 0 || w.IntN(2) == 0 {
				line(&w.init, "(can %s %s)", c, m)
			}
		}
	}
	for range 1 + n {
		if p := w.IntN(len(places)); !dug[p] {
			dug[p] = true
			line(&w.init, "(soil %s)", places[p])
			line(&w.tasks, "(soil-of %s)", places[p])
			line(&w.goal, "(sent-soil %s)", places[p])
		}
		if of := fmt.Sprintf("%s %s", w.one(targets), w.one(modes)); !filmed[of] {
			filmed[of] = true
			line(&w.tasks, "(picture-of %s)", of)
			line(&w.goal, "(sent-picture %s)", of)
		}
	}
}

// surveyAtOnce: the same, in any order.
func surveyAtOnce(w *writer, n int) {
	w.unordered = true
	survey(w, n)
}
