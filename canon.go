package jitos

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
)

// ---- Names ----

const maxName = 120

// CheckName says whether a string may be a name, a kind or a label: [a-z0-9][a-z0-9._-]{0,119}, no "..", not ending in "."
// or ".lock". So every name is a legal part of a path and of a ref on every system.
func CheckName(name string) error {
	ok := name != "" && len(name) <= maxName && !strings.Contains(name, "..") &&
		!strings.HasSuffix(name, ".") && !strings.HasSuffix(name, ".lock")
	for i := 0; ok && i < len(name); i++ {
		c := name[i]
		alnum := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		ok = alnum || i > 0 && (c == '.' || c == '_' || c == '-')
	}
	if !ok {
		return fmt.Errorf("name %q: %w: want lower case letters, digits, '.', '_' and '-', a letter or digit first, at most %d",
			name, ErrInvalid, maxName)
	}
	return nil
}

var base32Lower = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// random fills b; tests pin it.
var random = rand.Read

// NewName makes a name: a slug of the words and eight random base-32 characters.
func NewName(words string) string {
	var b [5]byte
	if _, err := random(b[:]); err != nil {
		panic(err) // crypto/rand never fails
	}
	return slug(words) + "-" + base32Lower.EncodeToString(b[:])
}

// DerivedName makes a name as NewName does, its last part a hash of what it is derived from: equal content, equal name.
func DerivedName(words string, from ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(from, "\x00")))
	return slug(words) + "-" + base32Lower.EncodeToString(sum[:5])
}

// slug keeps the letters and digits of the words, at most 40 bytes, cut at a word's end where there is one.
func slug(words string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(words) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	s := strings.Trim(b.String(), "-")
	if len(s) > 40 {
		s = s[:40]
		if i := strings.LastIndexByte(s, '-'); i > 20 {
			s = s[:i]
		}
		s = strings.Trim(s, "-")
	}
	if s == "" {
		s = "x"
	}
	return s
}

// ---- Ids ----

func (id NodeID) String() string { return id.Kind + "/" + id.Name }

// Item is the node as an item of a rewrite.
func (id NodeID) Item() ItemID { return ItemID(id.String()) }

// ParseNodeID reads "kind/name".
func ParseNodeID(s string) (NodeID, error) {
	kind, name, ok := strings.Cut(s, "/")
	if !ok {
		return NodeID{}, fmt.Errorf("node %q: %w: want kind/name", s, ErrInvalid)
	}
	id := NodeID{kind, name}
	return id, id.Check()
}

// Check says whether both parts are names.
func (id NodeID) Check() error {
	if err := CheckName(id.Kind); err != nil {
		return fmt.Errorf("kind of node %s: %w", id, err)
	}
	return CheckName(id.Name)
}

// EdgeID is the id of an edge among those of one source and label: the first 32 hex digits of
// SHA-256(to-kind NUL to NUL key).
func (e Edge) EdgeID() string {
	sum := sha256.Sum256([]byte(e.To.Kind + "\x00" + e.To.Name + "\x00" + e.Key))
	return hex.EncodeToString(sum[:16])
}

// Item is the edge as an item of a rewrite.
func (e Edge) Item() ItemID { return ItemID(e.From.String() + "#" + e.Label + "/" + e.EdgeID()) }

// FabricItem is a file below .jitos/ as an item of a rewrite.
func FabricItem(path string) ItemID { return ItemID("./" + path) }

// ItemParts is an ItemID taken apart. Label and Edge are "" for a node; File is set for a file of the fabric, alone.
type ItemParts struct {
	Node        NodeID
	Label, Edge string
	File        string
}

// Parse takes an item apart.
func (i ItemID) Parse() (ItemParts, error) {
	s := string(i)
	if file, ok := strings.CutPrefix(s, "./"); ok {
		legal := file == "policy.yaml" || file == "fabric.json" || strings.HasPrefix(file, "methods/") && strings.HasSuffix(file, ".yaml") &&
			CheckName(strings.TrimPrefix(file, "methods/")) == nil
		if !legal {
			return ItemParts{}, fmt.Errorf("item %q: %w: no such file of the fabric", s, ErrInvalid)
		}
		return ItemParts{File: file}, nil
	}
	node, edge, isEdge := strings.Cut(s, "#")
	id, err := ParseNodeID(node)
	if err != nil {
		return ItemParts{}, err
	}
	p := ItemParts{Node: id}
	if !isEdge {
		return p, nil
	}
	p.Label, p.Edge, _ = strings.Cut(edge, "/")
	if err := CheckName(p.Label); err != nil {
		return ItemParts{}, fmt.Errorf("label of edge %q: %w", s, err)
	}
	if raw, err := hex.DecodeString(p.Edge); err != nil || len(raw) != 16 || strings.ToLower(p.Edge) != p.Edge {
		return ItemParts{}, fmt.Errorf("edge %q: %w: want 32 hex digits after the label", s, ErrInvalid)
	}
	return p, nil
}

// ---- Paths ----

// MatchPath tells whether a path matches a pattern: path.Match for each part, "**" for any number of parts. A pattern
// that names a directory matches all below it. A malformed pattern matches nothing.
func MatchPath(pattern, name string) bool {
	return matchParts(strings.Split(strings.TrimPrefix(pattern, "./"), "/"), strings.Split(name, "/"))
}

func matchParts(pattern, name []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "**" || pattern[0] == "." {
			if len(pattern) == 1 {
				return true
			}
			for i := range len(name) + 1 {
				if matchParts(pattern[1:], name[i:]) {
					return true
				}
			}
			return false
		}
		if len(name) == 0 {
			return false
		}
		if ok, err := path.Match(pattern[0], name[0]); err != nil || !ok {
			return false
		}
		pattern, name = pattern[1:], name[1:]
	}
	return true // all of the pattern is used: an equal path, or something below it
}

// ---- Records ----

// MakeNode makes a node of a stored record.
func MakeNode(id NodeID, record any) (Node, error) {
	raw, err := json.Marshal(record)
	if err != nil {
		return Node{}, fmt.Errorf("node %s: %w", id, err)
	}
	fields, err := DecodeFields(raw)
	if err != nil {
		return Node{}, fmt.Errorf("node %s: %w", id, err)
	}
	return Node{ID: id, Fields: fields}, nil
}

// DecodeFields reads one JSON object as the fields of a node.
func DecodeFields(raw []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil {
		return nil, fmt.Errorf("%w: not a JSON object: %v", ErrInvalid, err)
	}
	if fields == nil || d.More() {
		return nil, fmt.Errorf("%w: want one JSON object", ErrInvalid)
	}
	return fields, nil
}

// Decode reads the node's fields into a stored record.
func (n Node) Decode(record any) error {
	raw, err := json.Marshal(n.Fields)
	if err == nil {
		err = json.Unmarshal(raw, record)
	}
	if err != nil {
		return fmt.Errorf("node %s: %w: %v", n.ID, ErrCorrupt, err)
	}
	return nil
}

// decodeRecord reads a stored record from the bytes of its node, which are one JSON object.
func decodeRecord(id NodeID, raw []byte, record any) error {
	err := errors.New("not a JSON object")
	if text := bytes.TrimLeft(raw, " \t\r\n"); len(text) > 0 && text[0] == '{' {
		err = json.Unmarshal(raw, record)
	}
	if err != nil {
		return fmt.Errorf("node %s: %w: %v", id, ErrCorrupt, err)
	}
	return nil
}

// HashOf is the hash of a value's canonical bytes, by which definitions, answers and contents are named: 32 hex digits.
func HashOf(v any) string {
	raw, err := Canonical(v)
	if err != nil {
		raw = []byte(err.Error())
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:16])
}
