package methods

import (
	"path"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/jitos/jitos"
)

// LoadPolicy reads .jitos/policy.yaml; every key may be absent:
//
//	grants: ["exec:go", "fs.write:**", "history:read",      what a process may hold; absent: as in jitos.DefaultPolicy
//	         "memory:2g", "output:10m"]                     and the limits of its jobs, see jitos.Limits; programs by name
//	                                                        (exec:cat, a toolchain as exec:go) hold every job to them
//	gates:                                                  must not get worse in a collapse
//	- {gate: tests-pass}                                    whatever it changes,
//	- {run: make lint, paths: ["src/**"]}                   or where it changes one of these
//	approvals:
//	- {paths: ["migrations/**"], by: ["*@example.org"], why: …}   a person approves what a collapse changes there; by: anybody
//	- {paths: [".jitos/**"], by: [Ada]}                     who may change the policy and the methods of the fabric
//	- {gates: [tests-pass], by: [Ada]}                      who may let through that tests were removed, skipped or edited
//	merge:                                                  the first that covers a path counts, else lines do
//	- {paths: ["**/package.json"], by: json}                by key; as well: yaml, union (lines of both), refuse, lines
//	secrets:                                                of those that are granted, who may ask for them; one that stands not
//	- {name: DEPLOY_KEY, tasks: [deploy], methods: [ship],  here: every step
//	   workers: [shell, "agent/*"]}
//	quota: {jobs: 200, seconds: 14400, ttl_hours: 336,      of each process; absent or 0: as in jitos.DefaultPolicy
//	        jobs_at_once: 4, open_workspaces: 20}           of all together; absent or 0: not bounded
//	retention: {archive_months: 6,                          before the present one, then gc drops them; absent or 0: all are kept
//	            questions_hours: 72}                        until a question expires; absent or 0: with its process (ttl_hours)
//
// Paths are patterns of jitos.MatchPath, relative to the top. Unknown and duplicate keys, and patterns that could match
// nothing, are refused with their lines and columns; the error is a *LoadError. A command in it has the file's hash as its origin:
// it does not run before that was allowed.
func LoadPolicy(raw []byte) (jitos.Policy, error) {
	r := &reader{file: "policy.yaml", origin: Origin(raw)}
	p := jitos.DefaultPolicy()
	docs := r.documents(raw)
	if len(docs) > 1 {
		r.complain(r.pos(docs[1]), "join them", "policy: more than one document")
	}
	if len(docs) > 0 {
		if o := r.object(docs[0], "policy", "grants", "gates", "approvals", "merge", "secrets", "quota", "retention"); o != nil {
			r.policy(o, &p)
		}
	}
	if len(r.problems) > 0 {
		return jitos.Policy{}, &LoadError{r.problems}
	}
	return p, nil
}

func (r *reader) policy(o *object, p *jitos.Policy) {
	p.Lines = map[string]int{}
	for _, key := range []string{"grants", "quota", "retention"} {
		if o.has(key) {
			p.Lines[key] = o.pos(key).Line
		}
	}
	if o.has("grants") {
		p.Grants = o.list("grants")
		for _, n := range o.entries("grants") {
			r.capability(n, "grants")
		}
	}
	for _, n := range o.sequence("gates") {
		r.gateRule(n, p)
	}
	for _, n := range o.sequence("approvals") {
		r.approval(n, p)
	}
	for _, n := range o.sequence("merge") {
		r.mergeRule(n, p)
	}
	for _, n := range o.sequence("secrets") {
		r.secretRule(n, p)
	}
	const most = 1 << 30
	if n := o.keys["quota"]; n != nil {
		if q := r.object(n, "quota", "jobs", "seconds", "ttl_hours", "jobs_at_once", "open_workspaces"); q != nil {
			p.Quota.Jobs = orDefault(q.number("jobs", 0, most), p.Quota.Jobs)
			p.Quota.Seconds = orDefault(q.number("seconds", 0, most), p.Quota.Seconds)
			p.Quota.TTL = orDefault(q.number("ttl_hours", 0, most), p.Quota.TTL)
			p.Quota.AtOnce = q.number("jobs_at_once", 0, most)
			p.Quota.Workspaces = q.number("open_workspaces", 0, most)
		}
	}
	if n := o.keys["retention"]; n != nil {
		if q := r.object(n, "retention", "archive_months", "questions_hours"); q != nil {
			p.Retention.Archive = q.number("archive_months", 0, 1200)
			p.Retention.Questions = q.number("questions_hours", 0, most)
		}
	}
}

// capability reads one, and complains where it is none or its paths are no pattern.
func (r *reader) capability(n *yaml.Node, what string) {
	if !capability().MatchString(n.Value) {
		r.complain(r.pos(n), `write it like net, exec:go or "fs.write:docs/**"`, "%s: %q is no capability", what, n.Value)
	}
	if verb, scope, ok := strings.Cut(n.Value, ":"); ok && (verb == "fs.write" || verb == "fs.read") {
		r.pattern(n, what, scope)
	}
	r.limit(r.pos(n), what, n.Value)
}

// limit complains about a capability that is a limit, and no sound one.
func (r *reader) limit(at Pos, what, capability string) {
	if _, _, err := jitos.ParseLimit(capability); err != nil {
		r.complain(at, "", "%s: %v", what, err)
	}
}

func (r *reader) gateRule(n *yaml.Node, p *jitos.Policy) {
	use, o, ok := r.gateUseWith(n, "gates", "paths")
	if !ok {
		return
	}
	rule := jitos.GateRule{GateRef: jitos.GateRef{Gate: use.Gate, Run: use.Run.Shell(nil)}, Paths: o.patterns("paths"), Line: n.Line}
	if o.has("paths") && len(rule.Paths) == 0 {
		r.complain(o.pos("paths"), `give some, like ["src/**"], or leave paths out`, "gates: of which paths")
	}
	if rule.Run != "" {
		rule.Origin = r.origin
	}
	for _, t := range append([]Text{use.Run}, textsOf(use.Args)...) {
		for _, v := range t.Variables() {
			r.complain(r.pos(n), "a literal brace is written {{"+v+"}}", "gates: a policy has no variable %s", v)
		}
	}
	for name, t := range use.Args {
		if rule.Args == nil {
			rule.Args = map[string]string{}
		}
		rule.Args[name] = t.Expand(nil)
	}
	p.Gates = append(p.Gates, rule)
}

func (r *reader) approval(n *yaml.Node, p *jitos.Policy) {
	o := r.object(n, "approval", "paths", "gates", "by", "why")
	if o == nil {
		return
	}
	a := jitos.Approval{Paths: o.patterns("paths"), Gates: o.list("gates"), By: o.list("by"), Why: o.text("why"), Line: n.Line}
	if (len(a.Paths) == 0) == (len(a.Gates) == 0) {
		r.complain(r.pos(n), `give paths:, like ["migrations/**"], or gates:, like [tests-pass]`, "approval: of which paths, or of which gates")
	}
	if len(a.Gates) > 0 && len(a.By) == 0 {
		r.complain(r.pos(n), "give by:", "approval: anybody may let a gate's findings through already")
	}
	for _, e := range o.entries("by") {
		if _, err := path.Match(e.Value, ""); err != nil {
			r.complain(r.pos(e), `write it like Ada, ada@example.org or "*@example.org"`, "by: %q is no pattern", e.Value)
		}
	}
	p.Approvals = append(p.Approvals, a)
}

var mergeBy = []string{string(jitos.ByLines), string(jitos.ByJSON), string(jitos.ByYAML), string(jitos.ByUnion), string(jitos.Refuse)}

func (r *reader) mergeRule(n *yaml.Node, p *jitos.Policy) {
	o := r.object(n, "merge", "paths", "by")
	if o == nil {
		return
	}
	rule := jitos.MergeRule{Paths: o.patterns("paths"), By: jitos.MergeBy(o.text("by")), Line: n.Line}
	switch {
	case len(rule.Paths) == 0:
		r.complain(r.pos(n), `give paths:, like ["**/*.json"]`, "merge: of which paths")
	case !contains(mergeBy, string(rule.By)):
		r.complain(o.pos("by"), suggest(string(rule.By), mergeBy), "by: unknown value %q", string(rule.By))
	}
	p.Merge = append(p.Merge, rule)
}

func (r *reader) secretRule(n *yaml.Node, p *jitos.Policy) {
	o := r.object(n, "secret", "name", "tasks", "methods", "workers")
	if o == nil {
		return
	}
	rule := jitos.SecretRule{Name: o.text("name"), Tasks: o.list("tasks"), Methods: o.list("methods"), Workers: o.list("workers"), Line: n.Line}
	switch {
	case rule.Name == "":
		r.complain(r.pos(n), "give name:, like DEPLOY_KEY", "secrets: of which secret")
	case len(rule.Tasks)+len(rule.Methods)+len(rule.Workers) == 0:
		r.complain(r.pos(n), "give tasks:, methods: or workers:", "secrets: to whom is %s lent", rule.Name)
	}
	for _, list := range [][]string{{rule.Name}, rule.Tasks, rule.Methods, rule.Workers} {
		for _, pattern := range list {
			if _, err := path.Match(pattern, ""); err != nil {
				r.complain(r.pos(n), `write it like deploy or "agent/*"`, "secrets: %q is no pattern", pattern)
			}
		}
	}
	p.Secrets = append(p.Secrets, rule)
}

// entries are the nodes of a list, of which one alone may stand without brackets.
func (o *object) entries(key string) []*yaml.Node {
	n := o.keys[key]
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.SequenceNode:
		return n.Content
	}
	return []*yaml.Node{n}
}

// patterns reads path patterns.
func (o *object) patterns(key string) []string {
	for _, n := range o.entries(key) {
		o.r.pattern(n, key, n.Value)
	}
	return o.list(key)
}

// pattern complains about a path pattern that could match nothing.
func (r *reader) pattern(n *yaml.Node, what, pattern string) {
	why := ""
	if strings.HasPrefix(pattern, "/") {
		why = "starts at the root of the machine"
	}
	for _, part := range strings.Split(strings.TrimPrefix(pattern, "./"), "/") {
		if part == ".." {
			why = "leads out of the repository"
		} else if _, err := path.Match(part, ""); err != nil {
			why = "is no pattern: " + err.Error()
		} else if part == "" && pattern != "" && why == "" {
			why = "has an empty part"
		}
	}
	if why != "" {
		r.complain(r.pos(n), `write it like "src/**", relative to the top of the repository`, "%s: %q %s", what, pattern, why)
	}
}

func orDefault(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

func textsOf(m map[string]Text) []Text {
	var list []Text
	for _, name := range sortedKeys(m) {
		list = append(list, m[name])
	}
	return list
}
