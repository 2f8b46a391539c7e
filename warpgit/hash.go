package warpgit

import (
	"crypto/sha1"
	"strconv"

	"github.com/go-git/go-git/v5/plumbing"
)

// hashOwn names an object whose bytes jitos made itself, with the standard library's SHA-1: it uses the processor's instructions
// for it.
func hashOwn(kind plumbing.ObjectType, data []byte) plumbing.Hash {
	var room [32]byte
	h := sha1.New()
	h.Write(append(strconv.AppendInt(append(append(room[:0], kind.Bytes()...), ' '), int64(len(data)), 10), 0))
	h.Write(data)
	var id plumbing.Hash
	h.Sum(id[:0])
	return id
}

// hashForeign names an object whose bytes came from somebody else. It is ten times slower, for it detects the known ways of
// making two objects with one name, as git does.
func hashForeign(kind plumbing.ObjectType, data []byte) plumbing.Hash {
	return plumbing.ComputeHash(kind, data)
}
