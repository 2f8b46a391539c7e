package methods

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"path"
	"slices"
	"sort"

	"github.com/jitos/jitos"
	"gopkg.in/yaml.v3"
)

//go:embed library/*.yaml
var embedded embed.FS

// Origin is the hash by which a file of methods is allowed: the first 32 hex digits of its SHA-256.
func Origin(raw []byte) string {
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}

// Builtin returns the embedded files by name.
func Builtin() map[string][]byte {
	files := map[string][]byte{}
	entries, _ := fs.ReadDir(embedded, "library") // an embedded directory can be read
	for _, e := range entries {
		raw, _ := embedded.ReadFile(path.Join("library", e.Name()))
		files[e.Name()] = raw
	}
	return files
}

// Load reads the embedded library and a fabric's own files, by name. Extra may be empty. The error is a *LoadError that
// lists everything that is wrong with them.
func Load(extra map[string][]byte) (*Library, error) {
	lib, problems := load(Builtin(), extra)
	if len(problems) > 0 {
		return nil, &LoadError{problems}
	}
	return lib, nil
}

// LoadOnly reads files without the embedded library, for tests and tools. Their definitions have an Origin.
func LoadOnly(files map[string][]byte) (*Library, error) {
	lib, problems := load(nil, files)
	if len(problems) > 0 {
		return nil, &LoadError{problems}
	}
	return lib, nil
}

// Check says what would be wrong with a file, were it one of the fabric's (extra) under that name. Problems that other files
// have without it are not its own and are left out.
func Check(extra map[string][]byte, name string, raw []byte) error {
	with := map[string][]byte{}
	for n, b := range extra {
		if n != name {
			with[n] = b
		}
	}
	_, before := load(Builtin(), with)
	known := map[Problem]bool{}
	for _, p := range before {
		known[p] = true
	}
	with[name] = raw
	_, after := load(Builtin(), with)
	var own []Problem
	for _, p := range after {
		if !known[p] {
			own = append(own, p)
		}
	}
	if len(own) > 0 {
		return &LoadError{own}
	}
	return nil
}

// layer is what one set of files defines. Inside a layer a name is given once; the next layer replaces it.
type layer struct {
	lib     Library
	extends []*Task
}

func load(builtin, extra map[string][]byte) (*Library, []Problem) {
	var problems []Problem
	lib := &Library{map[string]*Task{}, map[string]*Job{}, map[string]*Gate{}, map[string]*Toolchain{}, ""}
	hashes := map[string]string{}
	for i, files := range []map[string][]byte{builtin, extra} {
		l := layer{lib: Library{map[string]*Task{}, map[string]*Job{}, map[string]*Gate{}, map[string]*Toolchain{}, ""}}
		for _, name := range sortedKeys(files) {
			r := &reader{file: name}
			if i > 0 {
				r.origin = Origin(files[name])
			}
			hashes[[]string{"builtin/", ""}[i]+name] = Origin(files[name])
			for _, doc := range r.documents(files[name]) {
				l.add(r, doc)
			}
			problems = append(problems, r.problems...)
		}
		problems = append(problems, lib.merge(l)...)
	}
	lib.hash = jitos.HashOf(hashes)
	for _, t := range lib.tasks {
		sort.SliceStable(t.Methods, func(i, j int) bool {
			a, b := t.Methods[i], t.Methods[j]
			return a.Cost < b.Cost || a.Cost == b.Cost && a.Name < b.Name
		})
	}
	if len(problems) == 0 { // what refers to something that could not be read would only be noise
		problems = check(lib)
	}
	inOrder(problems)
	return lib, problems
}

// inOrder sorts problems by file, line and column.
func inOrder(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// add reads one document.
func (l *layer) add(r *reader, doc *yaml.Node) {
	probe := &reader{}
	o := probe.object(doc, "document")
	if o != nil && (o.has("task") || o.has("extend")) {
		t := r.task(doc)
		switch {
		case t == nil:
		case o.has("extend"):
			l.extends = append(l.extends, t)
		default:
			define(r, l.lib.tasks, "task", t.Name, t, t.Pos)
		}
		return
	}
	if o = r.object(doc, "document", "task", "extend", "jobs", "gates", "toolchains"); o == nil {
		return
	}
	for _, key := range o.names() {
		n := o.keys[key]
		switch key {
		case "jobs":
			for name, j := range section(r, n, "job", r.job) {
				define(r, l.lib.jobs, "job", name, j, j.Pos)
			}
		case "gates":
			for name, g := range section(r, n, "gate", r.gate) {
				define(r, l.lib.gates, "gate", name, g, g.Pos)
			}
		case "toolchains":
			for name, t := range section(r, n, "toolchain", r.toolchain) {
				define(r, l.lib.chains, "toolchain", name, t, t.Pos)
			}
		}
	}
}

func define[T any](r *reader, in map[string]T, what, name string, def T, pos Pos) {
	if _, double := in[name]; double {
		r.complain(pos, "keep one of them", "%s %s is defined twice", what, name)
		return
	}
	in[name] = def
}

// merge puts a layer over what is there.
func (l *Library) merge(over layer) []Problem {
	r := &reader{}
	put(l.tasks, over.lib.tasks)
	put(l.jobs, over.lib.jobs)
	put(l.gates, over.lib.gates)
	put(l.chains, over.lib.chains)
	for _, x := range over.extends {
		r.file = x.Pos.File
		base, ok := l.tasks[x.Name]
		if !ok {
			r.complain(x.Pos, suggest(x.Name, sortedKeys(l.tasks)), "extend: there is no task %q", x.Name)
			continue
		}
		t := *base
		t.Says = append(append([]Phrase(nil), base.Says...), x.Says...)
		t.Examples = append(append([]*Example(nil), base.Examples...), x.Examples...)
		t.Methods = append([]*Method(nil), base.Methods...)
		for _, m := range x.Methods {
			t.Methods = replaceMethod(t.Methods, m)
		}
		l.tasks[x.Name] = &t
	}
	return r.problems
}

func put[T any](into, from map[string]T) {
	for name, def := range from {
		into[name] = def
	}
}

// replaceMethod puts a method in the place of one of its name from another file, or at the end. One of its own file stays
// beside it, so that the check finds the double.
func replaceMethod(list []*Method, m *Method) []*Method {
	for i, old := range list {
		if old.Name == m.Name && old.Pos.File != m.Pos.File {
			list[i] = m
			return list
		}
	}
	return append(list, m)
}
