package methods

import (
	"regexp"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"

	"github.com/jitos/jitos"
)

var (
	workers = []string{"shell", "bisect", "revert", "patch", "repair", "human"}
	reports = []string{"go", "pytest", "unittest", "tap", "jest", "exit", "none"}
	expects = []string{"pass", "fail", "any"}
	lends   = []string{"env", "file"}
)

// capability is a name, and what it is limited to: "net", "exec:go", "fs.write:docs/**".
var capability = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z.]*(:[^\s]+)?$`) })

// use reads the keys that say how a job is run.
func (r *reader) use(o *object) Use {
	u := Use{
		Needs: o.list("needs"), Reads: o.list("reads"), Keeps: o.list("keeps"), Produces: o.list("produces"),
		Report: o.text("report"), Chain: o.value("chain"), Expect: o.text("expect"), Resource: o.value("resource"),
		Fresh: o.flag("fresh"), Retries: o.number("retries", 0, 10), Unless: o.command("unless"), Timeout: o.number("timeout", 1, 86400),
		Secrets: o.text("secrets"),
	}
	if n := o.keys["retry"]; n != nil {
		if o.has("retries") {
			r.complain(o.pos("retry"), "give one of them", "retry and retries say the same")
		}
		if ro := r.object(n, "retry", "times", "wait"); ro != nil {
			u.Retries, u.Backoff = ro.number("times", 1, 10), ro.number("wait", 0, 3600)
			if !ro.has("times") {
				r.complain(r.pos(n), "give times:", "retry: how often")
			}
		}
	}
	for _, n := range u.Needs {
		if !capability().MatchString(n) {
			r.complain(o.pos("needs"), `write it like net, exec:go or "fs.write:docs/**"`, "needs: %q is no capability", n)
		}
	}
	for _, n := range u.Needs {
		r.limit(o.pos("needs"), "needs", n)
	}
	for _, p := range u.Produces {
		r.name(o.pos("produces"), "produces", p)
		if strings.Contains(p, ".") {
			r.complain(o.pos("produces"), "use - instead", "produces: a dot stands between a step and its artifact")
		}
	}
	oneOf := func(key, value string, legal []string) {
		if o.has(key) && !contains(legal, value) {
			r.complain(o.pos(key), suggest(value, legal), "%s: unknown value %q", key, value)
		}
	}
	oneOf("report", u.Report, reports)
	oneOf("expect", u.Expect, expects)
	oneOf("secrets", u.Secrets, lends)
	return u
}

// section reads the definitions below a key of the document.
func section[T any](r *reader, n *yaml.Node, what string, read func(name string, n *yaml.Node) *T) map[string]*T {
	o := r.object(n, what+"s")
	if o == nil {
		return nil
	}
	defs := map[string]*T{}
	for _, name := range o.names() {
		if !r.name(o.pos(name), what, name) {
			continue
		}
		if def := read(name, o.keys[name]); def != nil {
			defs[name] = def
		}
	}
	return defs
}

func (r *reader) job(name string, n *yaml.Node) *Job {
	what := "job " + name
	o := r.object(n, what, "title", "params", "when", "worker", "run", "can", "args", "effects",
		"needs", "reads", "produces", "report", "expect", "fresh", "retries", "retry", "timeout", "unless", "secrets", "keeps", "resource", "chain")
	if o == nil {
		return nil
	}
	j := &Job{Name: name, Title: o.text("title"), Params: r.params(o), When: r.conditions(o, "when"), Worker: o.text("worker"),
		Run: o.command("run"), Can: o.text("can"), Args: o.values("args"), Use: r.use(o), Origin: r.origin, Pos: r.pos(n)}
	if j.Title == "" {
		j.Title = words(name)
	}
	if j.Worker == "" {
		j.Worker = "shell"
	}
	if !contains(workers, j.Worker) && !isConfigured(j.Worker) {
		r.complain(o.pos("worker"), suggest(j.Worker, workers), "%s: unknown worker %q", what, j.Worker)
	}
	if j.Worker == "shell" {
		o.one(what, "run", "can")
		if o.has("args") {
			r.complain(o.pos("args"), "write the values into the command", "%s: the shell has no args", what)
		}
	} else if o.has("unless") {
		r.complain(o.pos("unless"), "use worker: shell", "%s: the worker %s runs no command", what, j.Worker)
	} else if o.has("run") {
		r.complain(o.pos("run"), "use worker: shell", "%s: the worker %s runs no command", what, j.Worker)
	}
	if j.Can != "" && j.Use.Chain.Zero() {
		r.complain(o.pos("can"), "add chain: $chain and a parameter chain", "%s: can %s of which toolchain", what, j.Can)
	}
	if e := o.keys["effects"]; e != nil {
		if effects := r.object(e, "effects", "add", "delete"); effects != nil {
			j.Deletes = r.facts(effects, "delete")
			j.Adds = r.facts(effects, "add")
		}
	}
	return j
}

// isConfigured tells whether a worker is one that each clone configures for itself: llm, or agent/NAME, adapter/NAME, llm/NAME.
func isConfigured(worker string) bool {
	kind, name, named := strings.Cut(worker, "/")
	if !named {
		return kind == "llm"
	}
	return contains([]string{"agent", "adapter", "llm"}, kind) && jitos.CheckName(name) == nil
}

func (r *reader) facts(o *object, key string) []Fact {
	var facts []Fact
	for _, n := range o.sequence(key) {
		f := r.object(n, "fact (fields stand in has)", "kind", "is", "has")
		if f == nil {
			continue
		}
		fact := Fact{Kind: f.text("kind"), Is: f.value("is"), Has: f.values("has")}
		if !r.name(f.pos("kind"), "fact: kind", fact.Kind) {
			continue
		}
		if key == "add" && fact.Is.Zero() {
			r.complain(r.pos(n), "give is:", "fact: what is added needs a name")
		}
		facts = append(facts, fact)
	}
	return facts
}

func (r *reader) gate(name string, n *yaml.Node) *Gate {
	what := "gate " + name
	o := r.object(n, what, "title", "params", "can", "run", "all", "report", "chain", "needs", "timeout")
	if o == nil {
		return nil
	}
	g := &Gate{Name: name, Title: o.text("title"), Params: r.params(o), Can: o.text("can"), Run: o.command("run"), All: o.list("all"),
		Use: r.use(o), Origin: r.origin, Pos: r.pos(n)}
	if g.Title == "" {
		g.Title = words(name)
	}
	kind := o.one(what, "can", "run", "all")
	for _, key := range []string{"report", "chain", "needs", "timeout"} {
		if kind != "run" && o.has(key) {
			r.complain(o.pos(key), "say it where the command is", "%s: only a gate with run has %s", what, key)
		}
	}
	return g
}

func (r *reader) toolchain(name string, n *yaml.Node) *Toolchain {
	what := "toolchain " + name
	o := r.object(n, what, "title", "files", "unless", "commands", "version", "tests", "lend", "env", "ask", "caches", "shares", "prepare", "can")
	if o == nil {
		return nil
	}
	t := &Toolchain{Name: name, Title: o.text("title"), Files: o.list("files"), Unless: o.list("unless"), Words: o.list("commands"),
		Version: o.text("version"), Tests: o.list("tests"), Lend: o.list("lend"), Env: o.list("env"), Caches: o.list("caches"), Shares: o.list("shares"),
		Origin: r.origin, Pos: r.pos(n)}
	if t.Title == "" {
		t.Title = words(name)
	}
	if len(t.Files) == 0 {
		r.complain(r.pos(n), "give files:", "%s: nothing gives it away", what)
	}
	if a := o.keys["ask"]; a != nil {
		if ask := r.object(a, "ask"); ask != nil {
			t.Ask = map[string]string{}
			for _, k := range ask.names() {
				t.Ask[k] = ask.text(k)
			}
		}
	}
	for _, p := range o.sequence("prepare") {
		if po := r.object(p, "prepare", "where", "key", "run", "lend"); po != nil {
			prepare := Prepare{Where: po.list("where"), Key: po.list("key"), Run: po.text("run"), Lend: po.list("lend")}
			if len(prepare.Where) == 0 || prepare.Run == "" {
				r.complain(r.pos(p), "give where: and run:", "prepare: it has no files or no command")
				continue
			}
			t.Prepare = append(t.Prepare, prepare)
		}
	}
	if c := o.keys["can"]; c != nil {
		if can := r.object(c, "can"); can != nil {
			for _, ability := range can.names() {
				t.Can = append(t.Can, r.ability(ability, can.keys[ability]))
			}
		}
	}
	return t
}

func (r *reader) ability(name string, n *yaml.Node) Ability {
	a := Ability{Name: name}
	r.name(r.pos(n), "ability", name)
	variants := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		variants = n.Content
	}
	for _, v := range variants {
		o := r.object(v, "ability "+name, "when", "run", "report", "needs", "timeout")
		if o == nil {
			continue
		}
		u := r.use(o)
		if !o.has("run") {
			r.complain(r.pos(v), "give run:", "ability %s: no command", name)
		}
		variant := Variant{When: r.conditions(o, "when"), Run: o.command("run"), Report: u.Report, Needs: u.Needs, Timeout: u.Timeout, Pos: r.pos(v)}
		for _, c := range variant.When {
			if !onlyFiles(c) {
				r.complain(c.Pos, "ask for files", "ability %s: a toolchain is recognised by files alone", name)
			}
		}
		a.Variants = append(a.Variants, variant)
	}
	return a
}

// onlyFiles tells whether a condition asks for files, and for nothing else, without variables.
func onlyFiles(c Condition) bool {
	if c.Not != nil {
		return onlyFiles(*c.Not)
	}
	return c.File != nil && c.File.As == "" && len(variablesOf(c)) == 0
}
