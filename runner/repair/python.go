package repair

import (
	"embed"
	"encoding/json"
	"fmt"
)

//go:embed python/run.py python/edits.py
var pythonFiles embed.FS

// PythonFiles are the programs that trace, edit and try Python, by their names: Python's own ast module does the parsing, with
// the interpreter that the project's tests run with. run.py is the one to start.
func PythonFiles() map[string][]byte {
	files := map[string][]byte{}
	for _, name := range []string{"run.py", "edits.py"} {
		text, err := pythonFiles.ReadFile("python/" + name)
		if err != nil {
			panic(err) // it was embedded
		}
		files[name] = text
	}
	return files
}

// ReadPythonEdits reads what run.py says of edits; sources are the files that they are of.
func ReadPythonEdits(answer []byte, source func(path string) ([]byte, error)) ([]Edit, error) {
	var found struct{ Edits [][]any }
	if err := json.Unmarshal(answer, &found); err != nil {
		return nil, fmt.Errorf("read the edits: %w", err)
	}
	var edits []Edit
	for _, f := range found.Edits {
		var e Edit
		var start, end, line float64
		ok := len(f) == 8
		for i, into := range []any{&e.Path, &start, &end, &e.Text, &e.Kind, &line, &e.Place, &e.Score} {
			if !ok {
				break
			}
			switch into := into.(type) {
			case *string:
				*into, ok = f[i].(string)
			case *float64:
				*into, ok = f[i].(float64)
			}
		}
		src, err := source(e.Path)
		if err != nil {
			return nil, err
		}
		e.Start, e.End, e.Line = int(start), int(end), int(line)
		if !ok || e.Start > e.End || e.End > len(src) {
			return nil, fmt.Errorf("read the edits: %v is none", f)
		}
		e.Was = string(src[e.Start:e.End])
		edits = append(edits, e)
	}
	return edits, nil
}
