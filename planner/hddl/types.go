package hddl

// Types is the hierarchy of types. Every type is below object; one may have several parents.
type Types struct {
	names   map[string]Name
	parents map[string][]string
	above   map[string]map[string]bool // closed: every type that a type is, itself included
}

// object is the type of everything.
const object = "object"

func newTypes() *Types {
	t := &Types{names: map[string]Name{}, parents: map[string][]string{}}
	t.names[object] = Name{Text: object, Key: object}
	return t
}

func (t *Types) declare(d Typed) {
	if _, known := t.names[d.Key]; !known {
		t.names[d.Key] = d.Name
	}
	for _, p := range d.Types {
		if _, known := t.names[p.Key]; !known {
			t.names[p.Key] = p // `A - B` declares B too
		}
		t.parents[d.Key] = append(t.parents[d.Key], p.Key)
	}
}

// close computes what each type is.
func (t *Types) close() {
	t.above = map[string]map[string]bool{}
	for key := range t.names {
		above := map[string]bool{key: true, object: true}
		for todo := []string{key}; len(todo) > 0; {
			next := todo[len(todo)-1]
			todo = todo[:len(todo)-1]
			for _, p := range t.parents[next] {
				if !above[p] {
					above[p] = true
					todo = append(todo, p)
				}
			}
		}
		t.above[key] = above
	}
}

// Known tells whether a type is declared.
func (t *Types) Known(key string) bool { _, ok := t.names[key]; return ok }

// Is tells whether everything of type a is of type b.
func (t *Types) Is(a, b string) bool { return t.above[a][b] }

// Fits tells whether something that is of every one of the given types (none: object) is allowed by the wanted ones, of
// which one is enough.
func (t *Types) Fits(given []Name, wanted []Name) bool {
	if len(wanted) == 0 {
		return true
	}
	for _, w := range wanted {
		if w.Key == object {
			return true
		}
		for _, g := range given {
			if t.Is(g.Key, w.Key) {
				return true
			}
		}
	}
	return false
}
