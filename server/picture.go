package server

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"slices"
	"sync"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/overlay"
)

// A picture is all nodes and edges of a snapshot with their places, as bytes: the viewer of a graph of 100,000 nodes wants no
// JSON. Little endian; numbers are uint32 but where something else is said:
//
//	"jitosG1\n"
//	spots, edges, kinds, labels                how many there are
//	kinds, labels: length, then bytes          of each
//	spots: node, parent (2^32-1: none), count  of each, parents before children; a group of nodes has the node 2^32-1
//	spots: x, y, r; x, y                       float32 of each: its circle, and where the node itself is
//	spots: kind, change                        byte of each: index of the kind, Change (0 none, 1 added, 2 changed, 3 removed)
//	edges: from, to                            spots
//	edges: label, change                       byte of each
//	names: length (uint16), then bytes         of each spot; a group has that of the first node in it
//
// Kinds and labels past 255 are written as the 255th.
const pictureMagic = "jitosG1\n"

// pictures keeps the last few: a page asks for one again when it comes back.
type pictures struct {
	mu   sync.Mutex
	kept []picture
}

type picture struct {
	at, against jitos.CommitID
	raw         []byte
}

const mostPictures = 4

// Picture answers with the graph at a commit: GET ?at=ID, and &against=ID of what it is compared with, both whole ids. Neither
// changes ever, so a browser that has it is told so by the ETag, and nothing is drawn anew.
func (s *Server) Picture() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		at, against := jitos.CommitID(r.FormValue("at")), jitos.CommitID(r.FormValue("against"))
		if !wholeID(at) || against != "" && !wholeID(against) {
			refuse(w, typeJSON, http.StatusBadRequest, "at and against are whole commit ids")
			return
		}
		tag := `"g1-` + string(at) + `-` + string(against) + `"`
		w.Header().Set("ETag", tag)
		w.Header().Set("Cache-Control", "private, no-cache")
		w.Header().Set("Vary", "Authorization, Cookie")
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		raw, err := s.picture(r.Context(), at, against)
		switch {
		case errors.Is(err, jitos.ErrNotFound), errors.Is(err, jitos.ErrInvalid):
			w.Header().Del("ETag")
			refuse(w, typeJSON, http.StatusNotFound, err.Error())
		case err != nil:
			w.Header().Del("ETag")
			refuse(w, typeJSON, http.StatusInternalServerError, err.Error())
		default:
			w.Header().Set("Content-Type", "application/octet-stream")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			w.Write(raw)
		}
	})
}

func wholeID(id jitos.CommitID) bool {
	return len(id) == 40 && len(bytes.Trim([]byte(id), "0123456789abcdef")) == 0
}

// picture draws one, one at a time: who asks for the same meanwhile gets that.
func (s *Server) picture(ctx context.Context, at, against jitos.CommitID) ([]byte, error) {
	s.pictures.mu.Lock()
	defer s.pictures.mu.Unlock()
	for _, p := range s.pictures.kept {
		if p.at == at && p.against == against {
			return p.raw, nil
		}
	}
	raw, err := s.draw(ctx, at, against)
	if err != nil {
		return nil, err
	}
	s.pictures.kept = append(s.pictures.kept, picture{at, against, raw})
	if n := len(s.pictures.kept); n > mostPictures {
		s.pictures.kept = slices.Delete(s.pictures.kept, 0, n-mostPictures)
	}
	return raw, nil
}

// sketch is a graph before it has places.
type sketch struct {
	nodes   []jitos.NodeID // in order
	changes []byte
	edges   []sketchEdge // in order
}

type sketchEdge struct {
	from, to jitos.NodeID
	label    string
	key      string
	change   byte
}

func (s *Server) draw(ctx context.Context, at, against jitos.CommitID) ([]byte, error) {
	now, err := s.Store.Open(ctx, at)
	if err != nil {
		return nil, err
	}
	changed := map[string]byte{} // what differs, by item
	var gone []sketchEdge
	var lost []jitos.NodeID
	if against != "" {
		base, err := s.Store.Open(ctx, against)
		if err != nil {
			return nil, err
		}
		diff, err := s.Merger.DiffGraph(ctx, base, now)
		if err != nil {
			return nil, err
		}
		lost, gone = differences(diff, changed)
	}
	k := sketch{nodes: lost, edges: gone}
	for id, err := range s.Store.NodeIDs(ctx, now, "") {
		if err != nil {
			return nil, err
		}
		k.nodes = append(k.nodes, id)
	}
	for e, err := range s.Store.AllEdges(ctx, now) {
		if err != nil {
			return nil, err
		}
		one := sketchEdge{from: e.From, label: e.Label, to: e.To, key: e.Key}
		one.change = changed[one.name()]
		k.edges = append(k.edges, one)
	}
	slices.SortFunc(k.nodes, compareNodes)
	slices.SortFunc(k.edges, func(a, b sketchEdge) int {
		return cmp.Or(compareNodes(a.from, b.from), cmp.Compare(a.label, b.label), compareNodes(a.to, b.to), cmp.Compare(a.key, b.key))
	})
	for _, id := range k.nodes {
		k.changes = append(k.changes, changed[id.String()])
	}
	return k.bytes(), nil
}

func compareNodes(a, b jitos.NodeID) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
}

func (e sketchEdge) name() string {
	return e.from.String() + " " + e.label + " " + e.to.String() + " " + e.key
}

var changeCodes = map[string]byte{overlay.Added: 1, overlay.Changed: 2, overlay.Removed: 3}

// differences says what became of what differs, and returns what is not there any more.
func differences(diff overlay.GraphDiff, changed map[string]byte) (nodes []jitos.NodeID, edges []sketchEdge) {
	for _, n := range diff.Nodes {
		changed[string(n.ID)] = changeCodes[n.Op]
		if p, err := n.ID.Parse(); err == nil && n.Op == overlay.Removed {
			nodes = append(nodes, p.Node)
		}
	}
	for _, e := range diff.Edges {
		from, err := jitos.ParseNodeID(e.From)
		to, err2 := jitos.ParseNodeID(e.To)
		if err != nil || err2 != nil {
			continue
		}
		one := sketchEdge{from, to, e.Label, e.Key, changeCodes[e.Op]}
		changed[one.name()] = one.change
		if e.Op == overlay.Removed {
			edges = append(edges, one)
		}
	}
	return nodes, edges
}

// bytes lays the sketch out and writes the picture. Edges to what is not there are left out.
func (k sketch) bytes() []byte {
	index := make(map[jitos.NodeID]int, len(k.nodes))
	kinds := make([]string, len(k.nodes))
	for i, id := range k.nodes {
		index[id], kinds[i] = i, id.Kind
	}
	var edges []sketchEdge
	var pairs [][2]int
	for _, e := range k.edges {
		from, ok := index[e.from]
		to, ok2 := index[e.to]
		if ok && ok2 {
			edges, pairs = append(edges, e), append(pairs, [2]int{from, to})
		}
	}
	f := plant(kinds, pairs)
	spotOf := make([]uint32, len(k.nodes))
	for i, s := range f.spots {
		if s.node >= 0 {
			spotOf[s.node] = uint32(i)
		}
	}
	kindTable, labelTable := table{}, table{}
	kindOf, labelOf := make([]byte, len(f.spots)), make([]byte, len(edges))
	for i, s := range f.spots {
		if len(k.nodes) > 0 {
			kindOf[i] = kindTable.index(k.nodes[s.first].Kind)
		}
	}
	for i, e := range edges {
		labelOf[i] = labelTable.index(e.label)
	}
	out := append(make([]byte, 0, 64+len(f.spots)*60+len(edges)*10), pictureMagic...)
	u32 := func(list ...uint32) {
		for _, v := range list {
			out = binary.LittleEndian.AppendUint32(out, v)
		}
	}
	u32(uint32(len(f.spots)), uint32(len(edges)), uint32(len(kindTable.words)), uint32(len(labelTable.words)))
	for _, w := range append(kindTable.words, labelTable.words...) {
		u32(uint32(len(w)))
		out = append(out, w...)
	}
	for _, s := range f.spots {
		u32(uint32(int32(s.node)), uint32(int32(s.parent)), uint32(s.count))
	}
	for _, s := range f.spots {
		for _, v := range []float64{s.x, s.y, s.r, s.dotX, s.dotY} {
			out, _ = binary.Append(out, binary.LittleEndian, float32(v))
		}
	}
	for i, s := range f.spots {
		change := byte(0)
		if s.node >= 0 {
			change = k.changes[s.node]
		}
		out = append(out, kindOf[i], change)
	}
	for i := range edges {
		u32(spotOf[pairs[i][0]], spotOf[pairs[i][1]])
	}
	for i, e := range edges {
		out = append(out, labelOf[i], e.change)
	}
	for _, s := range f.spots {
		name := ""
		if len(k.nodes) > 0 {
			name = k.nodes[s.first].Name
		}
		out = binary.LittleEndian.AppendUint16(out, uint16(len(name)))
		out = append(out, name...)
	}
	return out
}

// table numbers words in the order in which they come.
type table struct {
	words []string
	known map[string]byte
}

func (t *table) index(word string) byte {
	if i, ok := t.known[word]; ok {
		return i
	}
	if t.known == nil {
		t.known = map[string]byte{}
	}
	if len(t.words) == 255 {
		t.words = append(t.words, "…")
	}
	if len(t.words) > 255 {
		t.known[word] = 255
		return 255
	}
	t.known[word] = byte(len(t.words))
	t.words = append(t.words, word)
	return t.known[word]
}
