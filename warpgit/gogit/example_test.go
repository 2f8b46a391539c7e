package gogit_test

import (
	"fmt"
	"os"
	"os/exec"

	"github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"

	"github.com/jitos/jitos/warpgit"
	"github.com/jitos/jitos/warpgit/gogit"
)

// go-git reads the history of a repository through the store.
func ExampleStorer() {
	dir, err := os.MkdirTemp("", "storer-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	for _, args := range [][]string{{"init", "-q"}, {"commit", "-q", "--allow-empty", "-m", "first"}, {"commit", "-q", "--allow-empty", "-m", "second"}} {
		cmd := exec.Command("git", append([]string{"-c", "user.name=Ada", "-c", "user.email=ada@example.org"}, args...)...)
		cmd.Dir = dir
		if err := cmd.Run(); err != nil {
			panic(err)
		}
	}

	repo, err := warpgit.Open(dir)
	if err != nil {
		panic(err)
	}
	defer repo.Close()
	g, err := git.Open(gogit.Storer(repo), nil)
	if err != nil {
		panic(err)
	}
	log, err := g.Log(&git.LogOptions{})
	if err != nil {
		panic(err)
	}
	err = log.ForEach(func(c *object.Commit) error {
		fmt.Print(c.Message)
		return nil
	})
	if err != nil {
		panic(err)
	}
	// Output:
	// second
	// first
}
