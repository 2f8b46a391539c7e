package families

import (
	"fmt"
	"maps"
	"strings"
)

// rescueActions are the actions of the rescue domain: parameters, precondition, effect.
var rescueActions = [][4]string{
	{"treat", "?m - medic ?v - victim ?l - spot", "(and (at ?m ?l) (at ?v ?l) (hurt ?v))", "(and (not (hurt ?v)) (treated ?v))"},
	{"haul", "?w - crew ?c - truck ?l - spot", "(and (at ?w ?l) (at ?c ?l) (blocked ?l))", "(and (not (blocked ?l)) (clear ?l))"},
	{"cut", "?w - crew ?l - spot", "(and (at ?w ?l) (blocked ?l))", "(and (not (blocked ?l)) (clear ?l))"},
	{"lift-cones", "?l - spot", "(cones ?l)", "(not (cones ?l))"},
	{"set-cones", "?w - crew ?l - spot", "(at ?w ?l)", "(cones ?l)"},
	{"feed", "?w - crew ?l - shelter", "(at ?w ?l)", "(fed ?l)"},
	{"mend", "?w - crew ?c - truck ?l - spot", "(and (at ?w ?l) (at ?c ?l))", "(powered ?l)"},
	{"push-snow", "?w - crew ?c - plough ?l - spot", "(and (at ?w ?l) (at ?c ?l) (snow ?l))", "(not (snow ?l))"},
	{"board", "?p - person ?c - car ?l - spot", "(and (at ?p ?l) (at ?c ?l))", "(and (not (at ?p ?l)) (in ?p ?c))"},
	{"leave", "?p - person ?c - car ?l - spot", "(and (in ?p ?c) (at ?c ?l))", "(and (at ?p ?l) (not (in ?p ?c)))"},
	{"drive", "?w - crew ?c - car ?k ?l - spot", "(and (at ?w ?k) (at ?c ?k))", "(and (not (at ?w ?k)) (not (at ?c ?k)) (at ?w ?l) (at ?c ?l))"},
}

func rescueAll(w *writer, n int)  { rescue(w, n, 100) }
func rescueSome(w *writer, n int) { rescue(w, n, 45) }

// rescue acts out a task, in a way that the domain allows, and tells some of the actions, in percent.
func rescue(w *writer, n, percent int) {
	spots := w.many(3+2*n, "spot", "site")
	hospitals := w.many(1+n/4, "hospital", "hospital")
	shelters := w.many(1+n/4, "refuge", "shelter")
	all := append(append(append([]string(nil), spots...), hospitals...), shelters...)
	crew, medics, victims := w.many(2+n/2, "crew", "crew"), w.many(1+n/3, "medic", "medic"), w.many(1+n, "victim", "victim")
	trucks, ambulances, ploughs := w.many(2+n/3, "truck", "truck"), w.many(1+n/4, "ambulance", "ambulance"), w.many(1+n/5, "plough", "plough")
	at := map[string]string{}
	for _, list := range [][]string{crew, medics, victims, trucks, ambulances, ploughs} {
		for i, t := range list {
			at[t] = w.one(all)
			if i == 0 && t == trucks[0] {
				at[t] = at[crew[0]] // somebody can begin
			}
			line(&w.init, "(at %s %s)", t, at[t])
		}
	}
	for _, v := range victims {
		line(&w.init, "(hurt %s)", v)
	}
	for _, t := range trucks {
		line(&w.init, "(tool %s)", t)
	}
	for _, s := range spots {
		line(&w.init, "(blocked %s)", s)
		line(&w.init, "(snow %s)", s)
	}
	var seen [][]string
	for kind := n; len(seen) < 2; kind++ {
		seen = w.actOut(kind%4, at, map[string][]string{"spot": spots, "hospital": hospitals, "shelter": shelters, "crew": crew, "medic": medics, "victim": victims, "truck": trucks, "ambulance": ambulances})
	}
	w.sights(seen, percent)
	line(&w.tasks, "(anything)")
}

// actOut carries out a task of one of four kinds, as the methods would, and lists its actions: none where it cannot be done.
func (w *writer) actOut(kind int, at map[string]string, all map[string][]string) (done [][]string) {
	at = maps.Clone(at)
	act := func(words ...string) { done = append(done, words) }
	with := func(list []string, l string) string { // who or what of a list is there
		for _, x := range list {
			if at[x] == l {
				return x
			}
		}
		return ""
	}
	// drive has somebody drive a car, who may have to come in another one.
	drive := func(c, l string) bool {
		if at[c] == l {
			return true
		}
		who := with(all["crew"], at[c])
		if who == "" {
			who = w.one(all["crew"])
			other := with(all["truck"], at[who])
			if other == "" || other == c {
				return false
			}
			act("drive", who, other, at[who], at[c])
			at[other], at[who] = at[c], at[c]
		}
		act("drive", who, c, at[c], l)
		at[who], at[c] = l, l
		return true
	}
	ride := func(p, c, l string) bool {
		if at[p] == l {
			return true
		}
		if !drive(c, at[p]) {
			return false
		}
		act("board", p, c, at[p])
		if !drive(c, l) {
			return false
		}
		act("leave", p, c, l)
		at[p] = l
		return true
	}
	switch kind {
	case 0:
		v, m, h, c := w.one(all["victim"]), w.one(all["medic"]), w.one(all["hospital"]), w.one(all["ambulance"])
		if !ride(v, c, h) || !ride(m, c, h) {
			return nil
		}
		act("treat", m, v, h)
	case 2:
		l, v := w.one(all["shelter"]), w.one(all["victim"])
		if !ride(v, w.one(all["truck"]), l) {
			return nil
		}
		who := with(all["crew"], l)
		if who == "" {
			return nil
		}
		act("feed", who, l)
	default:
		l, c := w.one(all["spot"]), w.one(all["truck"])
		if !drive(c, l) {
			return nil
		}
		who := with(all["crew"], l)
		if who == "" {
			return nil
		}
		act(map[int]string{1: "haul", 3: "mend"}[kind], who, c, l)
	}
	return done
}

// sights makes of each action a task: done unseen, where not everything is seen, or as the i-th sight.
func (w *writer) sights(acts [][]string, percent int) {
	var d strings.Builder
	var seen [][]string
	for i, a := range acts {
		if percent == 100 || i == len(acts)-1 || w.IntN(100) < percent {
			seen = append(seen, a)
		}
	}
	steps := w.many(len(seen)+1, "step", "step")
	w.facts = "(seen ?s - step) (sight ?r ?s - step)"
	line(&w.init, "(seen %s)", steps[0])
	line(&w.goal, "(seen %s)", steps[len(seen)])
	for _, a := range rescueActions {
		name, params, pre, eff := a[0], a[1], a[2], a[3]
		var vars []string
		for _, word := range strings.Fields(params) {
			if word[0] == '?' {
				vars = append(vars, word)
			}
		}
		args := strings.Join(vars, " ")
		fmt.Fprintf(&d, " (:task %s :parameters (%s))\n", name, params)
		if percent < 100 {
			fmt.Fprintf(&d, " (:action %s-unseen :parameters (%s) :precondition %s :effect %s)\n", name, params, pre, eff)
			fmt.Fprintf(&d, " (:method %s-is-unseen :parameters (%s) :task (%s %s) :ordered-subtasks (and (%s-unseen %s)))\n", name, params, name, args, name, args)
		}
		for i, s := range seen {
			if s[0] != name {
				continue
			}
			same := ""
			for k, v := range vars {
				same += fmt.Sprintf(" (is-%s %s)", s[k+1], v)
				if is := fmt.Sprintf("(is-%s ?x)", s[k+1]); !strings.Contains(w.facts, is) {
					w.facts += " " + is
					line(&w.init, "(is-%s %s)", s[k+1], s[k+1])
				}
			}
			fmt.Fprintf(&d, " (:action %s-seen-%d :parameters (%s ?r ?s - step) :precondition (and %s (seen ?r) (at-sight-%d ?r ?s)%s) :effect (and %s (not (seen ?r)) (seen ?s)))\n", name, i, params, pre, i, same, eff)
			fmt.Fprintf(&d, " (:method %s-is-seen-%d :parameters (%s ?r ?s - step) :task (%s %s) :ordered-subtasks (and (%s-seen-%d %s ?r ?s)))\n", name, i, params, name, args, name, i, args)
			w.facts += fmt.Sprintf(" (at-sight-%d ?r ?s - step)", i)
			line(&w.init, "(at-sight-%d %s %s)", i, steps[i], steps[i+1])
		}
	}
	w.domain = d.String()
}
