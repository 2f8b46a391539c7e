package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/overlay"
)

// Pointers for agents: a short section in the files of words that they read, and an entry in .mcp.json. A section stands between
// marks, so that it can be found again and taken out.
const (
	sectionBegin = "<!-- jitos:begin, written by `jitos init --agents --write`, taken out by --remove -->"
	sectionEnd   = "<!-- jitos:end -->"
	section      = sectionBegin + `
## jitos

Work in this repository goes through jitos: run ` + "`jitos prime`" + ` first, it says how (tools over stdio: ` + "`jitos mcp`" + `).
` + sectionEnd + "\n"

	mcpFile  = ".mcp.json"
	mcpEntry = `{"command": "jitos", "args": ["mcp"]}`
)

// agentFiles are files of words that agents read. The first is made where it is not there; the others get the section where
// somebody keeps them.
var agentFiles = []string{"AGENTS.md", "CLAUDE.md", "GEMINI.md", ".github/copilot-instructions.md"}

// pointer is one file, as it is and as it is to be; nil bytes: not there.
type pointer struct {
	path    string
	old, to []byte
}

type pointerJSON struct {
	Path   string `json:"path"`
	Change string `json:"change"` // "create", "change", "delete"
	Diff   string `json:"diff"`
}

// agents shows the pointers that agents would find, and writes them where --write asks for it.
func (a *app) agents(c *cli.Context) error {
	f, err := a.open(c.Context)
	if err != nil {
		return err
	}
	if f.repo.Worktree == "" {
		return fmt.Errorf("init --agents: %w: a bare repository has no files for agents", jitos.ErrInvalid)
	}
	root, err := os.OpenRoot(f.repo.Worktree)
	if err != nil {
		return err
	}
	defer root.Close()
	list, err := a.pointers(root, c.Bool("remove"))
	if err != nil {
		return err
	}
	write := c.Bool("write") || c.Bool("remove")
	shown := []pointerJSON{}
	for _, p := range list {
		shown = append(shown, p.show())
		if write {
			if err := p.write(root); err != nil {
				return fmt.Errorf("%s: %w", p.path, err)
			}
		}
	}
	if c.Bool("json") {
		return a.ui.json(map[string]any{"files": shown, "written": write && len(list) > 0})
	}
	for _, s := range shown {
		a.ui.printf("%s", clean(s.Diff))
	}
	switch {
	case len(list) == 0:
		a.ui.notef("nothing to do: the pointers are as they should be")
	case write:
		a.ui.notef("%s written; committing them is yours", plural(len(list), "file"))
	default:
		a.ui.notef("nothing was changed: `jitos init --agents --write` writes this, `--remove` takes it out again")
	}
	return nil
}

// pointers are the files that are not yet as they are to be.
func (a *app) pointers(root *os.Root, remove bool) ([]pointer, error) {
	var list []pointer
	add := func(path string, to func(old []byte) ([]byte, error)) error {
		if info, err := root.Lstat(path); err == nil && !info.Mode().IsRegular() {
			a.ui.notef("jitos: notice: %s is no plain file: left as it is", clean(path))
			return nil
		}
		old, err := root.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		after, err := to(old)
		if err != nil {
			a.ui.notef("jitos: notice: %s: %s: left as it is", clean(path), line(err.Error()))
			return nil
		}
		if !bytes.Equal(old, after) || (old == nil) != (after == nil) {
			list = append(list, pointer{path, old, after})
		}
		return nil
	}
	for i, path := range agentFiles {
		err := add(path, func(old []byte) ([]byte, error) {
			if old == nil && (i > 0 || remove) {
				return nil, nil
			}
			return withSection(old, remove)
		})
		if err != nil {
			return nil, err
		}
	}
	err := add(mcpFile, func(old []byte) ([]byte, error) { return withServer(old, remove) })
	return list, err
}

// withSection puts the section at the end of a text, or in its place where there is one, or takes it out.
func withSection(old []byte, remove bool) ([]byte, error) {
	text := string(old)
	from := strings.Index(text, "<!-- jitos:begin")
	rest := ""
	if from >= 0 {
		_, after, ok := strings.Cut(text[from:], sectionEnd)
		if !ok {
			return nil, errors.New("its section of jitos has no end")
		}
		text, rest = text[:from], strings.TrimPrefix(after, "\n")
	} else if remove {
		return old, nil
	}
	if remove {
		if text = strings.TrimSuffix(text, "\n\n") + map[bool]string{true: "\n"}[strings.HasSuffix(text, "\n\n")] + rest; text == "" {
			return nil, nil
		}
		return []byte(text), nil
	}
	if from < 0 && text != "" {
		text = strings.TrimRight(text, "\n") + "\n\n"
	}
	return []byte(text + section + rest), nil
}

// withServer puts the server into the JSON of .mcp.json, or takes it out; what else is in it stays, byte for byte.
func withServer(old []byte, remove bool) ([]byte, error) {
	fresh := "{\n  \"mcpServers\": {\n    \"jitos\": " + mcpEntry + "\n  }\n}\n"
	if old == nil {
		if remove {
			return nil, nil
		}
		return []byte(fresh), nil
	}
	var file map[string]json.RawMessage
	var servers map[string]json.RawMessage
	if err := json.Unmarshal(old, &file); err != nil {
		return nil, errors.New("it is no JSON object")
	}
	if raw, ok := file["mcpServers"]; ok {
		if err := json.Unmarshal(raw, &servers); err != nil || servers == nil {
			return nil, errors.New("its mcpServers is no object")
		}
	}
	line := "\n    \"jitos\": " + mcpEntry
	if _, there := servers["jitos"]; there {
		if !remove {
			return old, nil
		}
		for _, form := range []string{line + ",", "," + line, line} {
			if at := bytes.Index(old, []byte(form)); at >= 0 {
				if string(old) == fresh {
					return nil, nil
				}
				return append(append([]byte{}, old[:at]...), old[at+len(form):]...), nil
			}
		}
		return nil, errors.New("its entry jitos was not written by this command")
	}
	if remove {
		return old, nil
	}
	key, insert := []byte("{"), "\n  \"mcpServers\": {"+line+"\n  }"
	empty := len(file) == 0
	if servers != nil {
		at := bytes.Index(old, []byte(`"mcpServers"`))
		brace := bytes.IndexByte(old[at:], '{')
		key, insert, empty = old[:at+brace+1], line, len(servers) == 0
	} else {
		key = old[:bytes.IndexByte(old, '{')+1]
	}
	if !empty {
		insert += ","
	}
	after := append(append(append([]byte{}, key...), insert...), old[len(key):]...)
	if !json.Valid(after) {
		return nil, errors.New("it is written in a way that this command cannot add to")
	}
	return after, nil
}

func (p pointer) show() pointerJSON {
	d := overlay.FileDiff{Path: p.path, OldMode: "100644", NewMode: "100644", Old: jitos.BlobID(strings.Repeat("0", 40)), New: jitos.BlobID(strings.Repeat("1", 40))}
	s := pointerJSON{Path: p.path, Change: "change"}
	switch {
	case p.old == nil:
		d.OldMode, d.Old, s.Change = "", "", "create"
	case p.to == nil:
		d.NewMode, d.New, s.Change = "", "", "delete"
	}
	d.Hunks, _ = overlay.Hunks(p.old, p.to)
	var b strings.Builder
	overlay.WritePatch(&b, []overlay.FileDiff{d})
	for text := range strings.Lines(b.String()) {
		if !strings.HasPrefix(text, "index ") { // these are no objects
			s.Diff += text
		}
	}
	return s
}

// write replaces the file; one that has changed since it was looked at is left.
func (p pointer) write(root *os.Root) error {
	now, err := root.ReadFile(p.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !bytes.Equal(now, p.old) {
		return fmt.Errorf("%w: it has just been changed", jitos.ErrStale)
	}
	if p.to == nil {
		return root.Remove(p.path)
	}
	return root.WriteFile(p.path, p.to, 0o644)
}
