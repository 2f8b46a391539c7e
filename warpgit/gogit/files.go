package gogit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	format "github.com/go-git/go-git/v5/plumbing/format/config"
	"github.com/go-git/go-git/v5/plumbing/format/index"
)

// extensions is the section of the configuration that go-git refuses where it does not know what is in it. What warpgit knows is
// its own business, so it is left out, and stays as it is.
const extensions = "extensions"

// Config reads the repository's own configuration.
func (a *adapter) Config() (*config.Config, error) {
	data, err := os.ReadFile(filepath.Join(a.repo.Common, "config"))
	if err != nil {
		return nil, err
	}
	cfg, err := config.ReadConfig(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	cfg.Raw.RemoveSection(extensions)
	return cfg, nil
}

// SetConfig writes the configuration.
func (a *adapter) SetConfig(cfg *config.Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	return a.raw.Replace(filepath.Join(a.repo.Common, "config"), func(old []byte) ([]byte, error) {
		was := format.New()
		if err := format.NewDecoder(bytes.NewReader(old)).Decode(was); err != nil {
			return nil, err
		}
		if _, err := cfg.Marshal(); err != nil { // brings cfg.Raw up to date
			return nil, err
		}
		raw := format.New()
		for _, s := range cfg.Raw.Sections {
			if !s.IsName(extensions) {
				raw.Sections = append(raw.Sections, s)
			}
		}
		if was.HasSection(extensions) {
			raw.Sections = append(raw.Sections, was.Section(extensions))
		}
		var out bytes.Buffer
		err := format.NewEncoder(&out).Encode(raw)
		return out.Bytes(), err
	})
}

// Index reads the index of the worktree; without one it is empty.
func (a *adapter) Index() (*index.Index, error) {
	idx := &index.Index{Version: 2}
	f, err := os.Open(filepath.Join(a.repo.GitDir, "index"))
	if errors.Is(err, fs.ErrNotExist) {
		return idx, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return idx, index.NewDecoder(f).Decode(idx)
}

func (a *adapter) SetIndex(idx *index.Index) error {
	return a.raw.Replace(filepath.Join(a.repo.GitDir, "index"), func([]byte) ([]byte, error) {
		var out bytes.Buffer
		err := index.NewEncoder(&out).Encode(idx)
		return out.Bytes(), err
	})
}

func (a *adapter) Shallow() ([]plumbing.Hash, error) { return a.raw.Shallow() }

func (a *adapter) SetShallow(ids []plumbing.Hash) error {
	return a.raw.Replace(filepath.Join(a.repo.Common, "shallow"), func([]byte) ([]byte, error) {
		var out bytes.Buffer
		for _, id := range ids {
			fmt.Fprintln(&out, id)
		}
		return out.Bytes(), nil
	})
}

func (a *adapter) PackRefs() error {
	_, err := a.repo.Git(context.Background(), "pack-refs", "--all")
	return err
}
