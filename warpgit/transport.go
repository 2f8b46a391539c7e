package warpgit

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/jitos/jitos"
)

// CheckRemote refuses what is neither the name of a remote nor a URL that git itself can follow: an option, a text with line
// breaks, a URL for a helper of git's ("ext::" runs any command). The error Is jitos.ErrInvalid.
func CheckRemote(remote string) error {
	helper, _, isHelper := strings.Cut(remote, "::")
	switch {
	case remote == "" || strings.HasPrefix(remote, "-"):
		return fmt.Errorf("remote %q: %w: neither a name nor a URL", remote, jitos.ErrInvalid)
	case strings.ContainsFunc(remote, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("remote %q: %w: a control character in it", remote, jitos.ErrInvalid)
	case isHelper && strings.Trim(helper, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-") == "":
		return fmt.Errorf("remote %q: %w: jitos goes through none of git's remote helpers, such as git-remote-%s", remote, jitos.ErrInvalid, helper)
	}
	return nil
}

// What of the user's settings reaches a git that talks to a remote: where remotes are, how to get there, and who the user is
// there. Some of these are programs (ssh, helpers for credentials, a proxy): they are the user's own, from files that no
// remote can write. Nothing else is let through: no hooks, filters, monitors, aliases or refspecs.
var (
	transportSections = []string{"credential", "http", "https", "url", "protocol", "ssh"}
	transportKeys     = []string{"core.sshcommand", "core.askpass", "core.gitproxy", "transfer.credentialsinurl"}
	remoteKeys        = []string{"url", "pushurl", "proxy", "proxyauthmethod", "uploadpack", "receivepack"}
)

func forTransport(key string) bool {
	section, rest, _ := strings.Cut(key, ".")
	for _, s := range transportSections {
		if section == s {
			return true
		}
	}
	for _, k := range transportKeys {
		if key == k {
			return true
		}
	}
	if section == "remote" {
		for _, k := range remoteKeys {
			if strings.HasSuffix(rest, "."+k) {
				return true
			}
		}
	}
	return false
}

// transport passes those settings on by the environment, each once, as git sees them from here, includes and all. Transports
// that run a command of the URL's choice stay closed whatever the settings say.
func (r *Repo) transport(ctx context.Context) ([]string, limits, error) {
	bounds := defaultLimits()
	out, err := r.Git(ctx, "config", "--list", "-z")
	if err != nil && exitCode(err) != 1 {
		return nil, bounds, err
	}
	env := []string{"GIT_CONFIG_GLOBAL=" + os.DevNull, "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_PARAMETERS="}
	if allowed, set := os.LookupEnv("GIT_ALLOW_PROTOCOL"); set { // it would outweigh protocol.*
		var safe []string
		for _, p := range strings.Split(allowed, ":") {
			if p != "ext" && p != "fd" {
				safe = append(safe, p)
			}
		}
		env = append(env, "GIT_ALLOW_PROTOCOL="+strings.Join(safe, ":"))
	}
	count := 0
	pass := func(key, value string) {
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", count, key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", count, value))
		count++
	}
	for _, entry := range bytes.Split(out, []byte{0}) {
		key, value, ok := strings.Cut(string(entry), "\n")
		if !ok {
			value = "true" // a key without a value
		}
		if err := bounds.set(key, value); err != nil {
			return nil, bounds, err
		}
		if forTransport(key) {
			pass(key, value)
		}
	}
	pass("protocol.ext.allow", "never")
	pass("protocol.fd.allow", "never")
	return append(env, fmt.Sprintf("GIT_CONFIG_COUNT=%d", count)), bounds, nil
}
