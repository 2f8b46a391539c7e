package warpgit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// tip is the end of a line while rewrites are added to it: what the next one builds on, without reading it again.
type tip struct {
	id     plumbing.Hash // zero before the birth
	fabric plumbing.Hash
	files  tree
	tree   plumbing.Hash // the hash of files
	treeID jitos.TreeID  // the same
	seq    int64
	record plumbing.Hash // its rewrite.json
	root   plumbing.Hash // its root tree
}

// Append implements jitos.Store. The birth is a rewrite of the rule "birth" on parent "", with the file fabric.json.
func (s *Store) Append(ctx context.Context, ref jitos.Ref, old, parent jitos.CommitID, rewrites ...jitos.Rewrite) ([]jitos.CommitID, error) {
	ids, err := s.append(ctx, ref, old, parent, rewrites)
	if err != nil {
		return nil, fmt.Errorf("append to %s: %w", ref, err)
	}
	return ids, nil
}

func (s *Store) append(ctx context.Context, ref jitos.Ref, old, parent jitos.CommitID, rewrites []jitos.Rewrite) ([]jitos.CommitID, error) {
	if err := checkFabricRef(ref); err != nil {
		return nil, err
	}
	if s.asOf != "" {
		return nil, fmt.Errorf("%w: what was is only looked at", jitos.ErrDenied)
	}
	oldID, err := optionalID(old)
	if err != nil {
		return nil, err
	}
	if err := s.expect(string(ref), oldID); err != nil {
		return nil, err
	}
	if len(rewrites) == 0 && strings.HasPrefix(string(ref), jitos.ArchivePrefix) {
		return nil, s.moveMonth(ctx, string(ref), oldID, parent)
	}
	t, err := s.tipAt(ctx, parent, len(rewrites) == 0)
	if err != nil {
		return nil, err
	}
	c, err := s.chain(ctx, t, rewrites)
	if err != nil {
		return nil, err
	}
	tip := c.tip.id
	if ref == jitos.SystemRef && s.sign != nil && (len(rewrites) > 0 || s.isStaged(tip)) { // not what came from elsewhere
		if err := s.signTip(ctx, c); err != nil {
			return nil, err
		}
	}
	if c.tip.id == tip || len(rewrites) > 0 {
		c.roots = append(c.roots, t.id)
	}
	if err := s.publish(ctx, string(ref), oldID, c.tip.id, c.layer, c.roots...); err != nil {
		return c.ids, err
	}
	if ref == jitos.SystemRef {
		line := s.takeStaged(t.id)
		if n := len(line.ids); n > 0 && len(rewrites) == 0 && c.tip.id != tip {
			line.ids[n-1], c.ids = c.ids[0], nil
		}
		s.index.wrote(ctx, line.parent, append(line.rewrites, rewrites...), append(line.ids, c.ids...))
		if c.tip.id != tip && len(rewrites) == 0 {
			c.ids = []jitos.CommitID{commitID(c.tip.id)}
		}
	}
	return c.ids, nil
}

// moveMonth moves a month of the archive to one of its commits, which have no files and so are no WARP.
func (s *Store) moveMonth(ctx context.Context, ref string, old plumbing.Hash, tip jitos.CommitID) error {
	id, err := parseID(tip)
	if err != nil {
		return err
	}
	c, err := s.Objects.Commit(ctx, id)
	if err != nil {
		return err
	}
	if c.TreeHash != EmptyTree {
		return fmt.Errorf("%s: %w: a month of the archive has no files", tip, jitos.ErrInvalid)
	}
	return s.publish(ctx, ref, old, id, nil, id)
}

func (s *Store) isStaged(tip plumbing.Hash) bool {
	s.stagedMu.Lock()
	defer s.stagedMu.Unlock()
	_, ok := s.staged[tip]
	return ok
}

// stagedLine is what one Stage put on a parent: the index is told of it when a ref leads there.
type stagedLine struct {
	parent   plumbing.Hash
	rewrites []jitos.Rewrite
	ids      []jitos.CommitID
}

// takeStaged returns, as one, what was staged up to a tip, and forgets it.
func (s *Store) takeStaged(tip plumbing.Hash) stagedLine {
	s.stagedMu.Lock()
	defer s.stagedMu.Unlock()
	line := stagedLine{parent: tip}
	for l, ok := s.staged[tip]; ok; l, ok = s.staged[line.parent] {
		delete(s.staged, line.parent)
		line = stagedLine{l.parent, append(l.rewrites, line.rewrites...), append(l.ids, line.ids...)}
	}
	return line
}

// Stage implements jitos.Store.
func (s *Store) Stage(ctx context.Context, parent jitos.CommitID, rewrites ...jitos.Rewrite) (jitos.Snapshot, error) {
	t, err := s.tipAt(ctx, parent, len(rewrites) == 0)
	if err != nil {
		return nil, fmt.Errorf("stage on %s: %w", parent, err)
	}
	c, err := s.chain(ctx, t, rewrites)
	if err != nil {
		return nil, fmt.Errorf("stage on %s: %w", parent, err)
	}
	s.Objects.merge(c.layer)
	s.stagedMu.Lock()
	if s.staged == nil || len(s.staged) > 1000 { // what no ref came to lead to
		s.staged = map[plumbing.Hash]stagedLine{}
	}
	s.staged[c.tip.id] = stagedLine{t.id, slices.Clone(rewrites), c.ids}
	s.stagedMu.Unlock()
	return s.Open(ctx, commitID(c.tip.id))
}

// chain is a line of commits in a layer.
type chain struct {
	layer *Objects
	tip   tip
	ids   []jitos.CommitID
	roots []plumbing.Hash // what they lead to beyond the layer and what the line begins with
}

// chain makes rewrites on a tip.
func (s *Store) chain(ctx context.Context, t tip, rewrites []jitos.Rewrite) (*chain, error) {
	who, err := s.committer(ctx)
	if err != nil {
		return nil, err
	}
	c := &chain{layer: s.Objects.layer(10 * len(rewrites)), tip: t, ids: make([]jitos.CommitID, 0, len(rewrites))}
	for _, rw := range rewrites {
		if c.tip, err = s.write(ctx, c.layer, c.tip, rw, who, &c.roots); err != nil {
			return nil, fmt.Errorf("%s: %w", rw.Rule, err)
		}
		c.ids = append(c.ids, commitID(c.tip.id))
	}
	return c, nil
}

// expect saves the work where the ref has moved already; the move itself looks again.
func (s *Store) expect(ref string, old plumbing.Hash) error {
	at, err := s.refs.read(ref)
	if err != nil && !isNotFound(err) {
		return err
	}
	if at != old {
		return staleRef(ref, old, at)
	}
	return nil
}

// publish makes durable what was put into a layer and what is staged of roots, and moves the ref to new.
func (s *Store) publish(ctx context.Context, ref string, old, new plumbing.Hash, layer *Objects, roots ...plumbing.Hash) error {
	f, err := s.Objects.flush(ctx, layer, roots...)
	if err != nil {
		return err
	}
	err = s.refs.move(ctx, ref, old, new)
	return errors.Join(err, s.Objects.settle(f, err == nil))
}

// tipAt reads the commit to build on.
func (s *Store) tipAt(ctx context.Context, parent jitos.CommitID, bare bool) (tip, error) {
	if parent == "" {
		if bare {
			return tip{}, fmt.Errorf("%w: neither a parent nor a rewrite", jitos.ErrInvalid)
		}
		return tip{tree: EmptyTree, treeID: treeID(EmptyTree)}, nil
	}
	id, err := parseID(parent)
	if err != nil {
		return tip{}, err
	}
	v, err := s.view(ctx, id)
	if err != nil {
		return tip{}, err
	}
	st, err := s.standing(ctx, v)
	if err != nil {
		return tip{}, err
	}
	if !st.fabric {
		return tip{}, fmt.Errorf("parent %s: %w: not a commit of a fabric", parent, jitos.ErrInvalid)
	}
	t := tip{id: v.id, fabric: v.fabric, files: v.files, tree: v.tree, treeID: treeID(v.tree), root: v.commit.TreeHash}
	if t.record, err = s.Objects.child(ctx, v.fabric, rewriteFile); err != nil {
		return t, err
	}
	record, err := s.record(ctx, v)
	if err != nil {
		return t, err
	}
	t.seq = record.Seq
	return t, nil
}

// write makes one rewrite on a tip, in a layer. What the commit leads to beyond the tip and the layer is added to roots.
func (s *Store) write(ctx context.Context, layer *Objects, t tip, rw jitos.Rewrite, who object.Signature, roots *[]plumbing.Hash) (tip, error) {
	if err := s.checkRewrite(t, rw); err != nil {
		return t, err
	}
	c, err := stageItems(layer, rw)
	if err != nil {
		return t, err
	}
	if err := checkDropped(ctx, layer, s.index, t.fabric, c); err != nil {
		return t, err
	}
	next := tip{seq: t.seq + 1, files: t.files, tree: t.tree, treeID: t.treeID}
	if rw.Tree != "" && rw.Tree != t.treeID {
		if next.files, next.tree, err = s.userFiles(ctx, rw.Tree); err != nil {
			return t, err
		}
		next.treeID = rw.Tree
		*roots = append(*roots, next.tree)
	}
	if c.record, err = layer.putRecord(c.recordOf(rw, next), t.record); err != nil {
		return t, err
	}
	next.record = c.record
	if next.fabric, err = layer.change(ctx, t.fabric, c); err != nil {
		return t, err
	}
	commit := &object.Commit{Committer: who, Author: object.Signature{When: who.When}}
	commit.Author.Name, commit.Author.Email = person(rw.Actor)
	if commit.Message, err = message(rw); err != nil {
		return t, err
	}
	if !t.id.IsZero() {
		commit.ParentHashes = append(commit.ParentHashes, t.id)
	}
	for _, p := range rw.Parents {
		id, err := parseID(p)
		if err != nil {
			return t, err
		}
		if _, err := s.Objects.Commit(ctx, id); err != nil {
			return t, fmt.Errorf("parent: %w", err)
		}
		commit.ParentHashes = append(commit.ParentHashes, id)
		*roots = append(*roots, id)
	}
	root := leafChange{Name: fabricDir, Mode: filemode.Dir, Hash: next.fabric}
	commit.TreeHash, err = layer.putOwn(plumbing.TreeObject, next.files.with(layer.take(len(next.files)+entrySize(len(fabricDir))), root), t.root)
	if err != nil {
		return t, err
	}
	next.root = commit.TreeHash
	size := 400 + len(commit.Message) + 48*len(commit.ParentHashes)
	raw := encodeCommit(layer.take(size), commit)
	if rw.Sign && s.sign != nil {
		if raw, err = s.signedBytes(ctx, raw); err != nil {
			return t, err
		}
	}
	next.id, err = layer.putOwn(plumbing.CommitObject, raw, t.id)
	return next, err
}

func (s *Store) checkRewrite(t tip, rw jitos.Rewrite) error {
	birth := t.id.IsZero()
	switch {
	case jitos.CheckName(rw.Rule) != nil:
		return fmt.Errorf("rule %q: %w", rw.Rule, jitos.CheckName(rw.Rule))
	case oneLine(rw.Actor) == "":
		return fmt.Errorf("%w: no actor", jitos.ErrInvalid)
	case birth != (rw.Rule == jitos.RuleBirth):
		return fmt.Errorf("%w: a fabric begins with its birth, once", jitos.ErrInvalid)
	case birth && rw.Fabric[fabricFile] == nil:
		return fmt.Errorf("%w: the birth needs %s", jitos.ErrInvalid, fabricFile)
	case !birth && rw.Fabric[fabricFile] != nil:
		return fmt.Errorf("%w: %s stays as it was born", jitos.ErrInvalid, fabricFile)
	}
	if birth {
		_, err := parseFabricFile(rw.Fabric[fabricFile])
		return err
	}
	return nil
}

// stageItems puts the blobs of a rewrite. The same item twice is refused, unless it is twice the same.
func stageItems(layer *Objects, rw jitos.Rewrite) (change, error) {
	c := change{set: make([]itemBlob, 0, len(rw.Set)+len(rw.Edges)+len(rw.Fabric)), drop: slices.Clone(rw.Drop)}
	put := func(item jitos.ItemID, to jitos.NodeID, data []byte, err error) error {
		if err != nil {
			return err
		}
		id, err := layer.putOwn(plumbing.BlobObject, data, plumbing.ZeroHash)
		c.set = append(c.set, itemBlob{item, id, to})
		return err
	}
	for _, n := range rw.Set {
		data, err := encodeNode(n)
		if err := put(n.ID.Item(), jitos.NodeID{}, data, err); err != nil {
			return c, err
		}
	}
	for _, e := range rw.Edges {
		data, err := encodeEdge(e)
		if err := put(e.Item(), e.To, data, err); err != nil {
			return c, err
		}
	}
	for name, data := range rw.Fabric {
		if data == nil {
			c.drop = append(c.drop, jitos.FabricItem(name))
			continue
		}
		if err := put(jitos.FabricItem(name), jitos.NodeID{}, slices.Clone(data), nil); err != nil {
			return c, err
		}
	}
	slices.Sort(c.drop)
	return c, c.sort()
}

// userFiles reads a file tree that is to become a commit's.
func (s *Store) userFiles(ctx context.Context, id jitos.TreeID) (tree, plumbing.Hash, error) {
	hash, err := parseID(id)
	if err != nil {
		return nil, hash, err
	}
	files, err := s.Objects.tree(ctx, hash)
	if err != nil {
		return nil, hash, fmt.Errorf("file tree: %w", err)
	}
	if _, ok := files.find(fabricDir); ok {
		return nil, hash, fmt.Errorf("file tree %s: %w: it has a %s of its own", id, jitos.ErrInvalid, fabricDir)
	}
	return files, hash, nil
}

func (c change) recordOf(rw jitos.Rewrite, next tip) jitos.Record {
	r := jitos.Record{Seq: next.seq, Rule: rw.Rule, Version: ruleVersion(rw.Rule), Actor: oneLine(rw.Actor), Task: rw.Task,
		Process: rw.Process, Reads: rw.Reads, Drop: c.drop, Tree: next.treeID}
	if len(c.set) > 0 {
		r.Set = make(map[jitos.ItemID]jitos.BlobID, len(c.set))
		for _, s := range c.set {
			r.Set[s.item] = jitos.BlobID(s.blob.String())
		}
	}
	return r
}

// ruleVersion is 1 for rules that the kernel does not know: those of a library of somebody's.
func ruleVersion(rule string) int { return max(1, jitos.RuleVersion(rule)) }

// putRecord stages a rewrite.json in the place of the one before.
func (o *Objects) putRecord(r jitos.Record, former plumbing.Hash) (plumbing.Hash, error) {
	data, err := jitos.Canonical(r)
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("record: %w", err)
	}
	return o.putOwn(plumbing.BlobObject, data, former)
}

func (s *Store) committer(ctx context.Context) (object.Signature, error) {
	who, err := s.who(ctx)
	if err != nil {
		return object.Signature{}, fmt.Errorf("who commits: %w", err)
	}
	name, address := person(who)
	return object.Signature{Name: name, Email: address, When: s.now()}, nil
}

// Archive implements jitos.Store. The month is that of now, in UTC. A tip that is among the last of its month is not added
// again.
func (s *Store) Archive(ctx context.Context, tip jitos.CommitID, what string) error {
	err := s.archive(ctx, tip, what)
	if err != nil {
		return fmt.Errorf("archive %s: %w", tip, err)
	}
	return nil
}

func (s *Store) archive(ctx context.Context, tip jitos.CommitID, what string) error {
	id, err := parseID(tip)
	if err != nil {
		return err
	}
	if _, err := s.Objects.Commit(ctx, id); err != nil {
		return err
	}
	for try := 0; ; try++ {
		ref := jitos.ArchivePrefix + s.now().UTC().Format("2006-01")
		head, err := s.refs.read(ref)
		if err != nil && !isNotFound(err) {
			return err
		}
		if done, err := s.archived(ctx, head, id); done || err != nil {
			return err
		}
		next, err := s.archiveEntry(ctx, head, id, what)
		if err != nil {
			return err
		}
		err = s.publish(ctx, ref, head, next, nil, next)
		if !errors.Is(err, jitos.ErrStale) || try == 20 {
			return err
		}
	}
}

// archived looks at the youngest entries of a chain.
func (s *Store) archived(ctx context.Context, head, tip plumbing.Hash) (bool, error) {
	for range 64 {
		if head.IsZero() {
			return false, nil
		}
		c, err := s.Objects.Commit(ctx, head)
		if err != nil {
			return false, err
		}
		if len(c.ParentHashes) < 2 {
			return false, nil
		}
		if c.ParentHashes[1] == tip {
			return true, nil
		}
		head = c.ParentHashes[0]
	}
	return false, nil
}

// archiveEntry stages a commit that holds on to tip. The first of a month comes after one that begins the chain, so that a
// tip is the second parent always.
func (s *Store) archiveEntry(ctx context.Context, head, tip plumbing.Hash, what string) (plumbing.Hash, error) {
	who, err := s.committer(ctx)
	if err != nil {
		return head, err
	}
	empty, err := s.Objects.PutTree(nil)
	if err != nil {
		return head, err
	}
	if head.IsZero() {
		text := "archive: " + s.now().UTC().Format("January 2006") + "\n"
		if head, err = s.Objects.PutCommit(&object.Commit{Author: who, Committer: who, TreeHash: empty, Message: text}); err != nil {
			return head, err
		}
	}
	subject, _ := shorten("archive: "+oneLine(what), subjectLength)
	return s.Objects.PutCommit(&object.Commit{Author: who, Committer: who, TreeHash: empty, Message: subject + "\n",
		ParentHashes: []plumbing.Hash{head, tip}})
}

// Now is the time that the next commit would have.
func (s *Store) Now() time.Time { return s.now() }

// clock is the time of the commits. JITOS_NOW pins it to a second since 1970, for scripts whose output must not change.
func clock(now string) (func() time.Time, error) {
	if now == "" {
		return time.Now, nil
	}
	var sec int64
	if _, err := fmt.Sscanf(now, "%d", &sec); err != nil {
		return nil, fmt.Errorf("JITOS_NOW=%s: %w: want seconds since 1970", now, jitos.ErrInvalid)
	}
	return func() time.Time { return time.Unix(sec, 0).UTC() }, nil
}
