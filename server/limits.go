package server

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"golang.org/x/time/rate"

	"github.com/jitos/jitos"
)

// Limits bound what requests may ask for, over HTTP and WebSocket alike.
type Limits struct {
	Depth       int           // of nested fields
	Fields      int           // of an operation with its fragments spread out
	Cost        int           // fields, those of lists times the size of the page
	Tokens      int           // of a document
	Body        int64         // bytes of a request or a message
	PerSecond   float64       // operations; a burst may hold as many as two seconds' worth
	Connections int           // at once
	Streams     int           // operations of one WebSocket at once
	Patience    time.Duration // that a client has to read one message, and to begin with one
}

// DefaultLimits are enough for the viewer, and for 500 subscribers.
func DefaultLimits() Limits {
	return Limits{Depth: 15, Fields: 5_000, Cost: 100_000, Tokens: 4_000, Body: 1 << 20, PerSecond: 500, Connections: 2048,
		Streams: 100, Patience: 10 * time.Second}
}

// Codes of errors in GraphQL's answers, beside those of refusals.
const (
	codeDepth     = "DEPTH_LIMIT_EXCEEDED"
	codeSize      = "SIZE_LIMIT_EXCEEDED"
	codeRate      = "RATE_LIMITED"
	codePersisted = "PERSISTED_OPERATION_REQUIRED"
)

// gate stands before every operation: how many there may be, which ones, and how large.
type gate struct {
	s    *Server
	rate *rate.Limiter
	cost *extension.ComplexityLimit
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
	graphql.OperationContextMutator
} = (*gate)(nil)

func newGate(s *Server) *gate {
	return &gate{s, rate.NewLimiter(rate.Limit(s.Limits.PerSecond), max(1, int(2*s.Limits.PerSecond))), extension.FixedComplexityLimit(s.Limits.Cost)}
}

func (*gate) ExtensionName() string                            { return "Gate" }
func (g *gate) Validate(schema graphql.ExecutableSchema) error { return g.cost.Validate(schema) }

// MutateOperationParameters refuses what comes too often, and puts the text in place of a hash.
func (g *gate) MutateOperationParameters(ctx context.Context, p *graphql.RawParams) *gqlerror.Error {
	if !g.rate.Allow() {
		return g.s.metrics.refuse(coded(codeRate, "more than %g operations a second: try again later", g.s.Limits.PerSecond))
	}
	return g.s.metrics.refuse(g.s.Operations.resolve(p, g.s.Dev))
}

func coded(code, format string, args ...any) *gqlerror.Error {
	err := gqlerror.Errorf(format, args...)
	errcode.Set(err, code)
	return err
}

// MutateOperationContext refuses what is too deep or too large, before anything that would take longer the larger it is.
func (g *gate) MutateOperationContext(ctx context.Context, op *graphql.OperationContext) *gqlerror.Error {
	err := g.measure(op)
	if err == nil {
		err = g.cost.MutateOperationContext(ctx, op)
	}
	return g.s.metrics.refuse(err)
}

func (g *gate) measure(op *graphql.OperationContext) *gqlerror.Error {
	m := measurer{fragments: map[string]size{}}
	is := m.of(op.Operation.SelectionSet)
	if is.depth > g.s.Limits.Depth {
		return coded(codeDepth, "the operation is %d fields deep, and may be %d", is.depth, g.s.Limits.Depth)
	}
	if is.fields > g.s.Limits.Fields {
		return coded(codeSize, "the operation has %s fields, and may have %d", many(is.fields), g.s.Limits.Fields)
	}
	return nil
}

func many(n int) string {
	if n >= math.MaxInt32 {
		return "more than two thousand million"
	}
	return fmt.Sprint(n)
}

// size is how deep and how large a selection is, its fragments spread out.
type size struct{ depth, fields int }

// measurer measures each fragment once: one that spreads another twice, thirty times over, is measured in thirty steps.
type measurer struct{ fragments map[string]size }

func (m measurer) of(set ast.SelectionSet) size {
	var all size
	for _, sel := range set {
		var one size
		switch sel := sel.(type) {
		case *ast.Field:
			one = m.of(sel.SelectionSet)
			one = size{one.depth + 1, one.fields + 1}
		case *ast.InlineFragment:
			one = m.of(sel.SelectionSet)
		case *ast.FragmentSpread:
			known, ok := m.fragments[sel.Name]
			if !ok && sel.Definition != nil {
				known = m.of(sel.Definition.SelectionSet)
				m.fragments[sel.Name] = known
			}
			one = known
		}
		all.depth = max(all.depth, one.depth)
		all.fields = min(all.fields+one.fields, math.MaxInt32)
	}
	return all
}

// listed is what a list without pages is taken to hold.
const listed = 10

// cost says what the fields that are lists cost.
func cost(c *ComplexityRoot) {
	page := func(child, first int) int { return 1 + max(1, first)*child }
	list := func(child int) int { return 1 + listed*child }
	edges := func(child int, _ *string, first int, _ *string) int { return page(child, first) }

	c.Query.Workspaces = list
	c.Query.Inbox = list
	c.Warp.Nodes = edges
	c.Warp.History = edges
	c.Warp.Tasks = func(child int, _ []jitos.TaskStatus, first int, _ *string) int { return page(child, first) }
	c.Warp.Lanes = func(child, first int, _ *string) int { return page(child, first) }
	c.Warp.Lines = func(child int, _ string, _, first int) int { return page(child, first) }
	c.Workspace.History = func(child, first int, _ *string) int { return page(child, first) }
	c.Task.Edges, c.Task.Backlinks = edges, edges
	c.Candidate.Edges, c.Candidate.Backlinks = edges, edges
	c.Process.Edges, c.Process.Backlinks = edges, edges
	c.Evidence.Edges, c.Evidence.Backlinks = edges, edges
	c.OtherNode.Edges, c.OtherNode.Backlinks = edges, edges
	c.Task.Candidates, c.Task.Processes, c.Task.Evidence = list, list, list
	c.Candidate.Processes, c.Candidate.Steps = list, list
	c.Process.Jobs, c.Process.Findings, c.Process.Conflicts, c.Process.Evidence = list, list, list, list
	c.Job.Tries = list
	c.Planning.WhyNot = list
	c.Diff.Files, c.FileDiff.Hunks = list, list
	c.GraphDiff.Nodes, c.GraphDiff.Edges = list, list
	c.NodeDiff.Fields, c.EdgeDiff.Attrs = list, list
	c.Why.Evidence, c.Why.Findings = list, list
}
