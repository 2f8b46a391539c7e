package gogit

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-git/go-billy/v5/osfs"
	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	gitcache "github.com/go-git/go-git/v5/plumbing/cache"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage"
	"github.com/go-git/go-git/v5/storage/filesystem"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit"
)

// openGogit opens a repository with go-git, on our storage.
func openGogit(t testing.TB, r *warpgit.Repo) *git.Repository {
	t.Helper()
	g, err := git.Open(Storer(r), nil)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// commitBy stages a commit of one file with go-git's own types, and returns its id.
func commitBy(t testing.TB, s storage.Storer, text string, parents ...plumbing.Hash) plumbing.Hash {
	t.Helper()
	set := func(e interface {
		Encode(plumbing.EncodedObject) error
	}) plumbing.Hash {
		o := s.NewEncodedObject()
		if err := e.Encode(o); err != nil {
			t.Error(err)
		}
		id, err := s.SetEncodedObject(o)
		if err != nil {
			t.Error(err)
		}
		return id
	}
	blob := s.NewEncodedObject()
	blob.SetType(plumbing.BlobObject)
	w, err := blob.Writer()
	if err == nil {
		_, err = w.Write([]byte(text + "\n"))
	}
	if err != nil {
		t.Error(err)
	}
	file, err := s.SetEncodedObject(blob)
	if err != nil {
		t.Error(err)
	}
	tree := set(&object.Tree{Entries: []object.TreeEntry{{Name: "file.txt", Mode: filemode.Regular, Hash: file}}})
	who := object.Signature{Name: "Ada", Email: "ada@example.org", When: pinned}
	return set(&object.Commit{Author: who, Committer: who, Message: text + "\n", TreeHash: tree, ParentHashes: parents})
}

// go-git's own storage is the oracle: both read the same repository, loose objects and packs with deltas, loose and packed and
// symbolic refs, ours and git's, object for object and ref for ref.
func TestStorer_againstGogit(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	fabric(t, r, 5)
	for i := range 6 {
		write(t, dir, "src/main.go", strings.Repeat(fmt.Sprintf("line %d\n", i), 40))
		run(t, dir, "commit", "-q", "-am", fmt.Sprint("change ", i))
		if i == 3 {
			run(t, dir, "tag", "-a", "-m", "a tag", "v1")
			run(t, dir, "repack", "-q", "-a", "-d", "-f")
			run(t, dir, "pack-refs", "--all")
		}
	}
	run(t, dir, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/heads/main")
	run(t, dir, "update-ref", "refs/bisect/bad", "HEAD") // of this worktree alone
	ours := Storer(openDir(t, dir))                      // another than r: that has staged objects which git has collected
	theirs := filesystem.NewStorage(osfs.New(filepath.Join(dir, ".git")), gitcache.NewObjectLRUDefault())
	everything := func(s storage.Storer) map[string]string {
		all := map[string]string{}
		objects, err := s.IterEncodedObjects(plumbing.AnyObject)
		if err != nil {
			t.Fatal(err)
		}
		err = objects.ForEach(func(e plumbing.EncodedObject) error {
			data, err := readAll(e)
			size, serr := s.EncodedObjectSize(e.Hash())
			all[e.Hash().String()] = fmt.Sprint(e.Type(), size, e.Size(), string(data))
			return errors.Join(err, serr, s.HasEncodedObject(e.Hash()))
		})
		if err != nil {
			t.Fatal(err)
		}
		refs, err := s.IterReferences()
		if err != nil {
			t.Fatal(err)
		}
		err = refs.ForEach(func(ref *plumbing.Reference) error {
			if !strings.HasPrefix(ref.Name().String(), "refs/bisect/") {
				all[ref.Name().String()] = ref.String()
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	a, b := everything(ours), everything(theirs)
	for name := range b {
		if a[name] != b[name] {
			t.Errorf("%s: %.80q, go-git reads %.80q", name, a[name], b[name])
		}
	}
	if len(a) != len(b) || len(a) < 50 {
		t.Errorf("%d objects and refs, go-git reads %d", len(a), len(b))
	}
	for _, s := range []storage.Storer{ours, theirs} {
		if _, err := s.EncodedObject(plumbing.TreeObject, plumbing.NewHash(run(t, dir, "rev-parse", "HEAD"))); err != plumbing.ErrObjectNotFound {
			t.Errorf("a commit asked for as a tree: %v", err)
		}
		if _, err := s.Reference("refs/heads/none"); err != plumbing.ErrReferenceNotFound {
			t.Errorf("no such ref: %v", err)
		}
	}
	for _, name := range []plumbing.ReferenceName{"config", "main", "../x", "refs/heads", ""} {
		if _, err := ours.Reference(name); err != plumbing.ErrReferenceNotFound {
			t.Errorf("%q, which is no ref: %v", name, err)
		}
	}
	if bad, err := ours.Reference("refs/bisect/bad"); err != nil || bad.Hash().String() != run(t, dir, "rev-parse", "HEAD") {
		t.Errorf("a ref of the worktree: %v %v", bad, err)
	}
}

// A linked worktree has a HEAD, and refs of a bisection, of its own; the branches are the repository's.
func TestStorer_linkedWorktree(t *testing.T) {
	dir := newDir(t)
	linked := filepath.Join(t.TempDir(), "linked")
	run(t, dir, "worktree", "add", "-q", "-b", "side", linked)
	run(t, linked, "update-ref", "refs/bisect/bad", "HEAD")
	here, there := Storer(openDir(t, dir)), Storer(openDir(t, linked))
	if head, err := there.Reference("HEAD"); err != nil || head.Target() != "refs/heads/side" {
		t.Errorf("HEAD of the linked one: %v %v", head, err)
	}
	if _, err := there.Reference("refs/bisect/bad"); err != nil {
		t.Errorf("its bisection: %v", err)
	}
	if _, err := here.Reference("refs/bisect/bad"); err != plumbing.ErrReferenceNotFound {
		t.Errorf("its bisection, from the main one: %v", err)
	}
	next := commitBy(t, there, "by the linked one")
	if err := there.SetReference(plumbing.NewHashReference("refs/heads/made", next)); err != nil {
		t.Fatal(err)
	}
	if err := there.SetReference(plumbing.NewHashReference("refs/bisect/good", next)); err != nil {
		t.Fatal(err)
	}
	if made, err := here.Reference("refs/heads/made"); err != nil || made.Hash() != next {
		t.Errorf("a branch that the linked one made: %v %v", made, err)
	}
	if got := run(t, linked, "rev-parse", "refs/bisect/good"); got != next.String() {
		t.Errorf("git reads the good one as %s", got)
	}
}

// go-git's tools: the history, blame, a tag; and what they write is on the disk as git wants it.
func TestStorer_tools(t *testing.T) {
	dir := newDir(t)
	write(t, dir, "README.md", "hello\nworld\n")
	run(t, dir, "commit", "-q", "-am", "second")
	r := openDir(t, dir)
	g := openGogit(t, r)
	head, err := g.Head()
	if err != nil || head.Name() != "refs/heads/main" {
		t.Fatalf("head %v %v", head, err)
	}
	log, err := g.Log(&git.LogOptions{From: head.Hash()})
	if err != nil {
		t.Fatal(err)
	}
	var subjects []string
	if err := log.ForEach(func(c *object.Commit) error { subjects = append(subjects, strings.TrimSpace(c.Message)); return nil }); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(subjects) != "[second first]" {
		t.Errorf("log %v", subjects)
	}
	tip, err := g.CommitObject(head.Hash())
	if err != nil {
		t.Fatal(err)
	}
	blame, err := git.Blame(tip, "README.md")
	if err != nil || len(blame.Lines) != 2 || blame.Lines[1].Hash != head.Hash() || blame.Lines[0].Hash == head.Hash() {
		t.Errorf("blame %+v %v", blame, err)
	}
	if _, err := g.CreateTag("v1", head.Hash(), &git.CreateTagOptions{Tagger: &object.Signature{Name: "Ada", Email: "ada@example.org", When: pinned}, Message: "one"}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.CreateTag("v1", head.Hash(), nil); !errors.Is(err, git.ErrTagExists) {
		t.Errorf("a tag twice: %v", err)
	}
	run(t, dir, "cat-file", "-e", "v1^{tag}")
	s := Storer(r)
	if err := s.SetReference(plumbing.NewSymbolicReference("HEAD", "refs/heads/side")); err != nil {
		t.Fatal(err)
	}
	if got := run(t, dir, "symbolic-ref", "HEAD"); got != "refs/heads/side" {
		t.Errorf("HEAD is %s", got)
	}
	if err := s.SetReference(plumbing.NewHashReference("HEAD", head.Hash())); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dir, ".git/HEAD"); got != head.Hash().String()+"\n" {
		t.Errorf("detached, HEAD holds %q", got)
	}
	if err := s.SetReference(plumbing.NewHashReference("refs/heads/wrong", plumbing.NewHash(strings.Repeat("1", 40)))); err == nil {
		t.Error("a ref to what is not there was set")
	}
	if err := s.RemoveReference("refs/tags/v1"); err != nil {
		t.Fatal(err)
	}
	if err := s.RemoveReference("refs/tags/v1"); err != nil {
		t.Errorf("removed twice: %v", err)
	}
	if err := s.PackRefs(); err != nil {
		t.Fatal(err)
	}
	if n, err := s.CountLooseRefs(); err != nil || n != 0 {
		t.Errorf("%d loose refs after packing, %v", n, err)
	}
	run(t, dir, "checkout", "-q", "main")
}

// A tag keeps what it names: a git gc between the commit and its tag took the commit, and the tag was broken.
func TestStorer_tagOfStagedCommit(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	s := Storer(r)
	first := plumbing.NewHash(run(t, dir, "rev-parse", "HEAD"))
	c := commitBy(t, s, "reached by the tag alone")
	if err := s.SetReference(plumbing.NewHashReference("refs/heads/other", first)); err != nil { // writes what is staged
		t.Fatal(err)
	}
	run(t, dir, "gc", "-q", "--prune=now")
	tag := s.NewEncodedObject()
	if err := (&object.Tag{Name: "v1", Message: "one\n", TargetType: plumbing.CommitObject, Target: c,
		Tagger: object.Signature{Name: "Ada", Email: "ada@example.org", When: pinned}}).Encode(tag); err != nil {
		t.Fatal(err)
	}
	id, err := s.SetEncodedObject(tag)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SetReference(plumbing.NewHashReference("refs/tags/v1", id)); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "cat-file", "-e", "v1^{tree}")
}

// The files beside the refs: each is read as git wrote it, and git reads what was written.
func TestStorer_files(t *testing.T) {
	dir := newDir(t)
	run(t, dir, "config", "extensions.worktreeConfig", "true")
	run(t, dir, "config", "core.repositoryFormatVersion", "1")
	r := openDir(t, dir)
	s := Storer(r)
	cfg, err := s.Config()
	if err != nil {
		t.Fatal(err)
	}
	cfg.Raw.Section("jitos-test").SetOption("answer", "a \"quoted\" \\ word")
	cfg.User.Name = "Grace"
	if err := s.SetConfig(cfg); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"jitos-test.answer": "a \"quoted\" \\ word", "user.name": "Grace", "extensions.worktreeconfig": "true"} {
		if got := run(t, dir, "config", key); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	openGogit(t, r) // an extension that it does not know is none of its business
	idx, err := s.Index()
	if err != nil || len(idx.Entries) != 2 {
		t.Fatalf("index %+v %v", idx, err)
	}
	idx.Entries = idx.Entries[:1]
	if err := s.SetIndex(idx); err != nil {
		t.Fatal(err)
	}
	if got := run(t, dir, "ls-files"); got != "README.md" {
		t.Errorf("git's index has %q", got)
	}
	run(t, dir, "reset", "-q")
	head := plumbing.NewHash(run(t, dir, "rev-parse", "HEAD"))
	if err := s.SetShallow([]plumbing.Hash{head}); err != nil {
		t.Fatal(err)
	}
	if got := run(t, dir, "rev-parse", "--is-shallow-repository"); got != "true" {
		t.Error("git does not see that it is shallow")
	}
	if ids, err := s.Shallow(); err != nil || len(ids) != 1 || ids[0] != head {
		t.Errorf("shallow %v %v", ids, err)
	}
	if err := s.SetShallow(nil); err != nil || isThere(filepath.Join(dir, ".git/shallow")) {
		t.Errorf("no longer shallow: %v", err)
	}
	write(t, dir, ".git/index.lock", "") // of a git that is at work
	done := make(chan error)
	go func() { done <- s.SetIndex(idx) }()
	time.Sleep(20 * time.Millisecond)
	if got := run(t, dir, "ls-files"); got == "README.md" {
		t.Error("the index was written while git had it locked")
	}
	os.Remove(filepath.Join(dir, ".git/index.lock"))
	if err := <-done; err != nil {
		t.Error(err)
	}
	run(t, dir, "reset", "-q")
}

func TestStorer_modulesAndAlternates(t *testing.T) {
	inner, dir := newDir(t), newDir(t)
	run(t, dir, "-c", "protocol.file.allow=always", "submodule", "add", "-q", inner, "part")
	run(t, dir, "commit", "-q", "-m", "with a part")
	s := Storer(openDir(t, dir))
	part, err := s.Module("part")
	if err != nil {
		t.Fatal(err)
	}
	if head, err := part.Reference("refs/heads/main"); err != nil || head.Hash().String() != run(t, inner, "rev-parse", "main") {
		t.Errorf("the submodule's main: %v %v", head, err)
	}
	if _, err := s.Module("../x"); !errors.Is(err, jitos.ErrInvalid) {
		t.Errorf("a submodule outside: %v", err)
	}
	if _, err := s.Module("none"); !errors.Is(err, jitos.ErrNotFound) {
		t.Errorf("no submodule: %v", err)
	}
	empty := t.TempDir()
	run(t, empty, "init", "-q")
	for range 2 {
		if err := Storer(openDir(t, empty)).AddAlternate(filepath.Join(inner, ".git")); err != nil {
			t.Fatal(err)
		}
	}
	head := run(t, inner, "rev-parse", "main")
	run(t, empty, "cat-file", "-e", head)
	if err := Storer(openDir(t, empty)).HasEncodedObject(plumbing.NewHash(head)); err != nil {
		t.Errorf("through the alternate: %v", err)
	}
	if text := read(t, empty, ".git/objects/info/alternates"); strings.Count(text, "\n") != 1 {
		t.Errorf("alternates %q", text)
	}
}
