package jitos

import (
	"fmt"
	"strings"
	"time"
)

// DefaultTimeout bounds a job that names no timeout of its own.
const DefaultTimeout = 10 * time.Minute

// Policy bounds everything in a fabric: .jitos/policy.yaml, or DefaultPolicy.
type Policy struct {
	// Grants are the capabilities that a process may hold.
	Grants []string `json:"grants"`
	// Gates must hold for every collapse that changes their paths, whatever the task, and though it is made without a gate.
	Gates []GateRule `json:"gates,omitempty"`
	// Approvals are wanted of people before a collapse.
	Approvals []Approval `json:"approvals,omitempty"`
	// Merge says how files merge; the first rule that covers a path counts, and else lines do.
	Merge []MergeRule `json:"merge,omitempty"`
	// Secrets say who may ask for a secret that the grants lend.
	Secrets []SecretRule `json:"secrets,omitempty"`
	// Quota bounds each process, and how much is open at a time.
	Quota Quota `json:"quota"`
	// Retention is how long things are kept.
	Retention Retention `json:"retention"`
	// Lines of policy.yaml at which grants, quota and retention stand.
	Lines map[string]int `json:"-"`
}

// Retention is how long things are kept. Zero fields: for ever.
type Retention struct {
	Archive   int `json:"archive_months,omitempty"`  // before the present one, of attempts that were given up
	Questions int `json:"questions_hours,omitempty"` // until a question that nobody answered counts as rejected
}

// DefaultPolicy holds where the fabric has none of its own.
func DefaultPolicy() Policy {
	return Policy{
		Grants: []string{"fs.read:**", "fs.write:**", "exec:*", "net:*", "tool:*", "history:read"},
		Quota:  Quota{Jobs: 200, Seconds: 4 * 60 * 60, TTL: 14 * 24},
	}
}

// Denial is a refusal by policy. It Is ErrDenied.
type Denial struct {
	What string // the capability or the origin's hash
	Why  string
}

func (d *Denial) Error() string        { return fmt.Sprintf("%s: %s", d.What, d.Why) }
func (d *Denial) Is(target error) bool { return target == ErrDenied }

// Admit decides whether a step may run in a process: what brought its command must be allowed in this clone, and every
// capability that it needs must be held by the process and be within the policy, or something of it: see Within. It returns nil or a
// *Denial.
//
// A capability is "verb:scope". A grant covers a need of the same verb whose scope is equal, or matches the grant's as a
// path pattern; "*" and "**" cover all. A need without a scope asks for the whole verb. Limits (see Limits) are never denied, only
// lowered; and what a step reads of its files, where it does not ask, is what the others that name fs.read leave it (see Reach).
func Admit(step Step, grants []string, policy Policy, allowed func(hash string) bool) error {
	origins := []string{step.Origin}
	if step.Gate != nil {
		origins = append(origins, step.Gate.Origin)
	}
	for _, origin := range strings.Fields(strings.Join(origins, " ")) { // a step may come from several files
		if !allowed(origin) {
			return Hint(&Denial{What: "step " + step.Name, Why: "its definition " + origin + " was not allowed in this clone"},
				"read it with `jitos method show`, then `jitos allow %s`", origin)
		}
	}
	for _, r := range Rights(step, grants, policy) {
		if r.Denied != "" {
			denial := &Denial{What: r.Need, Why: "step " + step.Name + " needs it and " + r.Denied}
			if strings.HasPrefix(r.Need, "secret:") { // which no policy grants by default
				denial.Why += fmt.Sprintf("; to lend it, have %q among the grants of policy.yaml when the attempt begins", r.Need)
			}
			return denial
		}
	}
	return nil
}

// Right is what became of one need of a step: the grants of its process and of the policy that cover it.
type Right struct {
	Need    string `json:"need"`
	Method  string `json:"method,omitempty"` // which level left this, and of what, in words
	Process string `json:"process,omitempty"`
	Policy  string `json:"policy,omitempty"`
	Has     string `json:"has,omitempty"`    // of a limit, and of reading: what is left of it
	Denied  string `json:"denied,omitempty"` // who does not grant it, in words; "" where the step has the right
}

// Rights intersects what a step needs with what its process holds and what the policy bounds, need by need; then come the
// limits that one of them names.
func Rights(step Step, grants []string, policy Policy) []Right {
	rights := make([]Right, 0, len(step.Needs))
	for _, need := range step.Needs {
		if isLimit(need) {
			continue
		}
		r := Right{Need: need, Process: boundBy(need, grants), Policy: boundBy(need, policy.Grants)}
		held := within([]string{need}, grants)
		lent := within(held, policy.Grants)
		if n := step.narrowedTo(need); n.By != "" {
			r.Method = n.By + " leaves it of " + n.Need
		}
		by := step.lackedBy(need)
		switch {
		case by != "":
			r.Denied = by + " leaves nothing of it"
		case len(held) == 0:
			r.Denied = "the process does not hold it"
		case len(lent) == 0:
			r.Denied = "the fabric's policy does not grant it"
		case len(lent) > 1 || lent[0] != need:
			r.Has = strings.Join(lent, " ")
		}
		rights = append(rights, r)
	}
	return append(rights, limitRights(step, grants, policy)...)
}

// boundBy are the capabilities of a level that cover a need or lie within it, in words.
func boundBy(need string, level []string) string {
	return orElse(coveredBy(need, level), strings.Join(inside(need, level), " "))
}

// Within is a step with what its process and the policy leave of its needs: of a need that is wider than what a level grants
// ("fs.write:**" of "fs.write:docs/**") what the level grants within it. One of which nothing is left, Admit denies.
func (s Step) Within(grants []string, policy Policy) Step {
	s.Needs = within(within(s.Needs, grants), policy.Grants)
	return s
}

func within(needs, level []string) []string {
	var left []string
	for _, need := range needs {
		switch {
		case isLimit(need), covered(need, level): // the lowest limit counts
			left = append(left, need)
		default:
			left = append(left, inside(need, level)...)
		}
	}
	return left
}

// inside are those capabilities of a list that a need covers.
func inside(need string, list []string) (has []string) {
	for _, c := range list {
		if covered(c, []string{need}) && !strings.HasSuffix(c, ":none") {
			has = append(has, c)
		}
	}
	return has
}

func covered(need string, grants []string) bool { return coveredBy(need, grants) != "" }

// coveredBy is the first grant that covers a need, "" for none.
func coveredBy(need string, grants []string) string {
	verb, scope, _ := strings.Cut(need, ":")
	for _, g := range grants {
		gverb, gscope, scoped := strings.Cut(g, ":")
		if verb != gverb {
			continue
		}
		if !scoped || gscope == "*" || gscope == "**" || gscope == scope || scope != "" && MatchPath(gscope, scope) {
			return g
		}
	}
	return ""
}

// unsafeToRepeat tells whether a step that was interrupted may have done something that running it again would do twice.
func unsafeToRepeat(step Step) bool {
	for _, need := range step.Needs {
		verb, _, _ := strings.Cut(need, ":")
		if verb == "net" || verb == "secret" {
			return true
		}
	}
	return false
}
