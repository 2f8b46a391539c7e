package gogit

import (
	"errors"
	"fmt"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-git/v5"
	gitconfig "github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/client"
	"github.com/go-git/go-git/v5/plumbing/transport/server"
	"github.com/go-git/go-git/v5/storage"
	gomemory "github.com/go-git/go-git/v5/storage/memory"
)

// gitServer serves the repositories below a directory over http, by git's own http-backend.
func gitServer(t *testing.T, root string) string {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(&cgi.Handler{Path: git, Args: []string{"http-backend"},
		Env: []string{"GIT_PROJECT_ROOT=" + root, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull, "HOME=" + root}})
	t.Cleanup(srv.Close)
	return srv.URL
}

// go-git's transports carry a fabric between a repository of ours and a plain one, over files and over http, both ways.
func TestStorer_transports(t *testing.T) {
	root := t.TempDir()
	for name, url := range map[string]func(string) string{
		"file": func(path string) string { return path },
		"http": func(path string) string { return gitServer(t, root) + "/" + filepath.Base(path) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := newDir(t)
			r := openDir(t, dir)
			tip := fabric(t, r, 3)
			bare := filepath.Join(root, name+".git")
			run(t, dir, "init", "-q", "--bare", "-b", "main", bare)
			run(t, bare, "config", "http.receivepack", "true")
			g := openGogit(t, r)
			if _, err := g.CreateRemote(&gitconfig.RemoteConfig{Name: "origin", URLs: []string{url(bare)}}); err != nil {
				t.Fatal(err)
			}
			if got := run(t, dir, "remote", "get-url", "origin"); got != url(bare) && name == "file" {
				t.Errorf("git sees the remote %s", got)
			}
			push := func() error {
				return g.Push(&git.PushOptions{RemoteName: "origin", RefSpecs: []gitconfig.RefSpec{"refs/heads/*:refs/heads/*"}})
			}
			if err := push(); err != nil {
				t.Fatal(err)
			}
			if err := push(); !errors.Is(err, git.NoErrAlreadyUpToDate) {
				t.Errorf("pushed twice: %v", err)
			}
			if got := run(t, bare, "rev-parse", "jitos/system"); got != string(tip) {
				t.Errorf("pushed %s, the remote has %s", tip, got)
			}
			run(t, bare, "fsck", "--strict")

			other := filepath.Join(root, name+"-other")
			run(t, dir, "clone", "-q", bare, other)
			write(t, other, "README.md", "from the other\n")
			run(t, other, "commit", "-q", "-am", "other")
			run(t, other, "push", "-q", "origin", "main")
			if err := g.Fetch(&git.FetchOptions{RemoteName: "origin"}); err != nil {
				t.Fatal(err)
			}
			if got, want := run(t, dir, "rev-parse", "origin/main"), run(t, other, "rev-parse", "main"); got != want {
				t.Errorf("fetched %s, want %s", got, want)
			}
			if err := push(); err == nil || errors.Is(err, git.NoErrAlreadyUpToDate) {
				t.Errorf("a push that loses what the remote has: %v", err)
			}
		})
	}
}

// go-git serves a repository of ours to its own client: a clone and a push.
func TestStorer_served(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	tip := fabric(t, r, 3)
	at, err := transport.NewEndpoint("jitos-test://here/repo")
	if err != nil {
		t.Fatal(err)
	}
	client.InstallProtocol("jitos-test", server.NewServer(server.MapLoader{at.String(): Storer(r)}))
	defer client.InstallProtocol("jitos-test", nil)
	clone, err := git.Clone(gomemory.NewStorage(), nil, &git.CloneOptions{URL: at.String()})
	if err != nil {
		t.Fatal(err)
	}
	got, err := clone.Reference("refs/remotes/origin/jitos/system", true)
	if err != nil || got.Hash().String() != string(tip) {
		t.Errorf("cloned %v %v", got, err)
	}
	head, err := clone.Head()
	if err != nil {
		t.Fatal(err)
	}
	next := commitBy(t, clone.Storer, "pushed", head.Hash())
	if err := clone.Storer.SetReference(plumbing.NewHashReference("refs/heads/pushed", next)); err != nil {
		t.Fatal(err)
	}
	if err := clone.Push(&git.PushOptions{RefSpecs: []gitconfig.RefSpec{"refs/heads/pushed:refs/heads/pushed"}}); err != nil {
		t.Fatal(err)
	}
	if got := run(t, dir, "rev-parse", "pushed"); got != next.String() {
		t.Errorf("pushed %s, there is %s", next, got)
	}
}

// A pack that came is safe from a git gc until its ref has moved: it is held, whoever prunes beside it.
func TestStorer_packBesideGC(t *testing.T) {
	dir := newDir(t)
	r := openDir(t, dir)
	fromDir := newDir(t)
	from := openDir(t, fromDir)
	next := commitBy(t, Storer(from), "in a pack")
	if err := Storer(from).SetReference(plumbing.NewHashReference("refs/heads/x", next)); err != nil {
		t.Fatal(err)
	}
	pack, err := packOf(fromDir, next)
	if err != nil {
		t.Fatal(err)
	}
	s := Storer(r).(*adapter)
	receive := func(pack []byte) error {
		w, err := s.PackfileWriter()
		if err != nil {
			t.Fatal(err)
		}
		w.Write(pack) // of a broken one git may stop reading
		return w.Close()
	}
	if err := receive(pack); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "gc", "-q", "--prune=now")
	if err := s.SetReference(plumbing.NewHashReference("refs/heads/x", next)); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "fsck", "--strict")
	pack[len(pack)-30] ^= 1
	if err := receive(pack); err == nil {
		t.Error("a broken pack was taken")
	}
	if err := receive(nil); err != nil {
		t.Errorf("nothing at all: %v", err)
	}
}

// Two go-git programs and two of git's own count commits on one branch, each by compare-and-swap: none is lost.
func TestStorer_besideUpdateRef(t *testing.T) {
	each := 12
	dir := newDir(t)
	const branch = plumbing.ReferenceName("refs/heads/count")
	run(t, dir, "update-ref", string(branch), "HEAD")
	var wg sync.WaitGroup
	for i := range 2 {
		r := openDir(t, dir)
		wg.Go(func() {
			s := Storer(r)
			for n := 0; n < each; {
				old, err := s.Reference(branch)
				if err != nil {
					t.Error(err)
					return
				}
				next := commitBy(t, s, fmt.Sprintf("go-git %d-%d", i, n), old.Hash())
				switch err := s.CheckAndSetReference(plumbing.NewHashReference(branch, next), old); {
				case err == nil:
					n++
				case !errors.Is(err, storage.ErrReferenceHasChanged):
					t.Error(err)
					return
				}
			}
		})
		wg.Go(func() {
			git := func(args ...string) (string, error) {
				cmd := exec.Command("git", args...)
				cmd.Dir = dir
				out, err := cmd.Output()
				return strings.TrimSpace(string(out)), err
			}
			for n := 0; n < each && !t.Failed(); {
				old, err := git("rev-parse", string(branch))
				if err != nil {
					t.Error(err)
					return
				}
				next, err := git("commit-tree", "-p", old, "-m", fmt.Sprintf("git %d-%d", i, n), old+"^{tree}")
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := git("update-ref", string(branch), next, old); err == nil {
					n++
				} else {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	wg.Wait()
	if got := run(t, dir, "rev-list", "--count", string(branch)); got != fmt.Sprint(1+4*each) {
		t.Errorf("%s commits, want %d", got, 1+4*each)
	}
}
