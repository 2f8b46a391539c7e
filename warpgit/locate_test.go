package warpgit

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Wherever a repository is found without git, git finds the same one; where git refuses or decides by more than is looked at
// here, git is asked. plain says for which layouts starting git must not be needed.
func TestLocate(t *testing.T) {
	dir := newDir(t)
	top := filepath.Dir(dir)
	base := t.TempDir()
	at := func(parts ...string) string { return filepath.Join(append([]string{base}, parts...)...) }
	mkdir := func(path string) string {
		t.Helper()
		if err := os.MkdirAll(path, 0o777); err != nil {
			t.Fatal(err)
		}
		return path
	}
	run(t, dir, "worktree", "add", "-q", "--detach", at("linked"))
	run(t, base, "init", "-q", "--bare", "bare.git")
	run(t, base, "init", "-q", "--separate-git-dir", at("aside.git"), at("aside"))
	run(t, base, "init", "-q", "moved")
	run(t, at("moved"), "config", "core.worktree", mkdir(at("elsewhere")))
	run(t, base, "init", "-q", "called-bare")
	run(t, at("called-bare"), "config", "core.bare", "true")
	run(t, base, "init", "-q", "per-worktree")
	run(t, at("per-worktree"), "config", "extensions.worktreeConfig", "true")
	run(t, at("per-worktree"), "config", "--worktree", "core.bare", "false")
	run(t, base, "init", "-q", "future")
	run(t, at("future"), "config", "core.repositoryFormatVersion", "7")
	mkdir(at("future", "sub"))
	mkdir(at("not-one", ".git", "objects"))
	run(t, base, "init", "-q", "outer")
	mkdir(at("outer", "a", "b"))
	write(t, at("outer"), "a/.git", "nonsense\n")
	mkdir(at("outer", "c", ".git"))
	if err := os.Symlink(at("outer", "c"), at("link")); err != nil {
		t.Fatal(err)
	}
	run(t, dir, "worktree", "add", "-q", "--detach", at("lost"))
	if err := os.RemoveAll(filepath.Join(dir, ".git", "worktrees", "lost")); err != nil {
		t.Fatal(err)
	}
	foreign := ""
	if os.Geteuid() == 0 {
		foreign = at("foreign")
		run(t, base, "init", "-q", "foreign")
		if err := os.Chown(foreign, 12345, 12345); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, dir string
		env       []string
		plain     bool
	}{
		{name: "top", dir: dir, plain: true},
		{name: "below", dir: filepath.Join(dir, "src"), plain: true},
		{name: "linked worktree", dir: at("linked"), plain: true},
		{name: "gitfile", dir: at("aside"), plain: true},
		{name: "through a symlink", dir: at("link"), plain: true},
		{name: "a .git that is none, in a repository", dir: at("outer", "c"), plain: true},
		{name: "broken gitfile", dir: at("outer", "a", "b")},
		{name: "worktree whose git directory is gone", dir: at("lost")},
		{name: "inside of .git", dir: filepath.Join(dir, ".git", "refs")},
		{name: "bare", dir: at("bare.git")},
		{name: "core.worktree", dir: at("moved")},
		{name: "core.bare", dir: at("called-bare")},
		{name: "worktree config", dir: at("per-worktree")},
		{name: "format 7", dir: at("future", "sub")},
		{name: "not a repository", dir: at("not-one")},
		{name: "somebody else's", dir: foreign},
		{name: "ceiling", dir: filepath.Join(dir, "src"), env: []string{"GIT_CEILING_DIRECTORIES=" + dir}},
		{name: "ceiling above", dir: filepath.Join(dir, "src"), env: []string{"GIT_CEILING_DIRECTORIES=/nowhere:" + top}, plain: true},
		{name: "ceiling at the start", dir: dir, env: []string{"GIT_CEILING_DIRECTORIES=" + dir}, plain: true},
		{name: "ceiling through a symlink", dir: at("outer", "c"), env: []string{"GIT_CEILING_DIRECTORIES=" + at("up")}},
		{name: "ceiling after an empty one", dir: at("outer", "c"), env: []string{"GIT_CEILING_DIRECTORIES=:" + at("up")}, plain: true},
		{name: "GIT_DIR", dir: base, env: []string{"GIT_DIR=" + filepath.Join(dir, ".git")}},
		{name: "GIT_DIR and GIT_WORK_TREE", dir: base, env: []string{"GIT_DIR=" + filepath.Join(dir, ".git"), "GIT_WORK_TREE=" + at("outer")}},
	} {
		if c.dir == "" {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			if strings.HasPrefix(c.name, "ceiling") {
				os.Symlink(at("outer"), at("up"))
			}
			for _, kv := range c.env {
				name, value, _ := strings.Cut(kv, "=")
				t.Setenv(name, value)
			}
			want, err := locateByGit(ctx, c.dir)
			got := locatePlain(c.dir)
			if (got != nil) != c.plain {
				t.Fatalf("plain: %t, want %t; git: %+v %v", got != nil, c.plain, want, err)
			}
			if got == nil {
				return
			}
			if err != nil || got.GitDir != want.GitDir || got.Common != want.Common || got.Worktree != want.Worktree {
				t.Errorf("found %q %q %q\ngit   %+v %v", got.GitDir, got.Common, got.Worktree, want, err)
			}
		})
	}
}

// Who commits is what git says, and in the common cases git is not asked.
func TestIdentity(t *testing.T) {
	dir := newDir(t)
	t.Setenv("GIT_COMMITTER_NAME", "")
	t.Setenv("GIT_COMMITTER_EMAIL", "")
	os.Unsetenv("GIT_COMMITTER_NAME")
	os.Unsetenv("GIT_COMMITTER_EMAIL")
	home := os.Getenv("HOME")
	os.Unsetenv("GIT_CONFIG_GLOBAL")
	r := openDir(t, dir)
	for _, c := range []struct {
		name, global, local string
		env                 []string
		plain               bool
	}{
		{name: "global", global: "[user]\n name = Ada L\n email = ada@x.org\n", plain: true},
		{name: "local wins", global: "[user]\n name = Ada\n email = ada@x.org\n", local: "[user]\n\temail = \"other@x.org\" ; mine\n", plain: true},
		{name: "the last wins", global: "[user]\n name = A\n name = B\n email = a@x.org\n[USER]\n NAME = C\n", plain: true},
		{name: "committer wins", global: "[committer]\n name = Com Mitter\n[user]\n name = Ada\n email = ada@x.org\n", plain: true},
		{name: "environment wins", global: "[user]\n name = Ada\n email = ada@x.org\n", env: []string{"GIT_COMMITTER_NAME=Eve", "GIT_COMMITTER_EMAIL=eve@x.org"}, plain: true},
		{name: "a part from the environment", global: "[user]\n name = Ada\n email = ada@x.org\n", env: []string{"GIT_COMMITTER_NAME=Eve"}, plain: true},
		{name: "quotes and continuation", global: "[user]\n name = \"Ada \\\"the\\\" \" \\\n  Lovelace\n email = ada@x.org # comment\n", plain: true},
		{name: "unicode", global: "[user]\n name = Åda Ł\n email = ada@x.org\n", plain: true},
		{name: "a file that includes another", global: "[user]\n name = Ada\n email = ada@x.org\n[include]\n path = more\n"},
		{name: "conditional", global: "[user]\n name = Ada\n email = ada@x.org\n[includeIf \"gitdir:/\"]\n path = more\n"},
		{name: "to be cleaned", global: "[user]\n name = \"Ada <x>.\"\n email = ada@x.org\n"},
		{name: "no address", global: "[user]\n name = Ada\n"},
		{name: "on the command line", global: "[user]\n name = Ada\n email = ada@x.org\n", env: []string{"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=user.name", "GIT_CONFIG_VALUE_0=Eve"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			write(t, home, ".gitconfig", c.global)
			write(t, home, "more", "[user]\n name = Included\n")
			local := read(t, dir, ".git/config")
			write(t, dir, ".git/config", local+c.local)
			defer write(t, dir, ".git/config", local)
			for _, kv := range c.env {
				name, value, _ := strings.Cut(kv, "=")
				t.Setenv(name, value)
			}
			r.ident, r.config.read = "", false
			if got := r.plainIdentity(); (got != "") != c.plain {
				t.Errorf("plain: %q", got)
			}
			got, err := r.who(ctx)
			line, _ := r.gitLine(ctx, "var", "GIT_COMMITTER_IDENT")
			if want := line[:strings.LastIndexByte(line, '>')+1]; err != nil || want != "" && got != want {
				t.Errorf("got %q %v, git says %q", got, err, want)
			}
		})
	}
}

// What git makes of a file of settings is what is read here, on files made of the pieces that its grammar knows; where git
// refuses a file, it is refused here.
func TestParseConfig(t *testing.T) {
	dir := t.TempDir()
	isolate(t)
	pieces := []string{"[core]", "[a \"Sub.x\"]", "[Old.Sub]", "[b \"q\\\"\\\\\"]", "\n", "\n", "\n", " ", "\tkey", "Name-2", " = ", "=", "value", " two  words ",
		"\"quoted \"", "\"", "\\", "\\n", "\\t", "\\\n", "\\x", "#c", ";", "# not [this]\n", "0", "é", "\r\n", "[", "]", "1bad"}
	check := func(t interface{ Fatalf(string, ...any) }, text string) {
		writeConfig(dir, text)
		out, err := gitCommand{dir: dir, args: []string{"config", "--file", "config", "--list", "-z"}}.run(ctx)
		got, perr := parseConfig([]byte(text))
		if (err == nil) != (perr == nil) {
			t.Fatalf("%q\nhere %v, git %v", text, perr, err)
		}
		if err != nil {
			return
		}
		var b strings.Builder
		for _, s := range got {
			b.WriteString(s.name)
			if !s.alone {
				b.WriteString("\n" + s.value)
			}
			b.WriteByte(0)
		}
		blanks := strings.NewReplacer("\t", " ") // an older git makes a blank of a tab in a value
		if blanks.Replace(b.String()) != blanks.Replace(string(out)) {
			t.Fatalf("%q\nhere %q\ngit  %q", text, b.String(), out)
		}
	}
	for _, text := range []string{"", "[a]\nb", "[a]b=c", "[a \"\"]\nb=1\n", "[a]\n b = x \\\n y\n", "[a]\nb = \"x\ny\"\n", "\ufeff[a]\nb=\n", "[a]\nb=\"\" x", "[a]\nb = x  \"\"\n"} {
		check(t, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 14).Draw(t, "pieces"), ""))
	})
}

func writeConfig(dir, text string) {
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(text), 0o666); err != nil {
		panic(err)
	}
}
