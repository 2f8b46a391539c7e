package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed sample.txtar
var sampleText []byte

// sampleStart is when the first commit of the sample was made; each of the others is a day later.
var sampleStart = time.Date(2024, 3, 4, 9, 30, 0, 0, time.UTC)

// makeSample writes the sample's history into a new repository. Its commits are the same on every machine.
func makeSample(ctx context.Context, dir string) error {
	if _, err := gitIn(ctx, dir, nil, "init", "-q", "--template=", "-b", "main", "."); err != nil {
		return err
	}
	for n := 1; ; n++ {
		files := sampleFiles(sampleText, n)
		if len(files) == 0 {
			return nil
		}
		message := files["MESSAGE"]
		delete(files, "MESSAGE")
		for name, data := range files {
			if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
				return err
			}
		}
		when := sampleStart.AddDate(0, 0, n-1).Format(time.RFC3339)
		env := []string{"GIT_AUTHOR_NAME=larder", "GIT_AUTHOR_EMAIL=larder@example.com", "GIT_AUTHOR_DATE=" + when,
			"GIT_COMMITTER_NAME=larder", "GIT_COMMITTER_EMAIL=larder@example.com", "GIT_COMMITTER_DATE=" + when}
		if _, err := gitIn(ctx, dir, nil, "add", "-A"); err != nil {
			return err
		}
		if _, err := gitIn(ctx, dir, env, "commit", "-q", "--cleanup=verbatim", "-m", string(bytes.TrimSpace(message))); err != nil {
			return err
		}
	}
}

// sampleFiles are the files of one commit: those of the archive below the directory of its number.
func sampleFiles(archive []byte, number int) map[string][]byte {
	files := map[string][]byte{}
	prefix, name := fmt.Sprintf("%d/", number), ""
	for l := range bytes.Lines(archive) {
		head := string(bytes.TrimRight(l, "\n"))
		if strings.HasPrefix(head, "-- ") && strings.HasSuffix(head, " --") {
			full := head[3 : len(head)-3]
			rest, ours := strings.CutPrefix(full, prefix)
			if name = ""; ours {
				name = rest
				files[name] = nil
			}
		} else if name != "" {
			files[name] = append(files[name], l...)
		}
	}
	return files
}

// gitIn runs git on the sample, whatever the caller's own configuration says of hooks, signatures and line ends.
func gitIn(ctx context.Context, dir string, env []string, args ...string) (string, error) {
	settings := []string{"-c", "core.hooksPath=/dev/null", "-c", "commit.gpgSign=false", "-c", "core.autocrlf=false", "-c", "core.pager=cat",
		"-c", "log.decorate=false", "-c", "color.ui=false"}
	cmd := exec.CommandContext(ctx, "git", append(settings, args...)...)
	cmd.Dir = dir
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "GIT_") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(append(cmd.Env, "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C.UTF-8"), env...)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return string(out), fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(said.String()))
	}
	return string(out), nil
}
