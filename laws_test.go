package jitos

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"reflect"
	"strings"
	"testing"
)

// storedTypes is every type that becomes bytes in git. A new record belongs in this list; TestEveryKindHasAType holds it
// against the kinds.
var storedTypes = map[string]any{
	KindTask: Task{}, KindWithdrawal: Withdrawal{}, KindPlanning: Planning{}, KindSlap: Slap{}, KindProcess: Process{},
	KindJob: Job{}, KindClaim: Claim{}, KindSettlement: Settlement{}, KindEvidence: Evidence{}, KindFinding: Finding{},
	KindConflict: Conflict{}, KindAttempt: Attempt{}, KindCollapse: Collapse{}, KindSync: Sync{}, KindToolchain: Toolchain{},
	KindAction: SettledAction{}, KindProbe: Probe{}, KindBatch: Batch{},
	KindQuestion: Question{}, KindAnswer: Answer{}, KindRetired: Retired{},
}

func TestEveryKindHasAType(t *testing.T) {
	for _, kind := range kernelKinds {
		if _, ok := storedTypes[kind]; !ok {
			t.Errorf("kind %s has no stored type", kind)
		}
	}
	if len(storedTypes) != len(kernelKinds) {
		t.Errorf("%d stored types, %d kinds", len(storedTypes), len(kernelKinds))
	}
}

// Law: no stored status. A field that says what something now is would be a second truth beside the history.
func TestNoStoredStatus(t *testing.T) {
	for _, v := range storedTypes {
		walkFields(t, reflect.TypeOf(v), map[reflect.Type]bool{})
	}
	walkFields(t, reflect.TypeFor[Record](), map[reflect.Type]bool{})
}

func TestStatusLikeFieldsAreFound(t *testing.T) {
	type bad struct {
		Inner []struct {
			TaskState string `json:"task_state"`
		}
	}
	probe := &testing.T{}
	walkFields(probe, reflect.TypeFor[bad](), map[reflect.Type]bool{})
	if !probe.Failed() {
		t.Error("a stored task_state went unnoticed")
	}
}

func walkFields(t *testing.T, typ reflect.Type, seen map[reflect.Type]bool) {
	for typ.Kind() == reflect.Pointer || typ.Kind() == reflect.Slice || typ.Kind() == reflect.Map {
		typ = typ.Elem()
	}
	if typ.Kind() != reflect.Struct || seen[typ] {
		return
	}
	seen[typ] = true
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		for _, word := range []string{"status", "state", "phase", "progress", "is_done", "finished", "active", "current", "confidence"} {
			if strings.Contains(strings.ToLower(f.Name+" "+name), word) {
				t.Errorf("%s.%s stores a status: derive it in status.go", typ, f.Name)
			}
		}
		walkFields(t, f.Type, seen)
	}
}

// A record that rests on something which is not there is refused: a plan needs a task, a process a plan, a job its process.
func TestApplyChecksWhatARecordRestsOn(t *testing.T) {
	ctx := context.Background()
	node := func(id NodeID, record any) Node {
		n, err := MakeNode(id, record)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	tests := []struct {
		rule string
		set  Node
		want []NodeID
	}{
		{RulePlan, node(SlapID("s").Node(), Slap{Task: "t"}), []NodeID{TaskID("t").Node()}},
		{RuleProcess, node(ProcessID("p").Node(), Process{Task: "t", Slap: "s"}), []NodeID{TaskID("t").Node(), SlapID("s").Node()}},
		{RuleCompile, node(JobID("j").Node(), Job{Process: "p"}), []NodeID{ProcessID("p").Node()}},
		{RuleClaim, node(NodeID{KindClaim, "c"}, Claim{Job: "j"}), []NodeID{JobID("j").Node()}},
		{RuleSettle, node(NodeID{KindSettlement, "c"}, Settlement{Claim: "c", Job: "j"}), []NodeID{{KindClaim, "c"}, JobID("j").Node()}},
		{RuleProbe, node(NodeID{KindProbe, "c.1"}, Probe{Claim: "c"}), []NodeID{{KindClaim, "c"}}},
		{RuleBatch, node(NodeID{KindBatch, "c"}, Batch{Process: "p"}), []NodeID{ProcessID("p").Node()}},
		{RuleDiscard, node(NodeID{KindAttempt, "p"}, Attempt{Of: "t", Process: "p", Reason: "r"}), []NodeID{ProcessID("p").Node(), TaskID("t").Node()}},
		{RuleCollapse, node(NodeID{KindCollapse, "p"}, Collapse{Task: "t", Process: "p"}), []NodeID{ProcessID("p").Node(), TaskID("t").Node()}},
		{RuleAsk, node(NodeID{KindQuestion, "q"}, Question{Task: "t", Process: "p"}), []NodeID{ProcessID("p").Node(), TaskID("t").Node()}},
		{RuleAnswer, node(NodeID{KindAnswer, "q"}, Answer{Question: "q"}), []NodeID{{KindQuestion, "q"}}},
		{RuleWithdraw, node(NodeID{KindWithdrawal, "t"}, Withdrawal{Task: "t"}), []NodeID{TaskID("t").Node()}},
	}
	for _, tt := range tests {
		rw := Rewrite{Rule: tt.rule, Actor: "a <a@b>", What: "w", Set: []Node{tt.set}}
		full := map[NodeID]Node{}
		for _, id := range tt.want {
			full[id] = Node{ID: id, Fields: map[string]any{}}
		}
		if err := Apply(ctx, staged{nothing{}, full}, rw); err != nil {
			t.Errorf("%s with all that it rests on: %v", tt.rule, err)
		}
		for _, gone := range tt.want {
			less := map[NodeID]Node{}
			for id, n := range full {
				if id != gone {
					less[id] = n
				}
			}
			if err := Apply(ctx, staged{nothing{}, less}, rw); !errors.Is(err, ErrInvalid) {
				t.Errorf("%s without %s: %v, want ErrInvalid", tt.rule, gone, err)
			}
		}
	}
}

// Nobody but the kernel writes the kernel's nodes, whatever the rewrite calls itself.
func TestApplyKeepsKernelKindsFromUsers(t *testing.T) {
	for _, kind := range kernelKinds {
		rw := Rewrite{Rule: RuleGraph, Actor: "a", What: "w", Set: []Node{{ID: NodeID{kind, "x"}, Fields: map[string]any{}}}}
		if err := Apply(context.Background(), nothing{}, rw); !errors.Is(err, ErrInvalid) {
			t.Errorf("a user's rewrite of a %s: %v, want ErrInvalid", kind, err)
		}
		rw = Rewrite{Rule: RuleGraph, Actor: "a", What: "w", Drop: []ItemID{NodeID{kind, "x"}.Item()}}
		if err := Apply(context.Background(), nothing{}, rw); !errors.Is(err, ErrInvalid) {
			t.Errorf("a user's drop of a %s: %v, want ErrInvalid", kind, err)
		}
	}
	rw := Rewrite{Rule: RuleGraph, Actor: "a", What: "w", Set: []Node{{ID: NodeID{"note", "x"}, Fields: map[string]any{}}}}
	if err := Apply(context.Background(), nothing{}, rw); err != nil {
		t.Errorf("a user's note: %v", err)
	}
}

func TestAdmit(t *testing.T) {
	policy := DefaultPolicy()
	step := Step{Name: "s", Needs: []string{"fs.write:src/a.go", "exec:go"}}
	yes := func(string) bool { return true }
	no := func(string) bool { return false }
	if err := Admit(step, []string{"fs.write:src/**", "exec:*"}, policy, no); err != nil {
		t.Errorf("covered needs: %v", err)
	}
	for name, err := range map[string]error{
		"process lacks the path": Admit(step, []string{"fs.write:docs/**", "exec:*"}, policy, no),
		"process lacks the verb": Admit(step, []string{"fs.write:**"}, policy, no),
		"policy lacks the verb":  Admit(step, []string{"fs.write:**", "exec:*"}, Policy{Grants: []string{"fs.write:**"}}, no),
		"origin not allowed":     Admit(Step{Name: "s", Origin: "ab"}, nil, policy, no),
		"gate's origin":          Admit(Step{Name: "s", Gate: &GateRef{Origin: "ab"}}, nil, policy, no),
	} {
		if !errors.Is(err, ErrDenied) {
			t.Errorf("%s: %v, want ErrDenied", name, err)
		}
	}
	if err := Admit(Step{Name: "s", Origin: "ab"}, nil, policy, yes); err != nil {
		t.Errorf("allowed origin: %v", err)
	}
}

// What the tests say decides a collapse: one that vanished counts as much as one that broke.
func TestWorse(t *testing.T) {
	k := &Kernel{Merger: nothingChanged{}}
	rep := func(passed, failed string) *Report {
		return &Report{Passed: strings.Fields(passed), Failed: strings.Fields(failed)}
	}
	tests := []struct {
		name          string
		goal          bool
		before, after Evidence
		want          string
	}{
		{"green again", true, Evidence{Verdict: Fail, Report: rep("a", "b")}, Evidence{Verdict: Pass, Report: rep("a b", "")}, ""},
		{"failing test vanished", true, Evidence{Verdict: Fail, Report: rep("a", "b")}, Evidence{Verdict: Pass, Report: rep("a", "")}, "no longer run: b"},
		{"passing test vanished", false, Evidence{Verdict: Pass, Report: rep("a b", "")}, Evidence{Verdict: Pass, Report: rep("a", "")}, "no longer run: b"},
		{"newly failing", false, Evidence{Verdict: Fail, Report: rep("a", "b")}, Evidence{Verdict: Fail, Report: rep("", "a b")}, "newly failing: a"},
		{"as red as before", false, Evidence{Verdict: Fail, Report: rep("a", "b")}, Evidence{Verdict: Fail, Report: rep("a", "b")}, ""},
		{"broke", false, Evidence{Verdict: Pass, Report: rep("a", "")}, Evidence{Verdict: Fail, Report: rep("", "a")}, "newly failing: a"},
		{"cannot run any more", false, Evidence{Verdict: Pass}, Evidence{Verdict: CouldNot, Reason: "gone"}, "gone"},
		{"could never run", false, Evidence{Verdict: CouldNot}, Evidence{Verdict: CouldNot}, ""},
	}
	for _, tt := range tests {
		got, person, err := k.worse(context.Background(), noToolchain{}, Requirement{Goal: tt.goal}, tt.before, tt.after)
		if err != nil || !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" || person != strings.HasPrefix(tt.want, "no longer run") {
			t.Errorf("%s: %q, %v, want %q", tt.name, got, err, tt.want)
		}
	}
}

type noToolchain struct{ Snapshot }

func (noToolchain) Nodes(context.Context, string) iter.Seq2[Node, error] {
	return nothing{}.Nodes(context.Background(), "")
}

type nothingChanged struct{ Merger }

func (nothingChanged) Changed(context.Context, TreeID, TreeID) ([]string, error) { return nil, nil }

func TestRecordsSurviveTheirNodes(t *testing.T) {
	in := Settlement{Claim: "c.1", Job: "j", Verdict: Pass, Millis: 12, Artifacts: map[string]string{"a": "b"}, Report: &Report{Passed: []string{"x"}}}
	n, err := MakeNode(NodeID{KindSettlement, "c.1"}, in)
	if err != nil {
		t.Fatal(err)
	}
	var out Settlement
	if err := n.Decode(&out); err != nil || !reflect.DeepEqual(in, out) {
		t.Errorf("%+v, %v", out, err)
	}
	if _, ok := n.Fields["millis"].(json.Number); !ok {
		t.Errorf("numbers are kept as written: %T", n.Fields["millis"])
	}
}
