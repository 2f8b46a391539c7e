package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// fabric is a repository with so many nodes.
type fabric struct {
	dir   string
	nodes int
}

// fabric makes the fabric of a size, once: by `jitos init` as every fabric is, and its nodes in bulk through the store.
func (b *bench) fabric(nodes int) (*fabric, error) {
	if f := b.fabrics[nodes]; f != nil {
		return f, nil
	}
	f := &fabric{filepath.Join(b.dir, fmt.Sprintf("fabric-%d-%d", nodes, b.rewrites)), nodes}
	err := b.once(f.dir, func(dir string) error {
		files := map[string]string{}
		for i := range 16 {
			files[fmt.Sprintf("src/file%d.txt", i)] = fmt.Sprintf("file %d\n", i)
		}
		if err := makeRepo(dir, files); err != nil {
			return err
		}
		for _, args := range [][]string{
			{b.jitos, "init"},
			{b.jitos, "task", "new", "something to look at"},
			b.task("grow", dir, nodes, b.rewrites),
			{b.jitos, "status"}, // joins small packs, as every command does
		} {
			if _, _, err := (process{dir: dir, args: args}).run(); err != nil {
				return err
			}
		}
		return nil
	})
	b.fabrics[nodes] = f
	return f, err
}

// once makes a directory under another name and renames it when it is whole, so that one that was kept can be trusted.
func (b *bench) once(dir string, fill func(dir string) error) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	part := dir + ".part"
	removeAll(part)
	if err := fill(part); err != nil {
		return err
	}
	return os.Rename(part, dir)
}

// copy makes a copy of a fabric to be changed. The caller removes it.
func (b *bench) copy(f *fabric) (*fabric, error) {
	b.copies++
	to := filepath.Join(b.dir, fmt.Sprintf("copy-%d", b.copies))
	removeAll(to)
	if err := os.CopyFS(to, os.DirFS(f.dir)); err != nil {
		return nil, fmt.Errorf("copy a fabric: %w", err)
	}
	return &fabric{to, f.nodes}, nil
}

// fabricCopy makes a copy of the fabric of a size to be changed. The caller removes it.
func (b *bench) fabricCopy(nodes int) (*fabric, error) {
	f, err := b.fabric(nodes)
	if err != nil {
		return nil, err
	}
	return b.copy(f)
}

func (f *fabric) gitDir() string { return filepath.Join(f.dir, ".git") }

// head is the commit of the system line.
func (f *fabric) head() (string, error) {
	_, out, err := process{dir: f.dir, args: []string{"git", "rev-parse", systemBranch}}.run()
	return strings.TrimSpace(string(out)), err
}

const systemBranch = "refs/heads/jitos/system"

// makeRepo makes a repository with one commit.
func makeRepo(dir string, files map[string]string) error {
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			return err
		}
	}
	for _, args := range [][]string{
		{"git", "init", "-q", "-b", "main"}, {"git", "config", "gc.auto", "0"}, {"git", "add", "."}, {"git", "commit", "-q", "-m", "first"},
		{"git", "repack", "-adq"},
	} {
		if _, _, err := (process{dir: dir, args: args}).run(); err != nil {
			return err
		}
	}
	return nil
}

// task is the command line of a task of tasks.go.
func (b *bench) task(name string, args ...any) []string {
	line := []string{b.self, taskArg, name}
	for _, a := range args {
		line = append(line, fmt.Sprint(a))
	}
	return line
}
