package main

import (
	"github.com/jitos/jitos"
)

// form is a rewrite as a person or a program writes it down: see the help of rewrite.
type form struct {
	what, why string
	set       []jitos.Node
	has       map[jitos.NodeID]bool // what is in set
	edges     []jitos.Edge
	drop      []jitos.ItemID
	reads     []formRead
}

type formRead struct {
	jitos.Read
	seen bool // the form says what was seen
}

// parseForm is strict: what it does not know it refuses, with line and column.
func parseForm(name string, raw []byte) (form, error) {
	r := form{has: map[jitos.NodeID]bool{}}
	v, err := parseJSON(name, raw)
	if err != nil {
		return r, err
	}
	if err := v.only("what", "why", "set", "edges", "drop", "reads"); err != nil {
		return r, err
	}
	if r.what, err = v.text("what"); err != nil {
		return r, err
	}
	if r.why, err = v.text("why"); err != nil {
		return r, err
	}
	if err := v.each("set", r.addNode); err != nil {
		return r, err
	}
	if err := v.each("edges", r.addEdge); err != nil {
		return r, err
	}
	if err := v.each("drop", r.addDrop); err != nil {
		return r, err
	}
	return r, v.each("reads", r.addRead)
}

func (r *form) addNode(v value) error {
	if err := v.only("node", "fields"); err != nil {
		return err
	}
	id, err := v.node("node")
	if err != nil {
		return err
	}
	n := jitos.Node{ID: id, Fields: map[string]any{}}
	if f, ok := v.object["fields"]; ok {
		if f.kind != "object" {
			return f.wrong("want an object, not %s", f.kind)
		}
		n.Fields = f.any().(map[string]any)
	}
	if r.has[id] {
		return v.wrong("%s is set twice", id)
	}
	r.has[id] = true
	r.set = append(r.set, n)
	return nil
}

func (r *form) addEdge(v value) error {
	e, err := v.edge("from", "label", "to", "key", "attrs")
	if err != nil {
		return err
	}
	if at, ok := v.object["attrs"]; ok {
		if at.kind != "object" {
			return at.wrong("want an object, not %s", at.kind)
		}
		e.Attrs = at.any().(map[string]any)
	}
	r.edges = append(r.edges, e)
	return nil
}

// addDrop takes a node, an item as records write it, or an edge by its ends.
func (r *form) addDrop(v value) error {
	if v.kind == "object" {
		e, err := v.edge("from", "label", "to", "key")
		if err != nil {
			return err
		}
		r.drop = append(r.drop, e.Item())
		return nil
	}
	item, ok := v.plain.(string)
	if !ok {
		return v.wrong("want kind/name, or an edge as an object, not %s", v.kind)
	}
	if _, err := jitos.ItemID(item).Parse(); err != nil {
		return v.wrong("%v", err)
	}
	r.drop = append(r.drop, jitos.ItemID(item))
	return nil
}

func (r *form) addRead(v value) error {
	if err := v.only("node", "item", "path", "pattern", "is"); err != nil {
		return err
	}
	var read formRead
	given := 0
	for _, key := range []string{"node", "item", "path", "pattern"} {
		if _, ok := v.object[key]; ok {
			given++
		}
	}
	if given != 1 {
		return v.wrong("want exactly one of node, item, path and pattern")
	}
	var err error
	if read.Is, err = v.text("is"); err != nil {
		return err
	}
	_, read.seen = v.object["is"]
	if read.Path, err = v.text("path"); err != nil {
		return err
	}
	item, err := v.text("item")
	if err != nil {
		return err
	}
	if read.Item = jitos.ItemID(item); item != "" {
		if _, err := read.Item.Parse(); err != nil {
			return v.object["item"].wrong("%v", err)
		}
	}
	if _, ok := v.object["node"]; ok {
		id, err := v.node("node")
		if err != nil {
			return err
		}
		read.Item = id.Item()
	}
	if p, ok := v.object["pattern"]; ok {
		if read.Pattern, err = p.pattern(); err != nil {
			return err
		}
	}
	r.reads = append(r.reads, read)
	return nil
}

func (v value) pattern() (*jitos.Pattern, error) {
	if err := v.only("kind", "has"); err != nil {
		return nil, err
	}
	kind, err := v.text("kind")
	if err != nil {
		return nil, err
	}
	if err := jitos.CheckName(kind); err != nil {
		return nil, v.wrong("kind: %v", err)
	}
	p := &jitos.Pattern{Kind: kind}
	if has, ok := v.object["has"]; ok {
		if has.kind != "object" {
			return nil, has.wrong("want an object, not %s", has.kind)
		}
		p.Has = map[string]string{}
		for key := range has.object {
			if p.Has[key], err = has.text(key); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// node is the id under a key.
func (v value) node(key string) (jitos.NodeID, error) {
	s, err := v.text(key)
	if err != nil {
		return jitos.NodeID{}, err
	}
	id, err := jitos.ParseNodeID(s)
	if err != nil {
		at := v
		if e, ok := v.object[key]; ok {
			at = e
		}
		return id, at.wrong("want %s as kind/name: %v", key, err)
	}
	return id, nil
}

// edge reads the ends, label and key of an edge.
func (v value) edge(keys ...string) (jitos.Edge, error) {
	var e jitos.Edge
	err := v.only(keys...)
	if err != nil {
		return e, err
	}
	if e.From, err = v.node("from"); err != nil {
		return e, err
	}
	if e.To, err = v.node("to"); err != nil {
		return e, err
	}
	if e.Key, err = v.text("key"); err != nil {
		return e, err
	}
	if e.Label, err = v.text("label"); err != nil {
		return e, err
	}
	if err := jitos.CheckName(e.Label); err != nil {
		return e, v.wrong("label: %v", err)
	}
	return e, nil
}
