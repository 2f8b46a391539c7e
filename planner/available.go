package planner

import (
	"strings"

	"github.com/jitos/jitos"
)

// lacks says why a worker that each clone configures for itself ("agent/claude", "llm") cannot be used here, "" where it can
// and for workers that jitos brings.
func (p *Planner) lacks(worker string) string {
	kind, _, named := strings.Cut(worker, "/")
	if !named && kind != "llm" {
		return ""
	}
	if p.Workers == nil {
		return "no worker " + worker + " is configured here"
	}
	return p.Workers(worker)
}

// version names the planner, and what of this clone its answers depend on beside the snapshot: which workers of the library
// are there. Where nobody configured any it is Version alone. So a plan is only made again, to be compared, where the same
// workers are there.
func (p *Planner) version(lib *library) string {
	if p.Workers == nil {
		return Version
	}
	there := map[string]string{}
	for _, j := range lib.Jobs() {
		why := p.lacks(j.Worker)
		if none := (&Planner{}).lacks(j.Worker); why != none {
			there[j.Worker] = why
		}
	}
	if len(there) == 0 {
		return Version
	}
	return Version + "+" + jitos.HashOf(there)[:8]
}
