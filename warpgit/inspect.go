package warpgit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// inspection looks at what came into quarantine before anything of it counts: at every object that the new refs lead to and that
// no branch of this repository does (objects alone say nothing: a plain git fetch brings them unseen), and then at the lines of
// the fabric, see lines.go.
//
// Of user files it refuses what git itself does not check out, or not twice the same: .git in any spelling, modes that are none,
// entries out of order or named twice, .gitmodules that would run or hide something. What only some file systems mind (names
// that differ by case, control characters, links that leave the tree) is refused where a directory is made of it, for a
// history is not to be lost over a name.
type inspection struct {
	ctx    context.Context
	repo   *Repo
	q      *quarantine
	limits limits
	store  *Store // of the quarantine and, below it, of the repository
	refs   []namedRef

	commits map[plumbing.Hash]bool // that are new
	trees   map[plumbing.Hash]*newTree
	modules map[plumbing.Hash]bool // .gitmodules that were looked at
	large   map[plumbing.Hash]int64

	known   *knownLines
	held    map[plumbing.Hash]bool // commits of lines that hold
	fabric  string
	rewound []Rewound
}

// newTree is a tree that is new here, and where it was seen first.
type newTree struct {
	parent plumbing.Hash // a tree, or a commit
	name   string
	below  []plumbing.Hash
	count  int // of entries

	levels, unfolded int // 0: not counted yet
}

// inspect refuses what came, or returns which refs the remote has moved back.
func (r *Repo) inspect(ctx context.Context, q *quarantine, l limits, refs []namedRef, remembered []RemoteRef) ([]Rewound, error) {
	dirs, err := openObjectDirs(q.path("objects"))
	if err != nil {
		return nil, err
	}
	defer dirs.Close()
	n := &inspection{ctx: ctx, repo: r, q: q, limits: l, refs: refs, commits: map[plumbing.Hash]bool{}, trees: map[plumbing.Hash]*newTree{},
		modules: map[plumbing.Hash]bool{}, large: map[plumbing.Hash]int64{}, held: map[plumbing.Hash]bool{}}
	n.store = newStore(newObjects(bounded{dirs, n.large}, nil), &memRefs{}, nil)
	n.store.shallow = r.shallow
	for _, ref := range refs {
		if err := CheckRefName(ref.name); err != nil {
			return nil, err
		}
	}
	if err := n.objects(); err != nil {
		return nil, err
	}
	if err := n.lines(remembered); err != nil {
		return nil, err
	}
	return n.rewound, nil
}

// CheckRefName wants the names that the fabric gives its refs, and no others. The error Is jitos.ErrCorrupt.
func CheckRefName(name string) error {
	ws, isWS := strings.CutPrefix(name, jitos.SWSPrefix)
	month, isMonth := strings.CutPrefix(name, jitos.ArchivePrefix)
	switch {
	case name == string(jitos.SystemRef):
		return nil
	case isWS && jitos.CheckName(ws) == nil:
		return nil
	case isMonth && isMonthName(month):
		return nil
	}
	return fmt.Errorf("ref %q: %w: not a name of a fabric's ref", name, jitos.ErrCorrupt)
}

func isMonthName(s string) bool {
	year, month, ok := strings.Cut(s, "-")
	y, yerr := strconv.ParseUint(year, 10, 16)
	m, merr := strconv.ParseUint(month, 10, 8)
	return ok && len(year) == 4 && len(month) == 2 && yerr == nil && merr == nil && y > 0 && m >= 1 && m <= 12
}

// bounded keeps what is too large from being read whole.
type bounded struct {
	*objectDirs
	large map[plumbing.Hash]int64
}

func (b bounded) read(id plumbing.Hash) (rawObject, error) {
	if size, ok := b.large[id]; ok {
		return rawObject{}, fmt.Errorf("%w: %d bytes are too many here", jitos.ErrCorrupt, size)
	}
	return b.objectDirs.read(id)
}

// objects looks at each new object by itself.
func (n *inspection) objects() error {
	list, err := n.list()
	if err != nil {
		return err
	}
	var trees []plumbing.Hash
	for _, o := range list { // a tree comes before what it names, a commit before its tree
		switch o.kind {
		case "commit":
			err = n.commit(o)
		case "tree":
			trees = append(trees, o.id)
			err = n.tree(o)
		case "blob":
			if o.size > n.limits.object {
				err = over("fetchObjectBytes", "object %s has %d bytes, and may have %d", o.id, o.size, n.limits.object)
			}
		default:
			err = fmt.Errorf("object %s: %w: a %s has no place in a fabric", o.id, jitos.ErrCorrupt, o.kind)
		}
		if err != nil {
			return err
		}
	}
	for _, id := range trees {
		if _, _, err := n.unfold(id, 1); err != nil {
			return err
		}
	}
	return nil
}

// listedObject is an object by what git says of it without reading it whole.
type listedObject struct {
	id   plumbing.Hash
	kind string
	size int64
}

// list asks git which objects are new. That it can follow them all says that none is missing.
func (n *inspection) list() ([]listedObject, error) {
	var ask bytes.Buffer
	for _, ref := range n.refs {
		fmt.Fprintln(&ask, ref.id)
	}
	for _, prefix := range []string{"refs/heads/", remotePrefix} { // of refs/remotes/ and tags, a fetch moves some unseen
		ours, err := n.repo.refs.list(prefix)
		if err != nil {
			return nil, err
		}
		for _, ref := range ours {
			fmt.Fprintf(&ask, "^%s\n", ref.id)
		}
	}
	env := []string{"GIT_DIR=" + n.q.dir}
	ids, err := gitCommand{dir: n.q.dir, env: env, plain: true, input: ask.Bytes(),
		args: []string{"rev-list", "--objects", "--no-object-names", "--stdin"}}.run(n.ctx)
	if err != nil {
		return nil, broken(err)
	}
	if count := int64(bytes.Count(ids, []byte("\n"))); count > n.limits.objects {
		return nil, over("fetchObjects", "%d objects are new, and %d may be", count, n.limits.objects)
	}
	out, err := gitCommand{dir: n.q.dir, env: env, plain: true, input: ids,
		args: []string{"cat-file", "--batch-check=%(objectname) %(objecttype) %(objectsize)", "--buffer"}}.run(n.ctx)
	if err != nil {
		return nil, broken(err)
	}
	var list []listedObject
	for line := range strings.Lines(string(out)) {
		part := strings.Fields(line)
		if len(part) != 3 || !plumbing.IsHash(part[0]) {
			return nil, fmt.Errorf("%w: object %s", jitos.ErrCorrupt, strings.TrimSpace(line)) // "… missing"
		}
		size, err := strconv.ParseInt(part[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("object %s: %w: size %s", part[0], jitos.ErrCorrupt, part[2])
		}
		o := listedObject{plumbing.NewHash(part[0]), part[1], size}
		if o.kind == "blob" && size > mostOfItem || size > mostOfTree {
			n.large[o.id] = size
		}
		list = append(list, o)
	}
	return list, nil
}

// broken says of a failed look of git's that it was the objects' fault.
func broken(err error) error {
	var g *GitError
	if errors.As(err, &g) && g.Exit > 0 {
		return fmt.Errorf("%w: %w", jitos.ErrCorrupt, err)
	}
	return err
}

func (n *inspection) commit(o listedObject) error {
	if o.size > mostOfCommit {
		return fmt.Errorf("commit %s: %w: it has %d bytes", o.id, jitos.ErrCorrupt, o.size)
	}
	c, err := n.store.Objects.Commit(n.ctx, o.id)
	if err != nil {
		return fmt.Errorf("commit %s: %w", o.id, err)
	}
	n.commits[o.id] = true
	n.see(c.TreeHash, o.id, "")
	return nil
}

// see notes where a tree was seen first.
func (n *inspection) see(tree, parent plumbing.Hash, name string) {
	if n.trees[tree] == nil {
		n.trees[tree] = &newTree{parent: parent, name: name}
	}
}

// place is the path of an entry of a tree, with the commit in which it was seen.
func (n *inspection) place(tree plumbing.Hash, name string) string {
	path := name
	for at := n.trees[tree]; ; at = n.trees[tree] {
		if at == nil {
			return fmt.Sprintf("%q", path)
		}
		if n.commits[at.parent] {
			return fmt.Sprintf("%q of commit %s", path, at.parent.String()[:10])
		}
		path, tree = at.name+"/"+path, at.parent
	}
}

func (n *inspection) tree(o listedObject) error {
	if o.size > mostOfTree {
		return fmt.Errorf("directory %s: %w: it has %d bytes", n.place(o.id, ""), jitos.ErrCorrupt, o.size)
	}
	t, err := n.store.Objects.passTree(n.ctx, o.id)
	if err != nil {
		return fmt.Errorf("directory %s: %w", n.place(o.id, ""), err)
	}
	n.see(o.id, plumbing.ZeroHash, "")
	here := n.trees[o.id]
	names := map[string]bool{}
	var last entry
	for rest := t; len(rest) > 0; here.count++ {
		var e entry
		e, rest = rest.next()
		name := string(e.name)
		why := badEntry(name, e)
		switch {
		case why != "":
		case names[name]:
			why = "it is named twice"
		case here.count > 0 && compareNames(last.name, last.isDir(), e.name, e.isDir()) >= 0:
			why = "it is out of order"
		case object.IsGitModules(name) && e.mode != filemode.Dir:
			why, err = n.gitmodules(e.id)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", n.place(o.id, name), err)
		}
		if why != "" {
			return fmt.Errorf("%s: %w: %s", n.place(o.id, name), jitos.ErrCorrupt, why)
		}
		if e.isDir() {
			n.see(e.id, o.id, name)
			here.below = append(here.below, e.id)
		}
		names[name], last = true, e
	}
	return nil
}

// badEntry says why git would not check an entry out, "" where it would.
func badEntry(name string, e entry) string {
	switch {
	case name == "." || name == ".." || strings.ContainsRune(name, '/'):
		return "it is not a file name"
	case object.IsGitDir(name):
		return "some file systems take it for git's own directory"
	case e.id.IsZero():
		return "it names no object"
	case e.mode == filemode.Symlink && object.IsGitModules(name):
		return ".gitmodules as a link"
	}
	switch e.mode {
	case filemode.Dir, filemode.Regular, filemode.Deprecated, filemode.Executable, filemode.Symlink, filemode.Submodule:
		return ""
	}
	return fmt.Sprintf("%o is no mode of a file", uint32(e.mode))
}

// gitmodules looks for what git refuses in .gitmodules (submodule-config.c, fsck.c): names that leave .git/modules, URLs and paths
// that programs take for options, commands. What cannot be read git does not read either.
func (n *inspection) gitmodules(id plumbing.Hash) (why string, err error) {
	if n.modules[id] {
		return "", nil
	}
	data, err := n.store.Objects.Blob(n.ctx, id)
	if err != nil {
		return "", err
	}
	n.modules[id] = true
	cfg, err := parseConfig(data)
	if err != nil {
		return "", nil
	}
	for _, s := range cfg {
		rest, ok := strings.CutPrefix(s.name, "submodule.")
		if !ok || !strings.Contains(rest, ".") {
			continue
		}
		name := strings.TrimSuffix(rest, "."+s.key())
		switch {
		case name == "" || slices.Contains(strings.FieldsFunc(name, func(c rune) bool { return c == '/' || c == '\\' }), ".."):
			return fmt.Sprintf("the name of submodule %q leaves git's directory", name), nil
		case (s.key() == "url" || s.key() == "path") && strings.HasPrefix(s.value, "-"):
			return fmt.Sprintf("submodule %q has a %s that begins with a dash", name, s.key()), nil
		case s.key() == "url" && badURL(s.value):
			return fmt.Sprintf("submodule %q has a URL with a line break, or one that runs a command", name), nil
		case s.key() == "update" && strings.HasPrefix(strings.TrimSpace(s.value), "!"):
			return fmt.Sprintf("submodule %q would run a command", name), nil
		}
	}
	return "", nil
}

func badURL(url string) bool {
	lower := strings.ToLower(url)
	return strings.ContainsAny(url, "\r\n\x00") || strings.Contains(lower, "%0a") || strings.Contains(lower, "%0d") ||
		strings.HasPrefix(lower, "ext::") || strings.HasPrefix(lower, "fd::")
}

// unfold counts the levels and entries of a tree, as far as it is new: a few trees that name each other many times unfold to
// billions of files.
func (n *inspection) unfold(id plumbing.Hash, depth int64) (levels, entries int, err error) {
	t := n.trees[id]
	if t == nil {
		return 1, 1, nil // it is here already
	}
	if depth > n.limits.depth {
		return 0, 0, over("fetchDepth", "directory %s: more than %d levels of directories", n.place(id, ""), n.limits.depth)
	}
	if t.levels == 0 {
		levels, entries = 1, t.count
		for _, b := range t.below {
			l, e, err := n.unfold(b, depth+1)
			if err != nil {
				return 0, 0, err
			}
			levels, entries = max(levels, l+1), entries+e
			if entries > mostUnfolding {
				return 0, 0, fmt.Errorf("directory %s: %w: it unfolds to more than %d files", n.place(id, ""), jitos.ErrCorrupt, mostUnfolding)
			}
		}
		t.levels, t.unfolded = levels, entries
	}
	if depth+int64(t.levels) > n.limits.depth+1 {
		return 0, 0, over("fetchDepth", "directory %s: more than %d levels of directories", n.place(id, ""), n.limits.depth)
	}
	return t.levels, t.unfolded, nil
}
