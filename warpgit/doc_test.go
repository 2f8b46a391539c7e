package warpgit

import (
	"os"
	"strings"
	"testing"

	"github.com/jitos/jitos"
)

// The package comment shows real files: this writes them, and looks for their bytes in it.
func TestDoc(t *testing.T) {
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	dir := newDir(t)
	r := openDir(t, dir)
	file, err := FabricFile("greeter-mfzwizlt")
	if err != nil {
		t.Fatal(err)
	}
	rw := birth()
	rw.Fabric = map[string][]byte{"fabric.json": file}
	tip := appendTo(t, r.Store, jitos.SystemRef, "", rw)
	svc, lib := node("service", "greeter", "owner", "Ada", "port", "8080"), node("library", "words")
	lib.Fields["tags"] = []any{"text", "pure"}
	uses := edge(svc, "uses", lib, "")
	uses.Attrs = map[string]any{"since": 3}
	rewrite := jitos.Rewrite{Rule: "graph", Actor: ada, Task: "map-services-mfzwizlt", What: "the greeter uses the words", Why: "It was not written down.",
		Set: []jitos.Node{svc, lib}, Edges: []jitos.Edge{uses}, Reads: []jitos.Read{{Path: "src/main.go", Is: "100644 06ab7d0f9a35a7d9e1c0a1c6ebd9a7f3fa2fb9a3"}}}
	tip = appendTo(t, r.Store, jitos.SystemRef, tip, rewrite)
	for _, path := range []string{"fabric.json", "rewrite.json", "nodes/service/greeter.json", "nodes/library/words.json",
		"edges/service/greeter.e/uses/" + uses.EdgeID() + ".json"} {
		if !strings.Contains(string(text), path[strings.LastIndex(path, "/")+1:]) {
			t.Errorf("doc.go does not name %s", path)
		}
		want := indented(run(t, dir, "show", string(tip)+":.jitos/"+path))
		if !strings.Contains(string(text), want) {
			t.Errorf("doc.go does not show %s as it is:\n%s", path, want)
		}
	}
	if want := indented(run(t, dir, "log", "-1", "--format=%B", string(tip))); !strings.Contains(string(text), want) {
		t.Errorf("doc.go does not show the message as it is:\n%s", want)
	}
}

func indented(s string) string {
	var b strings.Builder
	for _, line := range strings.Split(strings.TrimRight(s, "\n"), "\n") {
		b.WriteString(strings.TrimRight("//\t"+line, "\t") + "\n")
	}
	return b.String()
}
