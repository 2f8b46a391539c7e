package main

import (
	"context"
	"os"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/jitos/jitos"
)

// tracer makes OpenTelemetry traces of what the kernel tells: a trace a process, a span a job, with the ids of their commits. An
// attempt that an earlier program began is traced from where this one goes on. Its methods are safe for concurrent use.
type tracer struct {
	provider *sdktrace.TracerProvider
	spans    trace.Tracer

	mu        sync.Mutex
	processes map[jitos.ProcessID]*traced
}

type traced struct {
	ctx  context.Context // with the span of the process
	span trace.Span
	jobs map[jitos.JobID]trace.Span
}

// wantsTraces tells whether the environment asks for traces, by OpenTelemetry's own variables. Where it does not, nothing of its
// library runs.
func wantsTraces() bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none" {
		return false
	}
	for _, v := range os.Environ() {
		if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, "OTEL_") && value != "" {
			return true
		}
	}
	return false
}

// newTracer begins to send to the collector that OTEL_EXPORTER_OTLP_ENDPOINT names, by HTTP, or to localhost:4318. It is nil where
// nobody asked for traces.
func newTracer(ctx context.Context) (*tracer, error) {
	if !wantsTraces() {
		return nil, nil
	}
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, err
	}
	about, err := resource.New(ctx, resource.WithAttributes(semconv.ServiceName("jitosd"), semconv.ServiceVersion(version())),
		resource.WithFromEnv(), resource.WithTelemetrySDK()) // OTEL_SERVICE_NAME goes before ours
	if err != nil {
		return nil, err
	}
	p := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return &tracer{provider: p, spans: p.Tracer("github.com/jitos/jitos"), processes: map[jitos.ProcessID]*traced{}}, nil
}

// event is told everything that the kernel tells.
func (t *tracer) event(e jitos.Event) {
	if e.Process == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.processes[e.Process]
	if p == nil {
		if p = t.begin(e); p == nil {
			return
		}
	}
	commit := attribute.String("jitos.commit", string(e.Commit))
	verdict := attribute.String("jitos.verdict", string(e.Verdict))
	switch e.Kind {
	case "open":
		p.span.SetAttributes(attribute.String("jitos.commit.open", string(e.Commit)))
	case "job":
		_, p.jobs[e.Job] = t.spans.Start(p.ctx, e.Text, trace.WithAttributes(attribute.String("jitos.job", string(e.Job))))
	case "settle":
		if job := p.jobs[e.Job]; job != nil {
			job.SetAttributes(commit, verdict)
			fail(job, e)
			job.End()
			delete(p.jobs, e.Job)
		}
	case "gate", "rebase":
		p.span.AddEvent(e.Text, trace.WithAttributes(verdict))
	case "collapse", "discard":
		p.span.SetAttributes(commit, attribute.String("jitos.end", e.Kind))
		fail(p.span, e)
		t.end(e.Process, p)
	}
}

// begin starts the trace of a process: when it is opened, or with what is told first of one that is resumed; nil where that is no work.
func (t *tracer) begin(e jitos.Event) *traced {
	name := e.Text
	switch e.Kind {
	case "open":
	case "job", "gate", "rebase":
		name = "resume " + string(e.Process)
	default:
		return nil
	}
	ctx, span := t.spans.Start(context.Background(), name, trace.WithNewRoot(), trace.WithAttributes(attribute.String("jitos.task", string(e.Task)),
		attribute.String("jitos.process", string(e.Process)), attribute.Bool("jitos.resumed", e.Kind != "open")))
	p := &traced{ctx, span, map[jitos.JobID]trace.Span{}}
	t.processes[e.Process] = p
	return p
}

func fail(span trace.Span, e jitos.Event) {
	if e.Verdict != jitos.Pass {
		span.SetStatus(codes.Error, e.Text)
	}
}

func (t *tracer) end(id jitos.ProcessID, p *traced) {
	for _, job := range p.jobs {
		job.End()
	}
	p.span.End()
	delete(t.processes, id)
}

// close ends what is open, and sends what was not sent yet, as long as ctx lasts.
func (t *tracer) close(ctx context.Context) error {
	t.mu.Lock()
	for id, p := range t.processes {
		t.end(id, p)
	}
	t.mu.Unlock()
	return t.provider.Shutdown(ctx)
}
