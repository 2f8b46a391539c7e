package methods

import "github.com/jitos/jitos"

// LoadPolicy reads .jitos/policy.yaml:
//
//	grants: ["exec:go", "fs.write:**", "history:read"]     what a process may hold; absent: as in jitos.DefaultPolicy
//	gates: [{gate: tests-pass}, {run: make lint}]           must not get worse in any collapse
//	approvals: [{paths: ["migrations/**"], by: [Ada], why: …}]   a person approves what a collapse changes there; by: anybody
//	quota: {jobs: 200, seconds: 14400, ttl_hours: 336}      of each process; absent or 0: as in jitos.DefaultPolicy
//
// Unknown and duplicate keys are refused with their lines; the error is a *LoadError. A command in it has the file's hash as
// its origin: it does not run before that was allowed.
func LoadPolicy(raw []byte) (jitos.Policy, error) {
	r := &reader{file: "policy.yaml", origin: Origin(raw)}
	p := jitos.DefaultPolicy()
	docs := r.documents(raw)
	if len(docs) > 1 {
		r.complain(r.pos(docs[1]), "join them", "policy: more than one document")
	}
	if len(docs) > 0 {
		if o := r.object(docs[0], "policy", "grants", "gates", "approvals", "quota"); o != nil {
			r.policy(o, &p)
		}
	}
	if len(r.problems) > 0 {
		return jitos.Policy{}, &LoadError{r.problems}
	}
	return p, nil
}

func (r *reader) policy(o *object, p *jitos.Policy) {
	if o.has("grants") {
		p.Grants = o.list("grants")
		for _, g := range p.Grants {
			if !capability().MatchString(g) {
				r.complain(o.pos("grants"), `write it like net, exec:go or "fs.write:docs/**"`, "grants: %q is no capability", g)
			}
		}
	}
	for _, n := range o.sequence("gates") {
		use, ok := r.gateUse(n, "gates")
		if !ok {
			continue
		}
		ref := jitos.GateRef{Gate: use.Gate, Run: use.Run.Shell(nil)}
		if ref.Run != "" {
			ref.Origin = r.origin
		}
		for _, t := range append([]Text{use.Run}, textsOf(use.Args)...) {
			for _, v := range t.Variables() {
				r.complain(r.pos(n), "a literal brace is written {{"+v+"}}", "gates: a policy has no variable %s", v)
			}
		}
		for name, t := range use.Args {
			if ref.Args == nil {
				ref.Args = map[string]string{}
			}
			ref.Args[name] = t.Expand(nil)
		}
		p.Gates = append(p.Gates, ref)
	}
	for _, n := range o.sequence("approvals") {
		ao := r.object(n, "approval", "paths", "by", "why")
		if ao == nil {
			continue
		}
		approval := jitos.Approval{Paths: ao.list("paths"), By: ao.list("by"), Why: ao.text("why")}
		if len(approval.Paths) == 0 {
			r.complain(r.pos(n), `give paths:, like ["migrations/**"]`, "approval: of which paths")
		}
		p.Approvals = append(p.Approvals, approval)
	}
	if n := o.keys["quota"]; n != nil {
		if q := r.object(n, "quota", "jobs", "seconds", "ttl_hours"); q != nil {
			const most = 1 << 30
			p.Quota.Jobs = orDefault(q.number("jobs", 0, most), p.Quota.Jobs)
			p.Quota.Seconds = orDefault(q.number("seconds", 0, most), p.Quota.Seconds)
			p.Quota.TTL = orDefault(q.number("ttl_hours", 0, most), p.Quota.TTL)
		}
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
