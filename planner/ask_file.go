package planner

import (
	"fmt"
	"path"
	"sort"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/jitos/jitos"
	"github.com/jitos/jitos/methods"
	"github.com/jitos/jitos/planner/backtrack"
)

func (a asker) askFile(c *methods.FileCondition, values map[string]string) (verdict, error) {
	re, err := c.Pattern(values)
	if err != nil {
		return verdict{}, fmt.Errorf("condition on files: %w: %v", jitos.ErrInvalid, err)
	}
	known, bound := values[c.As]
	var v verdict
	have := map[string]bool{}
	var patterns []string
	for _, t := range c.Paths {
		pattern := t.Path(values)
		patterns = append(patterns, pattern)
		v.reads = append(v.reads, jitos.Read{Path: pattern})
		found, err := a.facts.holding(pattern, re, c.As == "")
		if err != nil {
			return v, err
		}
		for _, p := range found {
			switch {
			case have[p] || bound && p != known:
			case c.As == "":
				v.answers = []answer{{values, fileFact(p, c), nil}}
				return v, nil
			default:
				v.answers = append(v.answers, answer{with(values, c.As, p), fileFact(p, c), nil})
			}
			have[p] = true
		}
	}
	sort.SliceStable(v.answers, func(i, j int) bool { return v.answers[i].values[c.As] < v.answers[j].values[c.As] })
	if len(v.answers) == 0 {
		v.reason, v.nearest, err = a.missingFile(patterns, c)
	}
	return v, err
}

func fileFact(p string, c *methods.FileCondition) string {
	if c.Contains.Zero() {
		return "file " + p
	}
	return "file " + p + " has a line like " + c.Contains.String()
}

// missingFile says why no file answers, and which files come nearest: those that match but for their content, else those of the same
// name elsewhere, else those at the root whose names look alike.
func (a asker) missingFile(patterns []string, c *methods.FileCondition) (string, []string, error) {
	what := strings.Join(patterns, " or ")
	if !c.Contains.Zero() {
		for _, p := range patterns {
			if there, err := a.facts.files(p, false); err != nil {
				return "", nil, err
			} else if len(there) > 0 {
				return fmt.Sprintf("no line of %s is like %s", what, c.Contains), firstOf(there, "file "), nil
			}
		}
	}
	for _, p := range patterns {
		elsewhere, err := a.facts.files("**/"+path.Base(p), false)
		if err != nil {
			return "", nil, err
		}
		if len(elsewhere) > 0 && path.Base(p) != "**" {
			return backtrack.ThereIsNo("file " + what), firstOf(elsewhere, "file "), nil
		}
	}
	root, err := a.facts.root()
	if err != nil {
		return "", nil, err
	}
	base := strings.Trim(path.Base(patterns[0]), "*?")
	sort.SliceStable(root, func(i, j int) bool {
		return levenshtein.ComputeDistance(root[i], base) < levenshtein.ComputeDistance(root[j], base)
	})
	return backtrack.ThereIsNo("file " + what), firstOf(root, "file "), nil
}

// root lists the files at the root of the tree.
func (f *facts) root() ([]string, error) {
	all, err := f.files("**", false)
	var root []string
	for _, p := range all {
		if !strings.Contains(p, "/") {
			root = append(root, p)
		}
	}
	return root, err
}

func firstOf(list []string, prefix string) []string {
	var out []string
	for _, s := range list[:min(3, len(list))] {
		out = append(out, prefix+s)
	}
	return out
}
