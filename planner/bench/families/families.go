// Package families makes HDDL problems of the kinds at which planners differ: choices that show late whether they were right,
// recursions that lead nowhere, many facts of which few matter, goals that are not told, tasks without an order. A domain is a
// file beside this one, whose head says what is hard in it; a problem is made from its family and number alone.
package families

import (
	"embed"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

//go:embed *.hddl
var domains embed.FS

// Instance is a problem with its domain, as text. Every one has a plan.
type Instance struct {
	Family          string
	Number          int // from 1; the larger, the harder
	Domain, Problem string
}

// family makes the problems of a domain. A domain whose text depends on the problem has SIGHTS in it, for what make adds.
type family struct {
	name string
	make func(w *writer, n int)
}

var families = []family{
	{"arms", arms}, {"cavern", cavern}, {"courier", courier}, {"haul", haul}, {"haul-one-way", oneWay}, {"joinery", joinery}, {"joinery-no-order", noOrder}, {"learnt", learnt}, {"mason", mason},
	{"patience", patience}, {"rescue-all-seen", rescueAll}, {"rescue-some-seen", rescueSome}, {"rig", rig}, {"survey", survey}, {"survey-at-once", surveyAtOnce}, {"wires", wires}, {"works", works},
}

// PerFamily is how many problems each family has.
const PerFamily = 12

// All makes every problem, in order.
func All() []Instance {
	var out []Instance
	for _, f := range families {
		for n := 1; n <= PerFamily; n++ {
			out = append(out, f.instance(n))
		}
	}
	return out
}

func (f family) instance(n int) Instance {
	base, _, _ := strings.Cut(f.name, "-")
	domain, err := domains.ReadFile(base + ".hddl")
	if err != nil {
		panic(err) // it is part of the program
	}
	w := &writer{Rand: rand.New(rand.NewPCG(uint64(n), uint64(len(base))))}
	f.make(w, n)
	text := strings.Replace(string(domain), "SIGHTS", w.facts, 1)
	if w.domain != "" {
		text = strings.TrimSpace(text) + "\n" + w.domain + ")\n"
	}
	return Instance{f.name, n, text, w.problem(fmt.Sprintf("%s-%d", f.name, n))}
}

// Write writes every problem below a folder, one folder a family, each beside its domain.
func Write(dir string) error {
	for _, i := range All() {
		base := filepath.Join(dir, i.Family, fmt.Sprintf("p%02d", i.Number))
		if err := os.MkdirAll(filepath.Dir(base), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(base+"-domain.hddl", []byte(i.Domain), 0o644); err != nil {
			return err
		}
		if err := os.WriteFile(base+".hddl", []byte(i.Problem), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// writer collects a problem.
type writer struct {
	*rand.Rand
	objects, init, tasks, goal strings.Builder
	unordered                  bool
	facts, domain              string // what is added to the domain: predicates, and what follows
}

func (w *writer) problem(name string) string {
	order := ":ordered-subtasks"
	if w.unordered {
		order = ":subtasks"
	}
	return fmt.Sprintf("(define (problem %s)\n (:objects\n%s )\n (:htn %s (and\n%s ))\n (:init\n%s )\n (:goal (and\n%s )))\n", name, w.objects.String(), order, w.tasks.String(), w.init.String(), w.goal.String())
}

func line(b *strings.Builder, format string, args ...any) { fmt.Fprintf(b, "  "+format+"\n", args...) }

// many declares n objects of a type and returns their names.
func (w *writer) many(n int, prefix, kind string) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("%s%d", prefix, i)
		line(&w.objects, "%s - %s", out[i], kind)
	}
	return out
}

// one takes any of a list.
func (w *writer) one(list []string) string { return list[w.IntN(len(list))] }

// chain says of each two that follow each other that they do.
func (w *writer) chain(pred string, list []string) {
	for i := 1; i < len(list); i++ {
		line(&w.init, "(%s %s %s)", pred, list[i-1], list[i])
	}
}
