package hddl

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Load reads a domain and one of its problems from files.
func Load(domainFile, problemFile string) (*Domain, *Problem, error) {
	raw, err := os.ReadFile(domainFile)
	if err != nil {
		return nil, nil, err
	}
	d, err := ParseDomain(domainFile, raw)
	if err != nil {
		return nil, nil, err
	}
	if raw, err = os.ReadFile(problemFile); err != nil {
		return nil, nil, err
	}
	p, err := ParseProblem(problemFile, raw, d)
	return d, p, err
}

// Pairs finds the problems below a folder, each with its domain: NAME-domain.hddl beside NAME.hddl, else the domain.hddl of
// the folder. They come in the order of their paths.
func Pairs(root string) ([][2]string, error) {
	var out [][2]string
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".hddl" || strings.HasSuffix(path, "domain.hddl") {
			return err
		}
		for _, domain := range []string{strings.TrimSuffix(path, ".hddl") + "-domain.hddl", filepath.Join(filepath.Dir(path), "domain.hddl")} {
			if _, err := os.Stat(domain); err == nil {
				out = append(out, [2]string{domain, path})
				break
			}
		}
		return nil
	})
	slices.SortFunc(out, func(a, b [2]string) int { return strings.Compare(a[1], b[1]) })
	return out, err
}
