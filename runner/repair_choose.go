package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/repair"
)

// Patches that pass all tests may still differ in what they do. With the argument "ask" a repair that found several such takes none: it
// leaves them and a question, a person answers with a number, and a second step, of the same worker, takes that one.

// Artifacts of a repair; both are empty where nobody is to be asked.
const (
	artifactQuestion = "question"
	artifactPatches  = "patches" // in the order of the question, as JSON
)

// offered is a patch that a person may choose.
type offered struct {
	Path  string `json:"path"`
	Start int    `json:"start"`
	Was   string `json:"was"`
	Now   string `json:"now"`
}

// coder is a subject that can tell whether two programs do the same.
type coder interface {
	// code gives what the file at a path is compiled to, with that file as in the tree: equal for programs that do the same, and
	// perhaps not for all such. It is "" where it cannot be told.
	code(s *repairing, tree jitos.TreeID, path string) (string, error)
}

// distinct drops patches that are compiled to the same as a better one.
func (s *repairing) distinct(subject subject) error {
	c, ok := subject.(coder)
	if !ok || len(s.patches) < 2 {
		return nil
	}
	codes := make([]string, len(s.patches))
	var ids []int
	for i := range s.patches {
		ids = append(ids, i)
	}
	err := sideBySide(s.ctx, ids, func(i int) (err error) {
		p := s.patches[i]
		codes[i], err = c.code(s, p.tree, s.edits[p.edit].Path)
		return err
	})
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	var kept []patch
	for i, p := range s.patches {
		if codes[i] == "" || !seen[codes[i]] {
			seen[codes[i]] = true
			kept = append(kept, p)
		}
	}
	if n := len(s.patches) - len(kept); n > 0 {
		s.say("%d of %d patches do the same as another", n, len(s.patches))
	}
	s.patches = kept
	return nil
}

// code is the machine code of the package, without lines of the source.
func (g *goSubject) code(s *repairing, tree jitos.TreeID, name string) (string, error) {
	for pkg, p := range g.packages {
		for _, f := range p.files {
			if f != name {
				continue
			}
			r, err := s.try(s.ctx, tree, "compile a patch", "go build -gcflags='-S -dwarf=false' "+shellQuote(pkg)+
				` 2>&1 | sed 's/([^()]*\.go:[0-9]*)//' >"$TMPDIR/code"`+"\ngrep -q TEXT \"$TMPDIR/code\"\ncksum <\"$TMPDIR/code\" >\"$JITOS_OUT/code\"\n")
			return strings.TrimSpace(r.Artifacts["code"]), err
		}
	}
	return "", nil
}

// offer makes the result with which a person is asked.
func (s *repairing) offer(r *jitos.Result) error {
	var text strings.Builder
	fmt.Fprintf(&text, "which patch is right? All tests pass with each of these %d, and no two are compiled to the same. Answer with a number.", len(s.patches))
	var list []offered
	for i, p := range s.patches {
		e := s.edits[p.edit]
		fmt.Fprintf(&text, "\n%d. %s", i+1, p.words)
		list = append(list, offered{e.Path, e.Start, e.Was, e.Text})
	}
	patches, err := json.Marshal(list)
	if err != nil {
		return err
	}
	r.Tree = s.action.Tree
	r.Artifacts[artifactQuestion], r.Artifacts[artifactPatches] = text.String(), string(patches)
	return nil
}

// take takes the patch that the argument "answer" names, of those in the argument "patches".
func (w *Repair) take(ctx context.Context, action jitos.Action, host jitos.Host) (jitos.Result, error) {
	var list []offered
	if err := json.Unmarshal([]byte(action.Args[artifactPatches]), &list); err != nil {
		return failed("the patches cannot be read: %v", err), nil
	}
	n, err := strconv.Atoi(strings.Trim(strings.TrimPrefix(strings.TrimSpace(action.Args["answer"]), "patch"), " ."))
	if err != nil || n < 1 || n > len(list) {
		return failed("the answer %s is no number from 1 to %d", quoted(action.Args["answer"]), len(list)), nil
	}
	s := &repairing{ctx: ctx, objects: w.Objects, host: host, action: action}
	tree, err := treeHash(action.Tree)
	if err != nil {
		return jitos.Result{}, err
	}
	if s.files, err = readManifest(ctx, w.Objects, tree); err != nil {
		return jitos.Result{}, err
	}
	p := list[n-1]
	src, err := s.source(p.Path)
	if err != nil {
		return jitos.Result{}, err
	}
	if p.Start < 0 || p.Start+len(p.Was) > len(src) || string(src[p.Start:p.Start+len(p.Was)]) != p.Was {
		return failed("%s is not as it was when the patch was found", p.Path), nil
	}
	e := repair.Edit{Path: p.Path, Start: p.Start, End: p.Start + len(p.Was), Text: p.Now, Was: p.Was}
	if strings.HasSuffix(p.Path, ".go") {
		src = e.Format(src)
	} else {
		src = e.Apply(src)
	}
	changed, err := s.tree(map[string][]byte{p.Path: src})
	return jitos.Result{Verdict: jitos.Pass, Tree: changed}, err
}
