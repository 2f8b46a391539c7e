// Package object has git's commits and tree entries as values.
//
// The package of that name in go-git has the same ones, and can also verify their signatures and compare them; with that come
// OpenPGP, elliptic curves and go-git's configuration, whose initialisers took two of the six milliseconds that jitos needed to
// start. Hashes, kinds and modes are go-git's; package gogit hands a repository to all of its tools.
package object

import (
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
)

// TreeEntry is an entry of a tree.
type TreeEntry struct {
	Name string
	Mode filemode.FileMode
	Hash plumbing.Hash
}

// Commit is a commit less its signature. The message is as stored; Encoding says how, "" for UTF-8.
type Commit struct {
	TreeHash     plumbing.Hash
	ParentHashes []plumbing.Hash
	Author       Signature
	Committer    Signature
	Encoding     string
	Message      string
}

// Signature is who did something, and when, to the second and in a time zone.
type Signature struct {
	Name  string
	Email string
	When  time.Time
}
