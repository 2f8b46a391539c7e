package jitos

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits bound what a job may use. They are capabilities like others, "memory:2g", but that every level that names one lowers it: a
// job asks for no more, its process and the policy lend no more. A zero field: nobody names it, and what the executor has by
// itself holds.
type Limits struct {
	Time      time.Duration // "time:90s", as of time.ParseDuration
	Memory    int64         // "memory:2g": bytes of all its processes
	Disk      int64         // "disk:500m": bytes that they write
	Output    int64         // "output:1m": bytes that one command prints
	Processes int64         // "processes:64": at once
}

// limitVerbs are the verbs of limits.
var limitVerbs = []string{"time", "memory", "disk", "output", "processes"}

// ParseLimit reads a capability that is a limit: its verb, and how much, in seconds, bytes or processes. A capability of another
// verb gives "" and no error; the error Is ErrInvalid.
func ParseLimit(capability string) (verb string, most int64, err error) {
	verb, scope, _ := strings.Cut(capability, ":")
	if !slices.Contains(limitVerbs, verb) {
		return "", 0, nil
	}
	bad := fmt.Errorf("%q: %w: want a limit like time:90s, memory:2g, disk:500m, output:1m or processes:64", capability, ErrInvalid)
	if verb == "time" {
		d, err := time.ParseDuration(scope)
		if err != nil || d < time.Second {
			return "", 0, bad
		}
		return verb, int64(d / time.Second), nil
	}
	number, unit := scope, int64(1)
	for suffix, size := range map[string]int64{"k": 1 << 10, "m": 1 << 20, "g": 1 << 30} {
		if rest, ok := strings.CutSuffix(scope, suffix); ok && verb != "processes" {
			number, unit = rest, size
		}
	}
	n, perr := strconv.ParseInt(number, 10, 64)
	if perr != nil || n < 1 || n > 1<<62/unit {
		return "", 0, bad
	}
	return verb, n * unit, nil
}

// tightest is the lowest limit of a verb in a list, and how it is written; 0 where none names it.
func tightest(verb string, list []string) (most int64, written string) {
	for _, c := range list {
		if v, n, err := ParseLimit(c); err == nil && v == verb && (most == 0 || n < most) {
			most, written = n, c
		}
	}
	return most, written
}

// LimitsOf are the limits of a step: of what it asks for, its process holds and the policy lends the lowest.
func LimitsOf(step Step, grants []string, policy Policy) Limits {
	of := func(verb string) int64 {
		n, _ := tightest(verb, slices.Concat(step.Needs, grants, policy.Grants))
		return n
	}
	return Limits{Time: time.Duration(of("time")) * time.Second, Memory: of("memory"), Disk: of("disk"), Output: of("output"),
		Processes: of("processes")}
}

// limitRights explains the limits of a step, those that somebody names.
func limitRights(step Step, grants []string, policy Policy) []Right {
	var rights []Right
	for _, verb := range limitVerbs {
		_, asked := tightest(verb, step.Needs)
		_, held := tightest(verb, grants)
		_, lent := tightest(verb, policy.Grants)
		if _, has := tightest(verb, []string{asked, held, lent}); has != "" {
			rights = append(rights, Right{Need: orElse(asked, verb), Process: held, Policy: lent, Has: has})
		}
	}
	held := map[string][][]string{readVerb: ReachOf(step, grants, policy), execVerb: ProgramsOf(step, grants, policy).Granted,
		toolVerb: ToolsOf(step, grants, policy)}
	for _, verb := range freeVerbs {
		levels := held[verb]
		if len(levels) > 0 && firstOf(verb, step.Needs) == "" { // what it does not ask for, and has as far as others say
			rights = append(rights, Right{Need: verb, Process: firstOf(verb, grants), Policy: firstOf(verb, policy.Grants), Has: levelWords(verb, levels)})
		}
	}
	return rights
}

// firstOf is the first capability of a verb in a list, "" for none.
func firstOf(verb string, list []string) string {
	for _, c := range list {
		if v, _, _ := strings.Cut(c, ":"); v == verb {
			return c
		}
	}
	return ""
}

// isLimit tells whether a capability is a limit.
func isLimit(capability string) bool {
	verb, _, _ := strings.Cut(capability, ":")
	return slices.Contains(limitVerbs, verb)
}

// Reach is what a job may read of its files: a path that each of the levels has a pattern for. None: all of them.
type Reach [][]string

// ReachOf is what a step may read. A level that names no fs.read narrows nothing.
func ReachOf(step Step, grants []string, policy Policy) Reach {
	var r Reach
	for _, list := range [][]string{step.Needs, grants, policy.Grants} {
		if patterns := scopesOf(readVerb, list); len(patterns) > 0 {
			r = append(r, patterns)
		}
	}
	return r
}

// scopesOf are the scopes of a verb in a list, none where the list does not name it or names it as a whole.
func scopesOf(verb string, list []string) []string {
	var scopes []string
	for _, c := range list {
		v, scope, _ := strings.Cut(c, ":")
		if v != verb {
			continue
		}
		if scope == "" || scope == "*" || scope == "**" {
			return nil
		}
		scopes = append(scopes, scope)
	}
	return scopes
}

const (
	readVerb = "fs.read"
	execVerb = "exec"
	toolVerb = "tool"
)

// words are for people.
func (r Reach) words() string { return levelWords(readVerb, r) }

func levelWords(verb string, levels [][]string) string {
	parts := make([]string, len(levels))
	for i, scopes := range levels {
		parts[i] = strings.Join(scopes, " ")
	}
	return verb + ":" + strings.Join(parts, " and ")
}

// ToolsOf are the tools that a step's worker may call, by name or pattern: a name that each of the lists has. None: all of them.
func ToolsOf(step Step, grants []string, policy Policy) [][]string {
	var levels [][]string
	for _, list := range [][]string{step.Needs, grants, policy.Grants} {
		if names := scopesOf(toolVerb, list); len(names) > 0 {
			levels = append(levels, names)
		}
	}
	return levels
}

// Programs are what a job may start, by the names of programs and of toolchains: what each list names that is not empty.
type Programs struct {
	Asked   []string   // by the job itself; none: it asks for nothing in particular, or for all
	Granted [][]string // by its process and by the policy, those of them that do not grant all
}

// ProgramsOf are those of a step. A level that names no exec narrows nothing.
func ProgramsOf(step Step, grants []string, policy Policy) Programs {
	p := Programs{Asked: scopesOf(execVerb, step.Needs)}
	for _, list := range [][]string{grants, policy.Grants} {
		if names := scopesOf(execVerb, list); len(names) > 0 {
			p.Granted = append(p.Granted, names)
		}
	}
	return p
}

// All tells whether a job may start anything.
func (p Programs) All() bool { return len(p.Asked) == 0 && len(p.Granted) == 0 }

// Has tells whether a path is in reach.
func (r Reach) Has(path string) bool {
	for _, patterns := range r {
		if len(coveredPaths(patterns, []string{path})) == 0 {
			return false
		}
	}
	return true
}
