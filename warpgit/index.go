package warpgit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// graphIndex answers what the trees of a fabric do not tell without a walk: which edges point to a node, which names begin with a
// word, which rewrite set an item last, how the tasks stand. It describes the head of the system line; any other WARP is
// looked up in it with the difference of the two trees beside (lookup.go).
//
// It is derived. On disk it is a chain of segments in <common>/jitos/index, each named by the two commits between which it
// knows the changes, the first from nothing: so no list of them is needed, and no lock. Whoever finds the chain end before
// the head reads the records between and goes on from there; a writer adds what it writes itself. When there are more than a
// few, the youngest are joined to one as long as the next is not much larger than all before it: a row is written again a
// few times in all. Files are replaced in one step and not synced. What is damaged, cut off, deleted, or of another clone or
// line is left aside, and made anew from the history.
//
// Keys are a letter, then parts with NUL between:
//
//	e to item         an edge to a node: the commit that set it
//	n name kind       a node: the commit that set it
//	s last name kind  the same by what follows the last "-" of its name
//	o id, z id        a task that is open, or has ended: its status and its intent
//
// The commit is 20 bytes, zero where it is beyond the edge of a shallow clone.
type graphIndex struct {
	store *Store // nil: it stays an index of nothing, and trees tell all
	dir   string // "": all is held in memory
	perm  perm
	clone func() string

	mu       sync.Mutex
	head     plumbing.Hash // what segments and recent describe; zero: nothing
	segments []*segment    // the oldest first
	recent   *changes      // since the last segment
	beside   [2]overlay    // edges and names of another WARP, see lookup.go
}

// changes are rows by their keys, from the end of a chain to the head.
type changes struct {
	from    plumbing.Hash
	rows    map[string]string
	gone    map[string]bool
	touched map[jitos.TaskID]bool // tasks whose rows are not up to date
	ended   int64
	commits int
}

func newChanges(from plumbing.Hash) *changes {
	return &changes{from: from, rows: map[string]string{}, gone: map[string]bool{}, touched: map[jitos.TaskID]bool{}}
}

// flushRows is how many rows are held in memory before they become a segment.
const flushRows = 1 << 16

func (c *changes) put(key, value string) {
	delete(c.gone, key)
	c.rows[key] = value
}

func (c *changes) drop(key string) {
	delete(c.rows, key)
	c.gone[key] = true
}

func edgeKey(to jitos.NodeID, item jitos.ItemID) string {
	return "e" + to.String() + "\x00" + string(item)
}

// nodeKeys are the keys of a node: by its name and, where that has parts, by the last.
func nodeKeys(id jitos.NodeID) []string {
	keys := []string{"n" + id.Name + "\x00" + id.Kind}
	if i := strings.LastIndexByte(id.Name, '-'); i >= 0 {
		keys = append(keys, "s"+id.Name[i+1:]+"\x00"+id.Name+"\x00"+id.Kind)
	}
	return keys
}

// node notes that a commit set a node, or dropped it.
func (c *changes) node(id jitos.NodeID, commit plumbing.Hash, gone bool) {
	for i, key := range nodeKeys(id) {
		switch {
		case gone:
			c.drop(key)
		case i == 0:
			c.put(key, string(commit[:]))
		default:
			c.put(key, "")
		}
	}
	if id.Kind == jitos.KindTask {
		c.touched[jitos.TaskID(id.Name)] = true
	}
}

// sorted are the rows whose keys begin with a prefix, in order.
func (c *changes) sorted(prefix string) []row {
	var rows []row
	for key, value := range c.rows {
		if strings.HasPrefix(key, prefix) {
			rows = append(rows, row{key: []byte(key), value: []byte(value)})
		}
	}
	for key := range c.gone {
		if strings.HasPrefix(key, prefix) {
			rows = append(rows, row{key: []byte(key), gone: true})
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return bytes.Compare(a.key, b.key) })
	return rows
}

// follow brings the index to the head of the system line.
func (x *graphIndex) follow(ctx context.Context) error {
	if x.store == nil && x.recent == nil {
		x.forget()
	}
	if x.store == nil {
		return nil
	}
	head, err := x.store.refs.read(string(jitos.SystemRef))
	if isNotFound(err) {
		if x.recent == nil || !x.head.IsZero() {
			x.forget()
		}
		return nil
	}
	if err != nil || x.recent != nil && head == x.head {
		return err
	}
	return x.healed(func() error { return x.catchUp(ctx, head) })
}

// healed does something that reads the index, once more where that was damaged.
func (x *graphIndex) healed(do func() error) error {
	err := do()
	if errors.Is(err, errSegment) {
		x.heal()
		err = do()
	}
	return err
}

// forget makes the index one of nothing.
func (x *graphIndex) forget() {
	for _, s := range x.segments {
		s.close()
	}
	x.segments, x.recent, x.head = nil, newChanges(plumbing.ZeroHash), plumbing.ZeroHash
	x.beside = [2]overlay{}
}

// heal removes the files: something is wrong with one of them.
func (x *graphIndex) heal() {
	x.forget()
	x.recent = nil
	if x.dir != "" {
		os.RemoveAll(x.dir)
	}
}

// catchUp goes back from a commit of the system line to one that the index knows, and forward again by the records.
func (x *graphIndex) catchUp(ctx context.Context, head plumbing.Hash) error {
	chains := x.onDisk()
	var missing []plumbing.Hash
	at, known := head, false
	for !at.IsZero() {
		if known = x.recent != nil && at == x.head && !x.head.IsZero(); known {
			break
		}
		if chain := chains.to(at); chain != nil {
			if known = x.load(chain, at) == nil; known {
				break
			}
		}
		missing = append(missing, at)
		v, err := x.store.Objects.Commit(ctx, at)
		if err != nil {
			return err
		}
		if at, err = x.store.firstParent(at, v); err != nil {
			return err
		}
	}
	if !known {
		x.forget()
	}
	for _, id := range slices.Backward(missing) {
		if err := x.take(ctx, id); err != nil {
			x.forget()
			x.recent = nil
			return err
		}
		if len(x.recent.rows)+len(x.recent.gone) >= flushRows {
			x.flush(ctx)
		}
	}
	x.beside = [2]overlay{}
	return nil
}

// firstParent is zero where there is none, or it is beyond the edge of a shallow clone.
func (s *Store) firstParent(id plumbing.Hash, c *object.Commit) (plumbing.Hash, error) {
	if len(c.ParentHashes) == 0 {
		return plumbing.ZeroHash, nil
	}
	edges, err := s.edges()
	if err != nil || slices.Contains(edges, id) {
		return plumbing.ZeroHash, err
	}
	return c.ParentHashes[0], nil
}

// take adds what a commit of the system line changed, by its record; the index stands at its first parent.
func (x *graphIndex) take(ctx context.Context, id plumbing.Hash) error {
	v, err := x.store.view(ctx, id)
	if err != nil {
		return err
	}
	parent, err := x.store.first(ctx, v)
	if err != nil {
		return err
	}
	before := plumbing.ZeroHash
	if parent != nil {
		before = parent.fabric
	}
	switch {
	case v.fabric == before: // nothing changed
	case parent == nil && len(v.commit.ParentHashes) > 0:
		err = x.takeAll(ctx, v)
	default:
		var record *jitos.Record
		if record, err = x.store.record(ctx, v); err == nil && record == nil {
			err = fmt.Errorf("commit %s: %w: no record", id, jitos.ErrCorrupt)
		}
		if err == nil {
			err = x.takeRecord(ctx, id, before, record)
		}
	}
	if err != nil {
		return err
	}
	x.head = id
	x.recent.commits++
	return nil
}

func (x *graphIndex) takeRecord(ctx context.Context, id, before plumbing.Hash, r *jitos.Record) error {
	x.recent.touched[r.Task] = true
	for item, blob := range r.Set {
		p, err := item.Parse()
		if err != nil {
			return err
		}
		switch {
		case p.File != "":
		case p.Label == "":
			x.recent.node(p.Node, id, false)
		default:
			to, err := x.target(ctx, p, plumbing.NewHash(string(blob)))
			if err != nil {
				return err
			}
			x.recent.put(edgeKey(to, item), string(id[:]))
		}
	}
	for _, item := range r.Drop {
		if err := x.takeDrop(ctx, before, item); err != nil {
			return err
		}
	}
	return nil
}

// takeDrop adds that an item went which was in the .jitos/ before.
func (x *graphIndex) takeDrop(ctx context.Context, before plumbing.Hash, item jitos.ItemID) error {
	p, err := item.Parse()
	if err != nil || p.File != "" {
		return err
	}
	if p.Label == "" {
		x.recent.node(p.Node, plumbing.ZeroHash, true)
		return nil
	}
	blob, err := x.store.Objects.item(ctx, before, p)
	if err != nil {
		return err
	}
	to, err := x.target(ctx, p, blob)
	if err != nil {
		return err
	}
	x.recent.drop(edgeKey(to, item))
	return nil
}

// target reads where an edge leads.
func (x *graphIndex) target(ctx context.Context, p jitos.ItemParts, blob plumbing.Hash) (jitos.NodeID, error) {
	data, err := x.store.Objects.Blob(ctx, blob)
	if err != nil {
		return jitos.NodeID{}, err
	}
	e, err := decodeEdge(p.Node, p.Label, p.Edge, data)
	return e.To, err
}

// takeAll adds a whole graph: that at the edge of a shallow clone.
func (x *graphIndex) takeAll(ctx context.Context, v *view) error {
	for _, family := range families {
		dir, err := x.store.Objects.child(ctx, v.fabric, family.dir)
		if err != nil {
			return err
		}
		unknown := string(make([]byte, 20))
		err = family.diff(x.store.Objects, ctx, plumbing.ZeroHash, dir, func(key string, _ bool) {
			x.recent.put(key, unknown)
			if name, ok := strings.CutSuffix(key, "\x00"+jitos.KindTask); ok && key[0] == 'n' {
				x.recent.touched[jitos.TaskID(name[1:])] = true
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// wrote adds rewrites that this process has just put on the system line, where the index is at the commit before them. It
// reads nothing but where dropped edges led, so it costs little; the files follow when there is enough, and at the end.
func (x *graphIndex) wrote(ctx context.Context, old plumbing.Hash, rewrites []jitos.Rewrite, ids []jitos.CommitID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.recent == nil || x.head != old {
		chain := x.onDisk().to(old)
		if old.IsZero() {
			x.forget()
		} else if chain == nil || x.load(chain, old) != nil {
			return
		}
	}
	for i, rw := range rewrites {
		id := plumbing.NewHash(string(ids[i]))
		if x.takeRewrite(ctx, id, rw) != nil {
			x.forget() // who looks something up reads the records
			x.recent = nil
			return
		}
		x.head = id
		x.recent.commits++
	}
	x.beside = [2]overlay{}
	if len(x.recent.rows)+len(x.recent.gone) >= flushRows {
		x.flush(ctx)
	}
}

func (x *graphIndex) takeRewrite(ctx context.Context, id plumbing.Hash, rw jitos.Rewrite) error {
	x.recent.touched[rw.Task] = true
	for _, n := range rw.Set {
		x.recent.node(n.ID, id, false)
	}
	for _, e := range rw.Edges {
		x.recent.put(edgeKey(e.To, e.Item()), string(id[:]))
	}
	if len(rw.Drop) == 0 {
		return nil
	}
	v, err := x.store.view(ctx, x.head)
	if err != nil {
		return err
	}
	for _, item := range rw.Drop {
		if err := x.takeDrop(ctx, v.fabric, item); err != nil {
			return err
		}
	}
	return nil
}

// settleTasks makes the rows of the tasks that were touched.
func (x *graphIndex) settleTasks(ctx context.Context) error {
	delete(x.recent.touched, "")
	if len(x.recent.touched) == 0 {
		return nil
	}
	at, err := x.store.open(ctx, commitID(x.head))
	if err != nil {
		return err
	}
	for id := range x.recent.touched {
		line := TaskLine{ID: id}
		v, err := jitos.ViewTask(ctx, at, id, x.clone())
		if err != nil && !isNotFound(err) {
			return err
		}
		line.Intent, line.Status = v.Task.Intent, v.Status
		_, was, gerr := x.get("z" + string(id))
		if gerr != nil {
			return gerr
		}
		x.recent.drop("o" + string(id))
		x.recent.drop("z" + string(id))
		if err == nil {
			value, err := taskRow(line)
			if err != nil {
				return err
			}
			if line.Ended() {
				x.recent.put("z"+string(id), value)
			} else {
				x.recent.put("o"+string(id), value)
			}
		}
		is := err == nil && line.Ended()
		if is && !was {
			x.recent.ended++
		} else if was && !is {
			x.recent.ended--
		}
		delete(x.recent.touched, id)
	}
	return nil
}

// Reindex makes the index anew from the history. Nothing needs it: what is missing or damaged is made anew when it is used.
func (r *Repo) Reindex(ctx context.Context) error {
	x := r.Store.index
	x.mu.Lock()
	defer x.mu.Unlock()
	x.heal()
	if err := x.follow(ctx); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	x.flush(ctx)
	return nil
}

// close keeps what this process learned.
func (x *graphIndex) close(ctx context.Context) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.flush(ctx)
	x.forget()
	x.recent = nil
}
