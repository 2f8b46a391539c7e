package overlay

import (
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"

	"github.com/jitos/jitos/warpgit/object"
)

// draft is a merged file or directory. One that exists already has an id; the others are written only when all is merged,
// so that a merge that fails leaves nothing behind. The zero draft is none.
type draft struct {
	name  string
	mode  filemode.FileMode
	id    plumbing.Hash
	data  []byte  // of a new file
	below []draft // of a new directory
}

func (d draft) absent() bool { return d.mode == 0 }

// write stores what of a draft does not exist yet, the lowest first.
func (d draft) write(objects Objects) (entry object.TreeEntry, err error) {
	entry = object.TreeEntry{Name: d.name, Mode: d.mode, Hash: d.id}
	switch {
	case !d.id.IsZero():
	case d.mode != filemode.Dir:
		entry.Hash, err = objects.PutBlob(d.data)
	default:
		entries := make([]object.TreeEntry, len(d.below))
		for i, b := range d.below {
			if entries[i], err = b.write(objects); err != nil {
				return entry, err
			}
		}
		entry.Hash, err = objects.PutTree(entries)
	}
	return entry, err
}
