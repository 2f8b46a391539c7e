package warpgit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/jitos/jitos"
)

// tip is the end of a line while rewrites are added to it: what the next one builds on, without reading it again.
type tip struct {
	id     plumbing.Hash // zero before the birth
	fabric plumbing.Hash
	files  []object.TreeEntry
	tree   plumbing.Hash
	seq    int64
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
	oldID, err := optionalID(old)
	if err != nil {
		return nil, err
	}
	if err := s.expect(string(ref), oldID); err != nil {
		return nil, err
	}
	t, err := s.tipAt(ctx, parent, len(rewrites) == 0)
	if err != nil {
		return nil, err
	}
	who, err := s.committer(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]jitos.CommitID, 0, len(rewrites))
	for _, rw := range rewrites {
		if t, err = s.write(ctx, t, rw, who); err != nil {
			return nil, fmt.Errorf("%s: %w", rw.Rule, err)
		}
		ids = append(ids, commitID(t.id))
	}
	return ids, s.publish(ctx, string(ref), oldID, t.id)
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

// publish makes durable what is staged and what new leads to, and moves the ref.
func (s *Store) publish(ctx context.Context, ref string, old, new plumbing.Hash) error {
	f, err := s.Objects.flush(ctx, new)
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
		return tip{tree: EmptyTree}, nil
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
	record, err := s.record(ctx, v)
	if err != nil {
		return tip{}, err
	}
	return tip{id, v.fabric, v.files, v.tree, record.Seq}, nil
}

// write stages one rewrite on a tip.
func (s *Store) write(ctx context.Context, t tip, rw jitos.Rewrite, who object.Signature) (tip, error) {
	if err := s.checkRewrite(t, rw); err != nil {
		return t, err
	}
	c, err := s.stageItems(rw)
	if err != nil {
		return t, err
	}
	if err := checkDropped(ctx, s.Objects, s.index, t.fabric, c); err != nil {
		return t, err
	}
	next := tip{seq: t.seq + 1, files: t.files, tree: t.tree}
	if next.fabric, err = s.Objects.change(ctx, t.fabric, c); err != nil {
		return t, err
	}
	if rw.Tree != "" && rw.Tree != treeID(t.tree) {
		if next.files, next.tree, err = s.userFiles(ctx, rw.Tree); err != nil {
			return t, err
		}
	}
	record := c.record(rw, next)
	if next.fabric, err = s.Objects.withRecord(ctx, next.fabric, record); err != nil {
		return t, err
	}
	root, err := s.Objects.PutTree(with(next.files, fabricDir, filemode.Dir, next.fabric))
	if err != nil {
		return t, err
	}
	text, err := message(rw)
	if err != nil {
		return t, err
	}
	commit := &object.Commit{Committer: who, TreeHash: root, Message: text}
	commit.Author = object.Signature{When: who.When}
	commit.Author.Name, commit.Author.Email = person(rw.Actor)
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
	}
	next.id, err = s.Objects.PutCommit(commit)
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

// stageItems writes the blobs of a rewrite. The same item twice is refused, unless it is twice the same.
func (s *Store) stageItems(rw jitos.Rewrite) (change, error) {
	c := change{set: map[jitos.ItemID]plumbing.Hash{}, drop: slices.Clone(rw.Drop)}
	put := func(item jitos.ItemID, data []byte, err error) error {
		if err != nil {
			return err
		}
		id, err := s.Objects.PutBlob(data)
		if err != nil {
			return err
		}
		if was, twice := c.set[item]; twice && was != id {
			return fmt.Errorf("item %s: %w: set twice in one rewrite", item, jitos.ErrInvalid)
		}
		c.set[item] = id
		return nil
	}
	for _, n := range rw.Set {
		data, err := encodeNode(n)
		if err := put(n.ID.Item(), data, err); err != nil {
			return c, err
		}
	}
	for _, e := range rw.Edges {
		data, err := encodeEdge(e)
		if err := put(e.Item(), data, err); err != nil {
			return c, err
		}
	}
	for name, data := range rw.Fabric {
		if data == nil {
			c.drop = append(c.drop, jitos.FabricItem(name))
			continue
		}
		if err := put(jitos.FabricItem(name), data, nil); err != nil {
			return c, err
		}
	}
	slices.Sort(c.drop)
	return c, nil
}

// userFiles reads a file tree that is to become a commit's.
func (s *Store) userFiles(ctx context.Context, tree jitos.TreeID) ([]object.TreeEntry, plumbing.Hash, error) {
	id, err := parseID(tree)
	if err != nil {
		return nil, id, err
	}
	files, err := s.Objects.Tree(ctx, id)
	if err != nil {
		return nil, id, fmt.Errorf("file tree: %w", err)
	}
	if _, ok := find(files, fabricDir); ok {
		return nil, id, fmt.Errorf("file tree %s: %w: it has a %s of its own", tree, jitos.ErrInvalid, fabricDir)
	}
	return files, id, nil
}

func (c change) record(rw jitos.Rewrite, next tip) jitos.Record {
	r := jitos.Record{Seq: next.seq, Rule: rw.Rule, Version: ruleVersion(rw.Rule), Actor: oneLine(rw.Actor), Task: rw.Task,
		Process: rw.Process, Reads: rw.Reads, Drop: c.drop, Tree: treeID(next.tree)}
	if len(c.set) > 0 {
		r.Set = make(map[jitos.ItemID]jitos.BlobID, len(c.set))
		for item, blob := range c.set {
			r.Set[item] = jitos.BlobID(blob.String())
		}
	}
	return r
}

// ruleVersion is 1 for rules that the kernel does not know: those of a library of somebody's.
func ruleVersion(rule string) int { return max(1, jitos.RuleVersion(rule)) }

// withRecord puts a record into a .jitos/ tree.
func (o *Objects) withRecord(ctx context.Context, fabric plumbing.Hash, r jitos.Record) (plumbing.Hash, error) {
	data, err := jitos.Canonical(r)
	if err != nil {
		return fabric, fmt.Errorf("record: %w", err)
	}
	blob, err := o.PutBlob(data)
	if err != nil {
		return fabric, err
	}
	entries, err := o.Tree(ctx, fabric)
	if err != nil {
		return fabric, err
	}
	return o.PutTree(with(entries, rewriteFile, filemode.Regular, blob))
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
		err = s.publish(ctx, ref, head, next)
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
