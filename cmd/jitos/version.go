package main

import (
	"context"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

func versionCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:        "version",
		Category:    groupTool,
		Usage:       "the version of this program, of Go and of git",
		Description: `--json: {"jitos","commit","modified","format","go","git","platform"}; format is that of the bytes in git.`,
		Flags:       []cli.Flag{jsonFlag()},
		Action:      func(c *cli.Context) error { return a.version(c) },
	}
}

// versionCard is what `version --json` prints.
type versionCard struct {
	Jitos    string `json:"jitos"`
	Commit   string `json:"commit"`
	Modified bool   `json:"modified"` // built from files that were not committed
	Format   int    `json:"format"`
	Go       string `json:"go"`
	Git      string `json:"git"`
	Platform string `json:"platform"`
}

func (a *app) version(c *cli.Context) error {
	if _, err := arguments(c, 0, 0); err != nil {
		return err
	}
	v := buildVersion()
	v.Git = gitVersion(c.Context)
	if c.Bool("json") {
		return a.ui.json(v)
	}
	commit := v.Commit
	if commit == "" {
		commit = "unknown"
	}
	if v.Modified {
		commit += ", modified"
	}
	a.ui.printf("jitos %s (commit %s, format %d)\n%s %s, git %s\n", v.Jitos, commit, v.Format, v.Go, v.Platform, v.Git)
	return nil
}

// buildVersion is what the Go tool wrote into the program.
func buildVersion() versionCard {
	v := versionCard{Jitos: "(devel)", Format: jitos.Format, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Jitos = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value[:min(12, len(s.Value))]
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

// gitVersion is "" where there is no git.
func gitVersion(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "--version").Output()
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(strings.TrimSpace(string(out)), "git version ")
}
