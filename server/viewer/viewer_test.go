package viewer_test

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What is embedded is what the sources give, byte for byte.
func TestBuilt(t *testing.T) {
	modules := modules(t)
	dir := t.TempDir()
	for _, name := range []string{"src", "ops"} {
		if err := os.CopyFS(filepath.Join(dir, name), os.DirFS(name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"build.mjs", "package.json", "tsconfig.json"} {
		raw, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), raw, 0o666)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(modules, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"build.mjs"}, {"node_modules/typescript/bin/tsc"}} {
		cmd := exec.Command("node", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("node %v: %v\n%s", args, err, out)
		}
	}
	built, kept := files(t, filepath.Join(dir, "dist")), files(t, "dist")
	for name, raw := range built {
		if !bytes.Equal(raw, kept[name]) {
			t.Errorf("dist/%s is not what the sources give: run `npm ci && npm run build` in server/viewer", name)
		}
		delete(kept, name)
	}
	for name := range kept {
		t.Errorf("dist/%s comes from no source", name)
	}
}

// Edges that leave the view are drawn, those within it before them.
func TestPicture(t *testing.T) {
	if out, err := exec.Command("node", "testdata/picture.mjs", modules(t)).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			all[name], err = os.ReadFile(filepath.Join(dir, name))
		}
		return err
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("%s: %v", dir, err)
	}
	return all
}

// modules is where the packages of package.json are installed: JITOS_VIEWER_MODULES, or here.
func modules(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("JITOS_VIEWER_MODULES")
	if dir == "" {
		dir = "node_modules"
	}
	dir, err := filepath.Abs(dir)
	if err == nil {
		_, err = os.Stat(filepath.Join(dir, "esbuild"))
	}
	if err != nil {
		why := "JITOS_VIEWER_MODULES names no directory with the packages of server/viewer/package.json"
		if words := strings.FieldsFunc(os.Getenv("JITOS_REQUIRE"), func(r rune) bool { return r == ',' || r == ' ' }); slices.Contains(words, "viewer") {
			t.Fatal("viewer is required: " + why)
		}
		t.Skip(why)
	}
	return dir
}
