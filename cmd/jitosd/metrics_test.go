package main

import (
	"cmp"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/internal/wire"
)

// get asks for a path of the daemon over loopback.
func (d *daemon) get(path string, change func(*http.Request)) (status int, body string) {
	d.t.Helper()
	r, err := http.NewRequest("GET", strings.TrimSuffix(d.url, "/graphql")+path, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+d.token)
	if change != nil {
		change(r)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

// copying is a task that one job fulfils.
func copying(t *testing.T, f *wire.Fabric) (id string) {
	t.Helper()
	task, _, err := f.Kernel.SubmitIntent(t.Context(), jitos.Request{Intent: `run "cp notes.txt copy.txt"`, Gates: []string{"test -e copy.txt"}})
	if err != nil {
		t.Fatal(err)
	}
	return string(task)
}

// What happened is counted: rewrites, jobs, runs, subscribers, what was refused and why. Nobody reads it without the token.
func TestMetrics(t *testing.T) {
	dir, f := repository(t)
	id := copying(t, f)
	d := start(t, dir)
	if status, _ := d.get("/metrics", func(r *http.Request) { r.Header.Del("Authorization") }); status != 401 {
		t.Errorf("without the token: %d", status)
	}
	if status, _ := d.get("/metrics", func(r *http.Request) { r.Header.Del("Authorization"); r.Header.Set("Upgrade", "websocket") }); status != 401 {
		t.Errorf("without the token, as if for a WebSocket: %d", status)
	}
	if r := d.ask(`{ warp { tree } }`, nil); r.code() != "PERSISTED_OPERATION_REQUIRED" {
		t.Errorf("%+v", r)
	}
	d.stop(15)
	d = start(t, dir, "--dev")
	s := d.subscribe(`subscription ($id: ID) { progress(task: $id) { outcome } }`, map[string]any{"id": id})
	d.metric(t, "jitos_subscribers 1")
	d.must(`mutation ($id: ID!) { run(task: $id) { ... on Refusal { message } } }`, map[string]any{"id": id})
	for s.next("progress", "outcome") == nil {
	}
	s.conn.CloseNow()
	head, err := f.Kernel.System(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d.ask(`{ warp { nodes(first: 200) { nodes { edges(first: 200) { nodes { to { edges(first: 200) { nodes { id } } } } } } } } }`, nil)
	for _, want := range []string{
		"jitos_rewrites_total " + strconv.FormatInt(head.Commit().Record.Seq, 10),
		`jitos_jobs_total{verdict="pass"} 1`, `jitos_runs_total{outcome="collapsed"} 1`, "jitos_runs 0", "jitos_subscribers 0", "jitos_clients_cut_total 0",
		`jitos_operations_refused_total{reason="COMPLEXITY_LIMIT_EXCEEDED"} 1`, `jitos_operation_seconds_count{operation="mutation"} 1`,
		`jitos_http_requests_total{code="200",path="/graphql"}`,
	} {
		d.metric(t, want)
	}
}

// metric waits until a line is among the metrics.
func (d *daemon) metric(t *testing.T, want string) {
	t.Helper()
	var body string
	for range 200 {
		status, text := d.get("/metrics", nil)
		if status != 200 {
			t.Fatalf("%d: %s", status, text)
		}
		if body = text; strings.Contains(body, "\n"+want) {
			return
		}
	}
	var ours strings.Builder
	for line := range strings.Lines(body) {
		if strings.HasPrefix(line, "jitos") {
			ours.WriteString(line)
		}
	}
	t.Errorf("no %s in\n%s", want, ours.String())
}

// Agents come in over HTTP as well, with the token and within their rights; nobody else does.
func TestMCP_http(t *testing.T) {
	dir := agentRepo(t)
	d := start(t, dir, "--caps", "read,plan")
	endpoint := strings.TrimSuffix(d.url, "/graphql") + "/mcp"
	for what, change := range map[string]func(*http.Request){
		"no token":              func(r *http.Request) { r.Header.Del("Authorization") },
		"a socket that is none": func(r *http.Request) { r.Header.Del("Authorization"); r.Header.Set("Upgrade", "x") },
		"a foreign page":        func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") },
		"a foreign name":        func(r *http.Request) { r.Host = "evil.example" },
	} {
		if status, _ := d.get("/mcp", change); status != 401 && status != 403 && status != 421 {
			t.Errorf("%s: %d", what, status)
		}
	}
	a := &agent{t: t}
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: endpoint,
		HTTPClient: &http.Client{Transport: withToken{d.token}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	a.session = session
	if out := a.must("declare", map[string]any{"intent": "name the release"}); out["task"] == "" {
		t.Errorf("%v", out)
	}
	a.refused("run", map[string]any{"task": "name"}, `needs the right "run"`)
}

type withToken struct{ token string }

func (w withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+w.token)
	return http.DefaultTransport.RoundTrip(r)
}

// traces is what a collector of OpenTelemetry was sent.
type traces struct {
	mu    sync.Mutex
	spans []*otlp.Span
}

// collect makes daemons that start from now on send their traces.
func collect(t *testing.T) *traces {
	got := &traces{}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var sent collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(raw, &sent); err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		got.mu.Lock()
		defer got.mu.Unlock()
		for _, rs := range sent.ResourceSpans {
			for _, ss := range rs.ScopeSpans {
				got.spans = append(got.spans, ss.Spans...)
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(receiver.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.URL)
	return got
}

// all are the spans of processes and those of jobs, as they began.
func (g *traces) all() (processes, jobs []*otlp.Span) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, s := range g.spans {
		if len(s.ParentSpanId) == 0 {
			processes = append(processes, s)
		} else {
			jobs = append(jobs, s)
		}
	}
	slices.SortFunc(jobs, func(a, b *otlp.Span) int { return cmp.Compare(a.StartTimeUnixNano, b.StartTimeUnixNano) })
	return processes, jobs
}

// An attempt is a trace and a job a span below its own, each with its commit; without OTEL_… nothing is sent or started. The spans
// show, too, that jobs run side by side only as far as --jobs says.
func TestTraces(t *testing.T) {
	if wantsTraces() {
		t.Error("traces are wanted by an environment that says nothing of them")
	}
	got := collect(t)
	dir, f := repository(t)
	id, _, err := f.Kernel.SubmitIntent(t.Context(), jitos.Request{Intent: "write both", Gates: []string{"test -e a && test -e b"}})
	if err != nil {
		t.Fatal(err)
	}
	slap := jitos.Slap{Title: "write both", By: "Ada <ada@example.com>", Steps: []jitos.Step{
		{Name: "a", Worker: "shell", Run: "echo a > a", Needs: []string{"fs.write:**"}}, {Name: "b", Worker: "shell", Run: "echo b > b", Needs: []string{"fs.write:**"}}}}
	if _, err := f.Kernel.SubmitPlan(t.Context(), id, slap); err != nil {
		t.Fatal(err)
	}
	d := start(t, dir, "--dev", "--jobs", "1")
	d.must(`mutation ($id: ID!) { run(task: $id) { ... on Refusal { message } } }`, map[string]any{"id": string(id)})
	d.await("task/"+string(id), "DONE")
	if err := d.stop(15); err != nil {
		t.Fatalf("%v: %s", err, d.stderr.String())
	}
	processes, jobs := got.all()
	if len(processes) != 1 || len(jobs) != 2 {
		t.Fatalf("%d processes, %d jobs", len(processes), len(jobs))
	}
	process := processes[0]
	if jobs[0].EndTimeUnixNano > jobs[1].StartTimeUnixNano {
		t.Error("two jobs ran side by side")
	}
	head, err := f.Store.Head(t.Context(), jitos.SystemRef)
	if err != nil {
		t.Fatal(err)
	}
	if got := attributeOf(process, "jitos.commit"); got != string(head) {
		t.Errorf("the process has commit %q, want that of its collapse, %s", got, head)
	}
	settled := map[string]bool{}
	for _, s := range jobs {
		commit := attributeOf(s, "jitos.commit")
		at, err := f.Store.Open(t.Context(), jitos.CommitID(commit))
		if err != nil || at.Commit().Record == nil || at.Commit().Record.Rule != jitos.RuleSettle || settled[commit] || !strings.Contains(at.Commit().Subject, ": "+s.Name[:1]+" ") {
			t.Errorf("job %s: commit %q: %v", s.Name, commit, err)
		}
		settled[commit] = true
		if string(s.ParentSpanId) != string(process.SpanId) || string(s.TraceId) != string(process.TraceId) {
			t.Errorf("job %s is not below its process", s.Name)
		}
	}
}

func attributeOf(s *otlp.Span, name string) string {
	for _, a := range s.Attributes {
		if a.Key == name {
			if b, ok := a.Value.Value.(*common.AnyValue_BoolValue); ok {
				return strconv.FormatBool(b.BoolValue)
			}
			return a.Value.GetStringValue()
		}
	}
	return ""
}
