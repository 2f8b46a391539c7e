package warpgit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// Names below .jitos/.
const (
	fabricDir   = ".jitos"
	fabricFile  = "fabric.json"
	rewriteFile = "rewrite.json"
	policyFile  = "policy.yaml"
	nodesDir    = "nodes"
	edgesDir    = "edges"
	methodsDir  = "methods"
)

func nodeLeaf(name string) string { return name + ".json" }
func edgeLeaf(id string) string   { return id + ".json" }
func fromLeaf(name string) string { return name + ".e" }

// edgeFile is what the file of an edge holds; its source and label are its path.
type edgeFile struct {
	To    string         `json:"to"`
	Key   string         `json:"key,omitempty"`
	Attrs map[string]any `json:"attrs,omitempty"`
}

// encodeNode returns the bytes of a node.
func encodeNode(n jitos.Node) ([]byte, error) {
	if err := n.ID.Check(); err != nil {
		return nil, err
	}
	fields := n.Fields
	if fields == nil {
		fields = map[string]any{}
	}
	data, err := jitos.Canonical(fields)
	if err != nil {
		return nil, fmt.Errorf("node %s: %w", n.ID, err)
	}
	return data, nil
}

func decodeNode(id jitos.NodeID, data []byte) (jitos.Node, error) {
	fields, err := jitos.DecodeFields(data)
	if err != nil {
		return jitos.Node{}, fmt.Errorf("node %s: %w: %v", id, jitos.ErrCorrupt, err)
	}
	return jitos.Node{ID: id, Fields: fields}, nil
}

// encodeEdge returns the bytes of an edge.
func encodeEdge(e jitos.Edge) ([]byte, error) {
	for _, err := range []error{e.From.Check(), e.To.Check(), jitos.CheckName(e.Label)} {
		if err != nil {
			return nil, fmt.Errorf("edge %s: %w", e.Item(), err)
		}
	}
	if strings.ContainsRune(e.Key, 0) {
		return nil, fmt.Errorf("edge %s: key: %w: a NUL", e.Item(), jitos.ErrInvalid)
	}
	data, err := jitos.Canonical(edgeFile{e.To.String(), e.Key, e.Attrs})
	if err != nil {
		return nil, fmt.Errorf("edge %s: %w", e.Item(), err)
	}
	return data, nil
}

// decodeEdge reads an edge, whose id must be that of what it holds.
func decodeEdge(from jitos.NodeID, label, id string, data []byte) (jitos.Edge, error) {
	bad := func(err error) (jitos.Edge, error) {
		return jitos.Edge{}, fmt.Errorf("edge %s#%s/%s: %w: %v", from, label, id, jitos.ErrCorrupt, err)
	}
	f, err := parseEdge(data)
	if err != nil {
		return bad(err)
	}
	to, err := jitos.ParseNodeID(f.To)
	if err != nil {
		return bad(err)
	}
	e := jitos.Edge{From: from, Label: label, To: to, Key: f.Key, Attrs: f.Attrs}
	if e.EdgeID() != id {
		return bad(fmt.Errorf("its id should be %s", e.EdgeID()))
	}
	return e, nil
}

// parseEdge reads the file of an edge. Most are an end and nothing else, as Canonical writes it; the name of a node holds no letter that JSON escapes.
func parseEdge(data []byte) (f edgeFile, err error) {
	text, plain := bytes.CutPrefix(data, []byte("{\n \"to\": \""))
	text, whole := bytes.CutSuffix(text, []byte("\"\n}\n"))
	if _, err := jitos.ParseNodeID(string(text)); plain && whole && err == nil {
		return edgeFile{To: string(text)}, nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	d.DisallowUnknownFields()
	err = d.Decode(&f)
	return f, err
}

// fabricInfo is .jitos/fabric.json.
type fabricInfo struct {
	Format int    `json:"format"`
	ID     string `json:"id"`
}

// FabricFile returns the bytes of .jitos/fabric.json for a new fabric.
func FabricFile(id string) ([]byte, error) {
	if err := jitos.CheckName(id); err != nil {
		return nil, fmt.Errorf("fabric id: %w", err)
	}
	return jitos.Canonical(fabricInfo{jitos.Format, id})
}

// parseFabricFile refuses a format that this program does not know.
func parseFabricFile(data []byte) (fabricInfo, error) {
	var info fabricInfo
	if err := json.Unmarshal(data, &info); err != nil || info.ID == "" || info.Format <= 0 {
		return info, fmt.Errorf("%s/%s: %w: want a format and an id", fabricDir, fabricFile, jitos.ErrInvalid)
	}
	if info.Format != jitos.Format {
		return info, jitos.Hint(fmt.Errorf("this fabric has format %d: %w: this jitos knows format %d", info.Format, jitos.ErrInvalid, jitos.Format),
			"use the version of jitos that made it")
	}
	return info, nil
}

// child returns the hash of an entry of a tree, zero where there is none.
func (o *Objects) child(ctx context.Context, dir plumbing.Hash, name string) (plumbing.Hash, error) {
	t, err := o.tree(ctx, dir)
	if err != nil {
		return plumbing.ZeroHash, err
	}
	e, _ := t.find(name)
	return e.id, nil
}

// descend follows names through unsharded directories.
func (o *Objects) descend(ctx context.Context, dir plumbing.Hash, names ...string) (plumbing.Hash, error) {
	for _, name := range names {
		next, err := o.child(ctx, dir, name)
		if err != nil || next.IsZero() {
			return next, err
		}
		dir = next
	}
	return dir, nil
}

// item returns the blob of an item below a .jitos/ tree, zero where it is absent.
func (o *Objects) item(ctx context.Context, fabric plumbing.Hash, p jitos.ItemParts) (plumbing.Hash, error) {
	if p.File != "" {
		return o.descend(ctx, fabric, strings.Split(p.File, "/")...)
	}
	dir, leaf := plumbing.ZeroHash, nodeLeaf(p.Node.Name)
	var err error
	if p.Label == "" {
		dir, err = o.descend(ctx, fabric, nodesDir, p.Node.Kind)
	} else {
		leaf = edgeLeaf(p.Edge)
		if dir, err = o.edgesOf(ctx, fabric, p.Node); err == nil {
			dir, err = o.child(ctx, dir, p.Label)
		}
	}
	if err != nil || dir.IsZero() {
		return plumbing.ZeroHash, err
	}
	e, _, err := o.leaf(ctx, dir, leaf)
	return e.id, err
}

// edgesOf returns the directory of the edges that leave a node, zero where none do.
func (o *Objects) edgesOf(ctx context.Context, fabric plumbing.Hash, from jitos.NodeID) (plumbing.Hash, error) {
	kind, err := o.descend(ctx, fabric, edgesDir, from.Kind)
	if err != nil || kind.IsZero() {
		return plumbing.ZeroHash, err
	}
	e, _, err := o.leaf(ctx, kind, fromLeaf(from.Name))
	return e.id, err
}

// splitRoot takes .jitos out of a root tree: what is left are the user's files, and their tree's hash is computed.
func splitRoot(root tree) (fabric plumbing.Hash, files tree, id plumbing.Hash) {
	files = make(tree, 0, len(root))
	for rest := root; len(rest) > 0; {
		e, after := rest.next()
		switch {
		case string(e.name) != fabricDir:
			files = append(files, rest[:len(rest)-len(after)]...)
		case e.isDir():
			fabric = e.id
		}
		rest = after
	}
	return fabric, files, hashOwn(plumbing.TreeObject, files)
}
