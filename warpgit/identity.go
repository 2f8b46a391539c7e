package warpgit

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// who is the user of the repository, as git would write it into a commit; without a name set it is jitos itself.
func (r *Repo) who(ctx context.Context) (string, error) {
	r.identity.Lock()
	defer r.identity.Unlock()
	if r.ident != "" {
		return r.ident, nil
	}
	if r.ident = r.plainIdentity(); r.ident != "" {
		return r.ident, nil
	}
	line, err := r.gitLine(ctx, "var", "GIT_COMMITTER_IDENT") // name <address> seconds zone
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	r.ident = "jitos <jitos@localhost>"
	if i := strings.LastIndexByte(line, '>'); err == nil && i > 0 {
		r.ident = line[:i+1]
	}
	return r.ident, nil
}

// plainIdentity reads the identity from the environment and git's settings, without starting git. It is "" in every case that
// is not plain: where a part is not set or needs cleaning, a file includes another, or it is not known which files git reads.
func (r *Repo) plainIdentity() string {
	name, address := os.Getenv("GIT_COMMITTER_NAME"), os.Getenv("GIT_COMMITTER_EMAIL")
	if name == "" || address == "" {
		all, ok := r.plainConfig()
		if !ok {
			return ""
		}
		for _, section := range []string{"user", "committer"} {
			if v := all.value(section + ".name"); v != "" && os.Getenv("GIT_COMMITTER_NAME") == "" {
				name = v
			}
			if v := all.value(section + ".email"); v != "" && os.Getenv("GIT_COMMITTER_EMAIL") == "" {
				address = v
			}
		}
	}
	for _, part := range []string{name, address} {
		if part == "" || strings.ContainsFunc(part, func(c rune) bool { return c < ' ' || c == '<' || c == '>' }) ||
			strings.Trim(part, " .,:;\"\\'") != part {
			return ""
		}
	}
	return name + " <" + address + ">"
}

// plainConfig reads git's settings without starting git, once. ok is false where only git can tell what counts.
func (r *Repo) plainConfig() (config, bool) {
	if !r.config.read {
		r.config.all, r.config.ok = r.readConfig()
		r.config.read = true
	}
	return r.config.all, r.config.ok
}

func (r *Repo) readConfig() (config, bool) {
	files, ok := r.configFiles()
	if !ok {
		return nil, false
	}
	var all config
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) || notDir(err) {
			continue
		}
		one, perr := parseConfig(text)
		if err != nil || perr != nil || one.including() {
			return nil, false
		}
		all = append(all, one...)
	}
	return all, true
}

// configFiles lists the files that git reads for this repository, the one that counts most last. ok is false where that
// cannot be told for certain.
func (r *Repo) configFiles() (files []string, ok bool) {
	for _, name := range []string{"GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"} {
		if _, set := os.LookupEnv(name); set {
			return nil, false
		}
	}
	switch system, set := os.LookupEnv("GIT_CONFIG_SYSTEM"); {
	case os.Getenv("GIT_CONFIG_NOSYSTEM") == "1" || os.Getenv("GIT_CONFIG_NOSYSTEM") == "true":
	case set:
		files = append(files, system)
	default: // it was decided when git was built
		git, err := exec.LookPath("git")
		if err != nil || runtime.GOOS != "linux" || git != "/usr/bin/git" && git != "/bin/git" {
			return nil, false
		}
		files = append(files, "/etc/gitconfig")
	}
	if global, set := os.LookupEnv("GIT_CONFIG_GLOBAL"); set {
		files = append(files, global)
	} else {
		home := os.Getenv("HOME")
		if home == "" {
			return nil, false
		}
		xdg := os.Getenv("XDG_CONFIG_HOME")
		if xdg == "" {
			xdg = filepath.Join(home, ".config")
		}
		files = append(files, filepath.Join(xdg, "git", "config"), filepath.Join(home, ".gitconfig"))
	}
	files = append(files, filepath.Join(r.Common, "config"))
	if exists(filepath.Join(r.GitDir, "config.worktree")) {
		return nil, false // it counts where an extension says so
	}
	return files, true
}
