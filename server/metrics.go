package server

import (
	"context"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// metrics are what the server counts. They begin with the daemon; what the fabric knows is read from it when somebody asks.
type metrics struct {
	registry    *prometheus.Registry
	jobs        *prometheus.CounterVec
	runs        *prometheus.CounterVec
	subscribers prometheus.Gauge
	cut         prometheus.Counter
	refused     *prometheus.CounterVec
	operations  *prometheus.HistogramVec
	requests    *prometheus.CounterVec
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		jobs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jitos_jobs_total",
			Help: "Jobs that this daemon ran and settled, by verdict."}, []string{"verdict"}),
		runs: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jitos_runs_total",
			Help: "Runs of tasks that ended in this daemon, by outcome."}, []string{"outcome"}),
		subscribers: prometheus.NewGauge(prometheus.GaugeOpts{Name: "jitos_subscribers",
			Help: "Subscriptions that are open now."}),
		cut: prometheus.NewCounter(prometheus.CounterOpts{Name: "jitos_clients_cut_total",
			Help: "Clients that were cut off because they did not read."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jitos_operations_refused_total",
			Help: "GraphQL operations that were refused before they were carried out, by reason."}, []string{"reason"}),
		operations: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "jitos_operation_seconds",
			Help:    "Seconds that queries and mutations took, from the parsed operation to the answer.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8)}, []string{"operation"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "jitos_http_requests_total",
			Help: "Requests by path and status. 401: no token, 403: from another site, 421: to another name, 413: too large, 429: too many."}, []string{"path", "code"}),
	}
	m.registry.MustRegister(m.jobs, m.runs, m.subscribers, m.cut, m.refused, m.operations, m.requests,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "jitos_runs", Help: "Tasks that this daemon works on now."},
			func() float64 { return float64(s.runs.count()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "jitos_rewrites_total",
			Help: "Rewrites of the system line, whoever made them; 0 where it cannot be read."},
			func() float64 { return float64(s.rewrites()) }))
	return m
}

// rewrites is how long the system line is.
func (s *Server) rewrites() int64 {
	at, err := s.Kernel.System(context.Background())
	if err != nil || at.Commit().Record == nil {
		return 0
	}
	return at.Commit().Record.Seq
}

// event counts what the kernel tells.
func (m *metrics) event(e event) {
	switch e.Kind {
	case "settle":
		if e.Verdict != "" {
			m.jobs.WithLabelValues(string(e.Verdict)).Inc()
		}
	case "end":
		if e.outcome == "" {
			e.outcome = "failed"
		}
		m.runs.WithLabelValues(e.outcome).Inc()
	}
}

// operation measures a query or a mutation.
func (m *metrics) operation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	kind := graphql.GetOperationContext(ctx).Operation.Operation
	if kind == ast.Subscription {
		return next(ctx)
	}
	began := time.Now()
	answer := next(ctx)
	return func(ctx context.Context) *graphql.Response {
		r := answer(ctx)
		if r != nil {
			m.operations.WithLabelValues(string(kind)).Observe(time.Since(began).Seconds())
		}
		return r
	}
}

// refuse counts an operation that is refused, if it is.
func (m *metrics) refuse(err *gqlerror.Error) *gqlerror.Error {
	if err != nil {
		reason, _ := err.Extensions["code"].(string)
		m.refused.WithLabelValues(reason).Inc()
	}
	return err
}

// Metrics are served in the text format of Prometheus. Start comes before.
func (s *Server) Metrics() http.Handler {
	return promhttp.HandlerFor(s.metrics.registry, promhttp.HandlerOpts{})
}

// Counted counts the requests of a path, with what became of them.
func (s *Server) Counted(path string, next http.Handler) http.Handler {
	return promhttp.InstrumentHandlerCounter(s.metrics.requests.MustCurryWith(prometheus.Labels{"path": path}), next)
}
