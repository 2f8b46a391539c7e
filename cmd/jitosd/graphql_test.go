package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/internal/wire"
	"github.com/jitos/jitos/server"
)

// A status belongs to a snapshot: the newest says withdrawn, the commit before it says what was true then.
func TestStatus_atSnapshot(t *testing.T) {
	dir, f := repository(t)
	id, _, err := f.Kernel.SubmitIntent(t.Context(), jitos.Request{Intent: "run the checks"})
	if err != nil {
		t.Fatal(err)
	}
	before, err := f.Store.Head(t.Context(), jitos.SystemRef)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Kernel.Withdraw(t.Context(), id, "no longer wanted"); err != nil {
		t.Fatal(err)
	}
	d := start(t, dir, "--dev")
	const query = `query ($at: ID, $id: ID!) { warp(at: $at) { task(id: $id) { status intent } tasks(status: [DECLARED]) { nodes { id } } } }`
	if got := d.must(query, map[string]any{"id": string(id)}, "warp", "task", "status"); got != "WITHDRAWN" {
		t.Errorf("now: %v", got)
	}
	then := d.must(query, map[string]any{"id": string(id), "at": string(before)}, "warp")
	if got := at(t, then, "task", "status"); got != "DECLARED" {
		t.Errorf("then: %v", got)
	}
	if got := at(t, then, "tasks", "nodes").([]any); len(got) != 1 {
		t.Errorf("declared then: %v", got)
	}
}

// movingStore is a store whose system line moves after each look at it.
type movingStore struct {
	jitos.Store
	mu   *sync.Mutex // two that look at once see different lines
	move func()
}

func (s movingStore) Head(ctx context.Context, ref jitos.Ref) (jitos.CommitID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, err := s.Store.Head(ctx, ref)
	if ref == jitos.SystemRef {
		s.move()
	}
	return id, err
}

// A request that looks twice at the newest snapshot sees the same one, though the line has moved between.
func TestSnapshot_oneARequest(t *testing.T) {
	dir, f := repository(t)
	other, err := wire.Open(dir)
	if err == nil {
		err = other.AsUser(t.Context(), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer other.Repo.Close()
	defer other.Executor.Close()
	s := &server.Server{Repo: f.Repo, Store: f.Store, Merger: f.Merger, Kernel: f.Kernel, Dev: true, Limits: server.DefaultLimits()}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	moves := 0
	f.Kernel.Store = movingStore{f.Store, &sync.Mutex{}, func() {
		moves++
		note(t, other, fmt.Sprint("move-", moves), moves)
	}}
	web := httptest.NewServer(server.Trust(s.Handler(nil)))
	defer web.Close()
	resp, err := http.Post(web.URL, "application/json", strings.NewReader(`{"query": "{ a: warp { commit { id } } b: warp { commit { id } } }"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var r reply
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil || len(r.Errors) > 0 {
		t.Fatalf("%v %v", err, r.Errors)
	}
	a, b := at(t, r.Data, "a", "commit", "id"), at(t, r.Data, "b", "commit", "id")
	if moves == 0 || a != b {
		t.Errorf("after %d moves %v and %v", moves, a, b)
	}
}

// All pages together are the list, in whatever steps it is read.
func TestPages(t *testing.T) {
	dir, f := repository(t)
	var want []string
	for i := range 25 {
		name := strings.Repeat("n", 1+i)
		want = append(want, string(note(t, f, name, i)))
	}
	d := start(t, dir, "--dev")
	read := func(query string, keys ...string) []string {
		var all []string
		var after any
		for {
			page := d.must(query, map[string]any{"after": after}, keys...)
			for _, n := range at(t, page, "nodes").([]any) {
				all = append(all, at(t, n, "id").(string))
			}
			info := at(t, page, "pageInfo")
			if at(t, info, "hasNextPage") != true {
				return all
			}
			after = at(t, info, "endCursor")
		}
	}
	nodes := read(`query ($after: String) { warp { nodes(kind: "note", first: 7, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } } }`, "warp", "nodes")
	seen := map[string]bool{}
	for _, id := range nodes {
		seen[id] = true
	}
	if len(nodes) != 25 || len(seen) != 25 {
		t.Errorf("%d nodes, %d of them different", len(nodes), len(seen))
	}
	commits := read(`query ($after: String) { warp { history(first: 4, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } } }`, "warp", "history")
	for i, id := range want {
		if got := commits[len(want)-1-i]; got != id {
			t.Errorf("commit %d is %s, want %s", i, got, id)
		}
	}
	if r := d.ask(`{ warp { history(after: "nonsense") { nodes { id } } } }`, nil); r.code() != "INVALID" {
		t.Errorf("a cursor that is none: %+v", r)
	}
}

// The life of an intent through the daemon: each command answers with the rewrite that it made.
func TestCommands(t *testing.T) {
	dir, _ := repository(t)
	d := start(t, dir, "--dev")
	accepted := d.must(`mutation { submitIntent(input: {intent: "run \"cp notes.txt copy.txt\"", args: [], gates: ["test -e copy.txt"]}) {
		... on IntentAccepted { task { id status } commit { rule task } } ... on Refusal { code message } } }`, nil, "submitIntent")
	id, _ := at(t, accepted, "task", "id").(string)
	if got := at(t, accepted, "commit", "rule"); got != "task" || at(t, accepted, "commit", "task") != id {
		t.Fatalf("%v", accepted)
	}
	planned := d.must(`mutation ($id: ID!) { plan(task: $id) { ... on TaskAccepted { task { status candidates { title steps { worker run } } } commit { rule } } ... on Refusal { code message } } }`,
		map[string]any{"id": id}, "plan")
	if at(t, planned, "task", "status") != "PLANNED" || at(t, planned, "commit", "rule") != "plan" {
		t.Fatalf("%v", planned)
	}
	d.must(`mutation ($id: ID!) { run(task: $id) { ... on Refusal { code message } } }`, map[string]any{"id": id}, "run")
	d.await(id, "DONE")
	task := d.must(`query ($id: ID!) { node(id: $id) { ... on Task { processes { state evidence { gate verdict } jobs { name verdict tries { settlement { paths } } } } }
		why { commit { id } } setBy { rule } } }`, map[string]any{"id": id}, "node")
	process := at(t, task, "processes").([]any)[0]
	if at(t, process, "state") != "COLLAPSED" || len(at(t, process, "evidence").([]any)) == 0 {
		t.Errorf("%v", process)
	}
	landed := d.must(`mutation { land { ... on Landed { commit branch files } ... on Refusal { message } } }`, nil, "land")
	if files, _ := at(t, landed, "files").([]any); len(files) != 1 || files[0] != "copy.txt" {
		t.Errorf("%v", landed)
	}
	refused := d.must(`mutation ($id: ID!) { withdraw(task: $id, why: "x") { ... on Refusal { code message hint } } }`, map[string]any{"id": "task/nothing-like-it"}, "withdraw")
	if at(t, refused, "code") != "NOT_FOUND" {
		t.Errorf("%v", refused)
	}
	made := d.must(`mutation { submitRewrite(input: {what: "two notes", set: [{id: "note/a", fields: {n: 1}}, {id: "note/b", fields: {}}], edges: [{from: "note/a", label: "next", to: "note/b"}]}) {
		... on CommitMade { commit { sets diff { graph { nodes { id change fields { name new } } edges { from to change } } } } } ... on Refusal { message } } }`, nil, "submitRewrite")
	if nodes := at(t, made, "commit", "diff", "graph", "nodes").([]any); len(nodes) != 2 || at(t, nodes[0], "change") != "ADDED" {
		t.Errorf("%v", made)
	}
	back := d.must(`{ node(id: "note/b") { backlinks { nodes { label from { id } } } setBy { subject } } }`, nil, "node")
	if links := at(t, back, "backlinks", "nodes").([]any); len(links) != 1 || at(t, links[0], "from", "id") != "note/a" {
		t.Errorf("%v", back)
	}
}

// await waits until a task has a status.
func (d *daemon) await(id, status string) {
	d.t.Helper()
	for range 600 {
		if d.must(`query ($id: ID!) { warp { task(id: $id) { status } } }`, map[string]any{"id": id}, "warp", "task", "status") == status {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	d.t.Fatalf("task %s is not %s: %s", id, status, d.stderr.String())
}

// A daemon that is killed in the middle of a job is followed by one that goes on, and runs nothing again that was settled. What it goes
// on with is traced as such.
func TestDaemon_killed(t *testing.T) {
	dir, f := repository(t)
	id, _, err := f.Kernel.SubmitIntent(t.Context(), jitos.Request{Intent: `run "sleep 2; cp notes.txt copy.txt"`, Gates: []string{"test -e copy.txt"}})
	if err != nil {
		t.Fatal(err)
	}
	d := start(t, dir, "--dev")
	d.must(`mutation ($id: ID!) { run(task: $id) { ... on Refusal { message } } }`, map[string]any{"id": string(id)}, "run")
	d.await(string(id), "OPEN")
	d.stop(syscall.SIGKILL)
	got := collect(t)
	again := start(t, dir, "--dev")
	again.await(string(id), "DONE")
	again.stop(syscall.SIGTERM)
	processes, jobs := got.all()
	if len(processes) != 1 || len(jobs) != 1 || attributeOf(processes[0], "jitos.resumed") != "true" || attributeOf(processes[0], "jitos.commit") == "" || attributeOf(jobs[0], "jitos.commit") == "" {
		t.Errorf("traced: %v %v", processes, jobs)
	}
	if got := again.cmd.ProcessState.ExitCode(); got != 0 {
		t.Errorf("exit code %d: %s", got, again.stderr.String())
	}
}

// Two daemons do not share a socket; with sockets of their own they serve the same fabric.
func TestDaemon_beside(t *testing.T) {
	dir, _ := repository(t)
	first := start(t, dir, "--dev")
	second := start(t, dir, "--dev", "--socket", t.TempDir()+"/s")
	first.must(`mutation { submitRewrite(input: {what: "a note", set: [{id: "note/a", fields: {}}]}) { ... on Refusal { message } } }`, nil)
	if got := second.must(`{ node(id: "note/a") { id } }`, nil, "node", "id"); got != "note/a" {
		t.Errorf("%v", got)
	}
	var out, errs strings.Builder
	if code := run([]string{"jitosd", "-C", dir}, strings.NewReader(""), &out, &errs); code != 9 || !strings.Contains(errs.String(), "another jitosd") {
		t.Errorf("code %d: %s", code, errs.String())
	}
}

// Outside dev mode only what was persisted is carried out: by its hash or by its text.
func TestPersisted(t *testing.T) {
	dir, f := repository(t)
	const text = `{ warp { commit { id } } }`
	operations := &server.Operations{Dir: operationsDir(f.Repo.Common)}
	hash, err := operations.Persist(text)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := operations.Persist(`{ nothing }`); err == nil {
		t.Error("what the schema does not have was persisted")
	}
	d := start(t, dir)
	named := func(hash string) map[string]any {
		return map[string]any{"extensions": map[string]any{"persistedQuery": map[string]any{"version": 1, "sha256Hash": hash}}}
	}
	for _, c := range []struct {
		what string
		body map[string]any
		code string
	}{
		{"its hash", named(hash), ""},
		{"its text", map[string]any{"query": text}, ""},
		{"another text", map[string]any{"query": `{ warp { tree } }`}, "PERSISTED_OPERATION_REQUIRED"},
		{"introspection", map[string]any{"query": `{ __schema { types { name } } }`}, "PERSISTED_OPERATION_REQUIRED"},
		{"another hash", named(strings.Repeat("0", 64)), "PERSISTED_OPERATION_REQUIRED"},
		{"a path for a hash", named("../../clone"), "PERSISTED_OPERATION_REQUIRED"},
		{"the hash with another text", map[string]any{"query": `{ warp { tree } }`, "extensions": named(hash)["extensions"]}, "PERSISTED_OPERATION_REQUIRED"},
	} {
		if r := d.send(c.body); r.code() != c.code {
			t.Errorf("%s: %q, want %q: %+v", c.what, r.code(), c.code, r.Errors)
		}
	}
}
