package warpgit

import (
	"bytes"
	"fmt"
	"strconv"
	"time"

	"github.com/go-git/go-git/v5/plumbing"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/warpgit/object"
)

// encodeCommit appends the bytes of a commit object as git writes it.
func encodeCommit(b []byte, c *object.Commit) []byte {
	b = appendHash(append(b, "tree "...), c.TreeHash)
	for _, p := range c.ParentHashes {
		b = appendHash(append(b, "parent "...), p)
	}
	b = appendSignature(append(b, "author "...), c.Author)
	b = appendSignature(append(b, "committer "...), c.Committer)
	return append(append(b, '\n'), c.Message...)
}

func appendHash(b []byte, id plumbing.Hash) []byte {
	const digits = "0123456789abcdef"
	for _, v := range id {
		b = append(b, digits[v>>4], digits[v&15])
	}
	return append(b, '\n')
}

func appendSignature(b []byte, s object.Signature) []byte {
	b = append(append(append(append(b, s.Name...), " <"...), s.Email...), "> "...)
	b = append(strconv.AppendInt(b, s.When.Unix(), 10), ' ')
	_, offset := s.When.Zone()
	sign := byte('+')
	if offset < 0 {
		sign, offset = '-', -offset
	}
	minutes := offset / 60
	b = append(b, sign, byte('0'+minutes/600%10), byte('0'+minutes/60%10), byte('0'+minutes%60/10), byte('0'+minutes%10), '\n')
	return b
}

// decodeCommit reads the bytes of a commit object. Headers beside the usual ones, as signatures have, are passed over, but for
// the encoding.
func decodeCommit(data []byte) (*object.Commit, error) {
	c := &object.Commit{}
	bad := func(what string, line []byte) (*object.Commit, error) {
		return nil, fmt.Errorf("%w: %s: %.60q", jitos.ErrCorrupt, what, line)
	}
	for first := true; ; first = false {
		line, rest, ok := bytes.Cut(data, []byte{'\n'})
		if !ok && len(line) == 0 {
			return c, checkedCommit(c) // no message at all
		}
		data = rest
		if len(line) == 0 {
			break
		}
		if line[0] == ' ' {
			continue // belongs to the header before
		}
		key, value, _ := bytes.Cut(line, []byte{' '})
		if first != (string(key) == "tree") {
			return bad("a commit begins with its tree", line)
		}
		switch string(key) {
		case "tree", "parent":
			id, err := parseID(string(value))
			if err != nil {
				return bad("header", line)
			}
			if first {
				c.TreeHash = id
			} else {
				c.ParentHashes = append(c.ParentHashes, id)
			}
		case "author":
			c.Author = decodeSignature(value)
		case "committer":
			c.Committer = decodeSignature(value)
		case "encoding":
			c.Encoding = string(value)
		}
	}
	c.Message = string(data)
	return c, checkedCommit(c)
}

func checkedCommit(c *object.Commit) error {
	if c.TreeHash.IsZero() {
		return fmt.Errorf("%w: a commit without a tree", jitos.ErrCorrupt)
	}
	return nil
}

// decodeSignature reads "name <address> seconds zone". What cannot be read is left out: git has written odd ones in its time.
func decodeSignature(b []byte) object.Signature {
	var s object.Signature
	name, rest, ok := bytes.Cut(b, []byte{'<'})
	s.Name = string(bytes.TrimSpace(name))
	if !ok {
		return s
	}
	end := bytes.LastIndexByte(rest, '>')
	if end < 0 {
		return s
	}
	s.Email = string(rest[:end])
	seconds, zone, _ := bytes.Cut(bytes.TrimSpace(rest[end+1:]), []byte{' '})
	sec, err := strconv.ParseInt(string(seconds), 10, 64)
	if err != nil {
		return s
	}
	s.When = time.Unix(sec, 0).UTC()
	if n, err := strconv.Atoi(string(zone)); err == nil && len(zone) == 5 && n != 0 {
		s.When = s.When.In(time.FixedZone("", (n/100*60+n%100)*60))
	}
	return s
}

// firstParent reads the first parent, in hex, off the bytes of a commit: it stands behind the tree, which has a fixed length.
func firstParent(data []byte) (string, bool) {
	const at = len("tree \n") + 40
	if len(data) < at+len("parent ")+40 || string(data[at:at+len("parent ")]) != "parent " {
		return "", false
	}
	id := string(data[at+len("parent "):][:40])
	return id, plumbing.IsHash(id)
}
