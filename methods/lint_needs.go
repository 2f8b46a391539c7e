package methods

import (
	"path"
	"strings"
)

// capabilities finds commands that evidently need a right which is not asked for: the network, writing below the directory
// of the job, starting a toolchain's commands, the history. Only what a word at the place of a command says is evident;
// what a script does that it starts is not looked at.
func (l *linter) capabilities() {
	for _, j := range l.lib.Jobs() {
		what := "job " + j.Name
		switch j.Worker {
		case "revert":
			l.needs(j.Pos, what, j.Use.Needs, want{"history:read", "it looks at the history"}, want{"fs.write", "it changes files"})
		case "bisect":
			l.needs(j.Pos, what, j.Use.Needs, want{"history:read", "it looks at the history"})
		case "patch", "repair":
			l.needs(j.Pos, what, j.Use.Needs, want{"fs.write", "it changes files"})
		}
		l.needs(j.Pos, what, j.Use.Needs, l.evident(j.Run, true)...)
	}
	for _, g := range l.lib.Gates() { // what a gate writes is thrown away
		l.needs(g.Pos, "gate "+g.Name, g.Use.Needs, l.evident(g.Run, false)...)
	}
	for _, t := range l.lib.Toolchains() {
		for _, a := range t.Can {
			for _, v := range a.Variants {
				l.needs(v.Pos, "toolchain "+t.Name+": can "+a.Name, v.Needs, l.evident(v.Run, !l.onlyGates(a.Name))...)
			}
		}
	}
	l.each(func(_ *Task, m *Method, s *Step) {
		l.needs(s.Pos, "step "+s.Name, s.Use.Needs, l.evident(s.Run, true)...)
	})
}

// onlyGates tells whether no job uses an ability.
func (l *linter) onlyGates(ability string) bool {
	for _, j := range l.lib.Jobs() {
		if j.Can == ability && j.Worker == "shell" {
			return false
		}
	}
	return true
}

// want is a capability that is needed, and how that shows.
type want struct{ capability, because string }

func (l *linter) needs(pos Pos, what string, have []string, wants ...want) {
	missing := map[string]bool{}
	for _, w := range wants {
		verb, scope, scoped := strings.Cut(w.capability, ":")
		held := missing[w.capability]
		for _, h := range have {
			hverb, hscope, _ := strings.Cut(h, ":")
			held = held || verb == hverb && (verb != "exec" || !scoped || hscope == "" || hscope == "*" || hscope == scope || l.sameChain(scope, hscope))
		}
		if held {
			continue
		}
		missing[w.capability] = true
		add := w.capability
		if add == "fs.write" {
			add = `"fs.write:PATTERN"`
		}
		l.complain(pos, CodeMissingCapability, "add "+add+" to needs", "%s: %s, and needs does not say so", what, w.because)
	}
}

// sameChain tells whether two words are the name or commands of one toolchain.
func (l *linter) sameChain(a, b string) bool {
	for _, t := range l.lib.Toolchains() {
		words := append([]string{t.Name}, t.Words...)
		if contains(words, a) && contains(words, b) {
			return true
		}
	}
	return false
}

// Commands, with the word that comes next where it matters, and what they evidently need.
var (
	onNetwork = map[string][]string{
		"curl": nil, "wget": nil, "ssh": nil, "scp": nil, "apt-get": nil, "apt": nil, "brew": nil,
		"git": {"clone", "fetch", "pull", "push", "ls-remote"}, "go": {"get", "install"}, "npm": {"install", "ci", "update", "publish"},
		"yarn": {"install", "add", "upgrade"}, "pnpm": {"install", "add", "update"}, "pip": {"install", "download"}, "pip3": {"install", "download"},
		"cargo": {"fetch", "install", "update"}, "docker": {"pull", "push"},
	}
	onFiles = map[string][]string{
		"rm": nil, "mv": nil, "cp": nil, "mkdir": nil, "rmdir": nil, "touch": nil, "tee": nil, "ln": nil, "patch": nil, "truncate": nil,
		"sed": {"-i", "-i.bak", "-Ei", "-ni"}, "gofmt": {"-w"}, "goimports": {"-w"}, "git": {"apply"}, "go": {"generate", "fmt", "get"},
	}
)

// evident lists what the commands of a shell text need. Writes tells whether what they write in their directory counts.
func (l *linter) evident(run Text, writes bool) []want {
	var wants []want
	for _, c := range commandsOf(run.String()) {
		name, next := path.Base(c.words[0]), ""
		if len(c.words) > 1 {
			next = c.words[1]
		}
		if subs, ok := onNetwork[name]; ok && (subs == nil || contains(subs, next)) {
			wants = append(wants, want{"net", "`" + strings.TrimSpace(name+" "+next) + "` uses the network"})
		}
		last := c.words[len(c.words)-1]
		if subs, ok := onFiles[name]; ok && writes && (subs == nil && inTree(last) || contains(subs, next)) {
			wants = append(wants, want{"fs.write", "`" + strings.TrimSpace(name+" "+next) + "` writes files"})
		}
		for _, to := range c.into {
			if writes && inTree(to) {
				wants = append(wants, want{"fs.write", "it writes to " + to})
			}
		}
		for _, t := range l.lib.Toolchains() {
			if contains(t.Words, c.words[0]) {
				wants = append(wants, want{"exec:" + t.Name, "it starts " + c.words[0]})
			}
		}
	}
	return wants
}

// inTree tells whether a word names a file in the directory of the job, as far as can be seen.
func inTree(word string) bool {
	return word != "" && !strings.ContainsAny(word[:1], `$/&"'`)
}
