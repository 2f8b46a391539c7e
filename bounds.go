package jitos

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
)

// This file is what the policy asks of one change: the gates that its paths want, who must approve it, and who may change the
// fabric's own files. Each rule knows its line in policy.yaml, so that a refusal can name it.

// GateRule is a gate that must hold for every collapse that changes one of its paths.
type GateRule struct {
	GateRef
	Paths []string `json:"paths,omitempty"` // patterns of MatchPath; none: every collapse
	Line  int      `json:"line,omitempty"`  // of policy.yaml
}

// Approval says that what a collapse changes at these paths is to be approved first, on exactly the files that it makes; or,
// with Gates, who may let tests pass that these gates found removed, skipped or edited. Paths below .jitos/ are the fabric's own
// files: whom the rule does not name may not change them.
type Approval struct {
	Paths []string `json:"paths,omitempty"` // patterns of MatchPath
	Gates []string `json:"gates,omitempty"` // names of gates, or their commands
	By    []string `json:"by,omitempty"`    // who may: a name, or a pattern of addresses like *@example.org; none: anybody
	Why   string   `json:"why,omitempty"`   // told with the question
	Line  int      `json:"line,omitempty"`
}

// coveredPaths are those of the paths that one of the patterns matches.
func coveredPaths(patterns, paths []string) []string {
	var list []string
	for _, p := range paths {
		if slices.ContainsFunc(patterns, func(pattern string) bool { return MatchPath(pattern, p) }) {
			list = append(list, p)
		}
	}
	return list
}

// GatesFor are the rules whose gates a change of these paths must hold.
func (p Policy) GatesFor(changed []string) []GateRule {
	var list []GateRule
	for _, rule := range p.Gates {
		if len(rule.Paths) == 0 || len(coveredPaths(rule.Paths, changed)) > 0 {
			list = append(list, rule)
		}
	}
	return list
}

// Wanted is an approval that a change needs, and of which of its paths.
type Wanted struct {
	Approval
	Changed []string `json:"changed"`
}

// ApprovalsFor are the approvals that a change of these paths needs.
func (p Policy) ApprovalsFor(changed []string) []Wanted {
	var list []Wanted
	for _, rule := range p.Approvals {
		if paths := coveredPaths(rule.Paths, changed); len(paths) > 0 {
			list = append(list, Wanted{rule, paths})
		}
	}
	return list
}

// approvers are who may let through what a gate holds against tests; none: anybody.
func (p Policy) approvers(gate string) []string {
	for _, rule := range p.Approvals {
		if slices.Contains(rule.Gates, gate) {
			return rule.By
		}
	}
	return nil
}

// MayChange tells whether an actor may change a file of the fabric's own, like "policy.yaml": every approval that covers it must
// name him. It returns nil or a *Denial.
func (p Policy) MayChange(file, actor string) error {
	file = fabricDir + file
	for _, rule := range p.Approvals {
		if len(coveredPaths(rule.Paths, []string{file})) > 0 && !MayAnswer(rule.By, actor) {
			return &Denial{What: file, Why: fmt.Sprintf("line %d of policy.yaml lets %s change it, and you are %s", rule.Line, strings.Join(rule.By, ", "), actor)}
		}
	}
	return nil
}

// fabricDir is where the fabric's own files are in a tree, as rules name them.
const fabricDir = ".jitos/"

// MayAnswer tells whether an actor, "name <address>", is among those who may; nobody named means everybody. Whom a list names
// is a name, an address, a pattern of addresses ("*@example.org", as of path.Match), or all of an actor.
func MayAnswer(by []string, actor string) bool {
	name, address, _ := strings.Cut(actor, " <")
	address = strings.ToLower(strings.TrimSuffix(address, ">"))
	return len(by) == 0 || slices.ContainsFunc(by, func(who string) bool {
		if who == actor || who == name {
			return true
		}
		ok, err := path.Match(strings.ToLower(who), address)
		return ok && err == nil && strings.Contains(who, "@")
	})
}

// MayOpen tells whether there is room for one more workspace beside those that are open. It returns nil, or an error that wraps a
// *Denial.
func (p Policy) MayOpen(open int) error {
	if most := p.Quota.Workspaces; most > 0 && open >= most {
		return Hint(&Denial{What: "one more workspace", Why: fmt.Sprintf("the policy allows %d at a time, and so many are open", most)},
			"`jitos sws list` shows them; collapse or discard one")
	}
	return nil
}

func (k *Kernel) mayOpen(ctx context.Context, at Graph) error {
	policy := k.bounds()
	if policy.Quota.Workspaces == 0 {
		return nil // nothing is to be counted
	}
	open, err := OpenProcesses(ctx, at)
	if err != nil {
		return err
	}
	return policy.MayOpen(len(open))
}

// MergeRule says how files at these paths merge where both sides changed them.
type MergeRule struct {
	Paths []string `json:"paths"` // patterns of MatchPath
	By    MergeBy  `json:"by"`
	Line  int      `json:"line,omitempty"`
}

// MergeBy is a way to merge the content of a file.
type MergeBy string

const (
	ByLines MergeBy = "lines"  // three-way, as everything that no rule covers
	ByJSON  MergeBy = "json"   // by key
	ByYAML  MergeBy = "yaml"   // by key
	ByUnion MergeBy = "union"  // the lines of both sides
	Refuse  MergeBy = "refuse" // a conflict
)

// MergeFor is the rule for a path; the bool is false where there is none.
func (p Policy) MergeFor(path string) (MergeRule, bool) {
	i := slices.IndexFunc(p.Merge, func(r MergeRule) bool { return len(coveredPaths(r.Paths, []string{path})) > 0 })
	if i < 0 {
		return MergeRule{}, false
	}
	return p.Merge[i], true
}

// merger merges under the policy of a snapshot. That is part of the commit, so that the same merge can be made again.
func (k *Kernel) merger(ctx context.Context, at Snapshot) (Merger, error) {
	if blob, err := at.Blob(ctx, FabricItem("policy.yaml")); blob == "" || err != nil {
		return k.Merger, err
	}
	policy, err := k.policyAt(ctx, at)
	if err != nil || len(policy.Merge) == 0 {
		return k.Merger, err
	}
	return k.Merger.Under(policy.Merge), nil
}

// mergeFiles merges file trees under the policy of a snapshot.
func (k *Kernel) mergeFiles(ctx context.Context, at Snapshot, base, ours, theirs TreeID) (TreeID, []Conflict, error) {
	m, err := k.merger(ctx, at)
	if err != nil {
		return "", nil, err
	}
	return m.Files(ctx, base, ours, theirs)
}
