package warpgit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
)

// remotePrefix is where refs/jitos/remote/<remote>/<name> say what refs/heads/jitos/<name> was on a remote when it was last
// fetched. git branch and git checkout do not see refs there, and no configuration points to them.
const remotePrefix = "refs/jitos/remote/"

// RemoteRef is a ref of a fabric on a remote.
type RemoteRef struct {
	Ref jitos.Ref      // its name there: refs/heads/jitos/…
	Old jitos.CommitID // what it was when it was last fetched, "" for nothing
	New jitos.CommitID // what it is, "" where it is gone
}

// Push moves refs on a remote, all or none, by refspecs ("refs/heads/jitos/system", "src:dst", ":dst" to delete). Nothing of
// the configuration adds to them, no hook runs. The error Is jitos.ErrStale where the remote has what would be lost,
// jitos.ErrDenied where it refuses for another reason, jitos.ErrNotFound where there is no such remote.
func (r *Repo) Push(ctx context.Context, remote string, refspecs ...string) error {
	return r.pushLeased(ctx, remote, nil, refspecs)
}

// pushLeased is Push with options that say where refs must stand on the remote: such a ref may be moved to anything.
func (r *Repo) pushLeased(ctx context.Context, remote string, leases, refspecs []string) error {
	out, err := r.push(ctx, remote, leases, refspecs)
	if err != nil {
		return fmt.Errorf("push to %s: %w", remote, pushError(out, err))
	}
	return nil
}

// push sends from a repository of its own, which has the objects of this one and no refs: git would move the user's
// refs/remotes as well, and, killed there, leave locks that nobody can tell from those of a git at work.
func (r *Repo) push(ctx context.Context, remote string, leases, refspecs []string) ([]byte, error) {
	q, err := r.newQuarantine()
	if err != nil {
		return nil, err
	}
	defer q.remove()
	if err := CheckRemote(remote); err != nil {
		return nil, err
	}
	env, _, err := q.asRepository(ctx, r)
	if err != nil {
		return nil, err
	}
	byHash := make([]string, len(refspecs))
	for i, spec := range refspecs {
		if byHash[i], err = r.byHash(spec); err != nil {
			return nil, err
		}
	}
	run := func(atomic ...string) ([]byte, error) {
		args := append([]string{"push", "-q", "--porcelain"}, atomic...)
		args = append(args, "--no-verify", "--no-follow-tags", "--no-signed", "--recurse-submodules=no")
		args = append(append(args, leases...), "--", remote)
		return gitCommand{dir: r.anyDir(), env: env, args: append(args, byHash...)}.run(ctx)
	}
	out, err := run("--atomic")
	if said(err, "does not support --atomic") && len(refspecs) == 1 {
		out, err = run()
	}
	return out, err
}

// byHash puts the hash in the place of the source of a refspec.
func (r *Repo) byHash(spec string) (string, error) {
	bare, forced := strings.CutPrefix(spec, "+")
	from, to, pair := strings.Cut(bare, ":")
	if from == "" {
		return spec, nil
	}
	if !pair {
		to = from
	}
	if !plumbing.IsHash(from) {
		id, err := r.refs.read(from)
		if err != nil {
			return "", err
		}
		from = id.String()
	}
	if forced {
		from = "+" + from
	}
	return from + ":" + to, nil
}

// pushError reads what git says of each ref: "!", the refspec, and the reason, between tabs.
func pushError(out []byte, err error) error {
	for line := range strings.Lines(string(out)) {
		part := strings.Split(strings.TrimSpace(line), "\t")
		if part[0] != "!" || len(part) < 3 || strings.Contains(part[2], "atomic push failed") {
			continue
		}
		_, ref, _ := strings.Cut(part[1], ":")
		if strings.HasPrefix(part[2], "[rejected]") || strings.Contains(part[2], "cannot lock ref") || strings.Contains(part[2], "failed to update ref") {
			return jitos.Hint(fmt.Errorf("%w: %s has commits there that are not here", jitos.ErrStale, ref), "fetch them first")
		}
		return fmt.Errorf("%w: %s: %s", jitos.ErrDenied, ref, part[2])
	}
	return remoteError(err)
}

// remoteError tells apart that there is no such remote.
func remoteError(err error) error {
	if said(err, "does not appear to be a git repository") || said(err, "No such remote") || said(err, "couldn't find remote ref") {
		return fmt.Errorf("%w: %w", jitos.ErrNotFound, err)
	}
	return err
}

// remember moves the refs that say where the remote stands. What matches the sources and is gone there goes here too.
func (r *Repo) remember(ctx context.Context, remote string, sources []string, there []namedRef) ([]RemoteRef, error) {
	before, err := r.Remembered(remote)
	if err != nil {
		return nil, err
	}
	var list []RemoteRef
	for _, ref := range there {
		list = append(list, RemoteRef{Ref: jitos.Ref(ref.name), New: commitID(ref.id)})
	}
	for _, old := range before {
		i := slices.IndexFunc(list, func(n RemoteRef) bool { return n.Ref == old.Ref })
		if i >= 0 {
			list[i].Old = old.New
		} else if matchesSource(sources, string(old.Ref)) {
			list = append(list, RemoteRef{Ref: old.Ref, Old: old.New})
		}
	}
	slices.SortFunc(list, func(a, b RemoteRef) int { return strings.Compare(string(a.Ref), string(b.Ref)) })
	return list, r.keepInMind(ctx, remote, list)
}

// keepInMind moves refs that say where the remote stands.
func (r *Repo) keepInMind(ctx context.Context, remote string, list []RemoteRef) error {
	for _, ref := range list {
		old, err := optionalID(ref.Old)
		if err != nil {
			return err
		}
		new, err := optionalID(ref.New)
		if err != nil {
			return err
		}
		if err := r.refs.move(ctx, remoteRef(remote, string(ref.Ref)), old, new); err != nil {
			return err
		}
	}
	return nil
}

func matchesSource(sources []string, name string) bool {
	return slices.ContainsFunc(sources, func(s string) bool {
		before, after, star := strings.Cut(s, "*")
		return s == name || star && strings.HasPrefix(name, before) && strings.HasSuffix(name, after)
	})
}

// Remembered tells what was on a remote when it was last fetched: Ref and New. Nothing is asked of the remote.
func (r *Repo) Remembered(remote string) ([]RemoteRef, error) {
	prefix := remoteRef(remote, fabricPrefixes[0])
	list, err := r.refs.list(prefix)
	if err != nil {
		return nil, err
	}
	var out []RemoteRef
	for _, ref := range list {
		out = append(out, RemoteRef{Ref: jitos.Ref(fabricPrefixes[0] + strings.TrimPrefix(ref.name, prefix)), New: commitID(ref.id)})
	}
	return out, nil
}

// remoteRef is the name here of a ref there. A remote that is given as a URL has no name; a hash of the URL stands for it.
func remoteRef(remote, ref string) string {
	dir := remote
	if checkRef(remotePrefix+remote+"/x") != nil || strings.Contains(remote, "/") {
		sum := sha256.Sum256([]byte(remote))
		dir = "url-" + hex.EncodeToString(sum[:8])
	}
	return remotePrefix + dir + "/" + strings.TrimPrefix(ref, fabricPrefixes[0])
}
