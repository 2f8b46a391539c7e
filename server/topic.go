package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"regexp"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/jitos/jitos"
)

// A topic is a subscription as all clients share it that ask the same: each of its events is carried out and marshalled once, and the
// same bytes go to everybody. What it costs to have many clients is then what it costs to write to their connections.
type topic struct {
	source source
	exec   graphql.GraphExecutor
	op     *graphql.OperationContext

	mu    sync.Mutex
	kept  []told           // the newest events, oldest first
	base  int64            // the number of kept[0]
	marks map[string]int64 // of kept, by their marks: the number of the event behind each
	start string           // the mark before kept[0]
	bytes int              // of kept
	past  map[string][]byte
	over  bool
	err   error // why it is over; nil for a proper end

	waiting map[*reader]bool
	more    chan struct{} // holds one when there is more; closed at the end

	users int // guarded by topics.mu
	stop  context.CancelFunc
}

// told is an event as clients get it.
type told struct {
	mark    string
	payload []byte // an ExecutionResult in JSON
}

// The events that a topic keeps for clients that are late. Who is later still reads a line by himself; of what is no line he is cut off.
const (
	mostKept      = 1 << 15
	mostKeptBytes = 16 << 20
	mostPast      = 1 << 10
)

// topics are the subscriptions that somebody listens to, by what they ask.
type topics struct {
	mu  sync.Mutex
	all map[string]*topic
}

// join returns the topic of an operation; leave must be called once.
func (ts *topics) join(key string, exec graphql.GraphExecutor, op *graphql.OperationContext, s source) (t *topic, leave func(), err error) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t = ts.all[key]
	if t == nil {
		ctx, stop := context.WithCancel(context.Background())
		start, events, err := s.listen(ctx)
		if err != nil {
			stop()
			return nil, nil, err
		}
		t = newTopic(s, start, stop)
		t.exec, t.op = exec, alone(op)
		if ts.all == nil {
			ts.all = map[string]*topic{}
		}
		ts.all[key] = t
		go t.waves()
		go func() {
			t.run(ctx, events)
			ts.mu.Lock()
			defer ts.mu.Unlock()
			if ts.all[key] == t {
				delete(ts.all, key)
			}
		}()
	}
	t.users++
	return t, sync.OnceFunc(func() {
		ts.mu.Lock()
		defer ts.mu.Unlock()
		if t.users--; t.users == 0 {
			t.stop()
			if ts.all[key] == t {
				delete(ts.all, key)
			}
		}
	}), nil
}

func newTopic(s source, start string, stop context.CancelFunc) *topic {
	return &topic{source: s, start: start, marks: map[string]int64{}, waiting: map[*reader]bool{}, more: make(chan struct{}, 1), stop: stop}
}

// alone is an operation without the client who sent it.
func alone(op *graphql.OperationContext) *graphql.OperationContext {
	return &graphql.OperationContext{RawQuery: op.RawQuery, Variables: op.Variables, OperationName: op.OperationName, Doc: op.Doc,
		Operation: op.Operation, DisableIntrospection: op.DisableIntrospection, RecoverFunc: op.RecoverFunc,
		ResolverMiddleware: op.ResolverMiddleware, RootResolverMiddleware: op.RootResolverMiddleware}
}

// run carries out the operation for each event until ctx ends, or the source does.
func (t *topic) run(ctx context.Context, events iter.Seq2[[]occurrence, error]) {
	const together = 256
	var failed error
	for list, err := range events {
		if failed = err; err != nil {
			break
		}
		for len(list) > 0 {
			n := min(len(list), together)
			more := make([]told, n)
			for i, o := range list[:n] {
				more[i] = told{o.mark, t.execute(ctx, o)}
			}
			t.add(more)
			list = list[n:]
		}
	}
	t.end(failed)
}

// end tells readers that nothing more comes; err is why, nil for a proper end.
func (t *topic) end(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over, t.err = true, err
	close(t.more)
}

// add keeps events, and lets who waits for them be woken.
func (t *topic) add(more []told) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, more...)
	for i, e := range more {
		t.bytes += len(e.payload)
		if e.mark != "" {
			t.marks[e.mark] = t.base + int64(len(t.kept)-len(more)+i) + 1
		}
	}
	for len(t.kept) > mostKept || t.bytes > mostKeptBytes && len(t.kept) > 1 {
		t.start = t.kept[0].mark
		delete(t.marks, t.start)
		t.bytes -= len(t.kept[0].payload)
		t.kept[0] = told{}
		t.kept = t.kept[1:]
		t.base++
	}
	select {
	case t.more <- struct{}{}:
	default:
	}
}

type occurrenceKey struct{}

// execute carries out the operation for one event.
func (t *topic) execute(ctx context.Context, o occurrence) []byte {
	responses, ctx := t.exec.DispatchOperation(context.WithValue(ctx, occurrenceKey{}, o), t.op)
	answer := responses(ctx)
	if answer == nil {
		answer = &graphql.Response{Errors: gqlerror.List{{Message: "the event has no answer"}}}
	}
	raw, err := json.Marshal(answer)
	if err != nil { // what a resolver gave is no JSON
		raw, _ = json.Marshal(failure{gqlerror.List{{Message: err.Error()}}})
	}
	return raw
}

// behind returns the number of the event behind a mark, -1 where that is not kept. The caller holds the lock.
func (t *topic) behind(mark string) int64 {
	if n, ok := t.marks[mark]; ok {
		return n
	}
	if t.start == mark {
		return t.base
	}
	return -1
}

// reader is where one client is in a topic.
type reader struct {
	t     *topic
	next  int64    // number of the next event, -1 where the topic does not keep it
	mark  string   // of the last event
	own   []string // marks that are read apart from the topic
	batch [][]byte
	wake  chan struct{} // holds one when there may be more
}

// read returns the payloads of what has happened since, as many as fit into one write, and waits for the first. The error is io.EOF
// at the end of the topic. What it returns is valid until it is called again.
func (r *reader) read(ctx context.Context) ([][]byte, error) {
	const most = 128 << 10 // bytes
	for {
		r.t.mu.Lock()
		l, isLine := r.t.source.(line)
		if isLine && (r.next < 0 || r.next < r.t.base) {
			r.next = r.t.behind(r.mark)
		}
		if r.next >= 0 && r.next < r.t.base {
			r.t.mu.Unlock()
			return nil, errTooSlow
		}
		r.batch = r.batch[:0]
		if r.next >= 0 {
			r.own = nil
			for size := 0; r.next < r.t.base+int64(len(r.t.kept)) && size < most; r.next++ {
				e := r.t.kept[r.next-r.t.base]
				r.batch = append(r.batch, e.payload)
				r.mark = e.mark
				size += len(e.payload)
			}
		}
		over, err := r.t.over, r.t.err
		if len(r.batch) == 0 {
			r.t.waiting[r] = true // from this look on: nothing comes between it and the wait
		}
		r.t.mu.Unlock()
		if len(r.batch) > 0 {
			return r.batch, nil
		}
		if r.next < 0 {
			if err := r.catchUp(ctx, l); err != nil || len(r.batch) > 0 {
				return r.batch, err
			}
		}
		if over {
			if err == nil {
				err = io.EOF
			}
			return nil, err
		}
		select {
		case <-r.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// catchUp reads the next event of a line apart from the topic, which has gone on or has not come so far; nothing where there is none.
func (r *reader) catchUp(ctx context.Context, l line) (err error) {
	if len(r.own) == 0 {
		if r.own, err = l.since(ctx, r.mark); len(r.own) == 0 {
			return ended(err)
		}
	}
	mark := r.own[0]
	payload, err := r.t.once(ctx, l, mark)
	if err != nil {
		return ended(err)
	}
	r.own, r.mark = r.own[1:], mark
	r.batch = append(r.batch, payload)
	return nil
}

// ended takes the end of a workspace for a proper end.
func ended(err error) error {
	if errors.Is(err, jitos.ErrNotFound) {
		return io.EOF
	}
	return err
}

// once carries out the operation for an event of the past, once for all who ask soon after each other.
func (t *topic) once(ctx context.Context, l line, mark string) ([]byte, error) {
	t.mu.Lock()
	payload, ok := t.past[mark]
	t.mu.Unlock()
	if ok {
		return payload, nil
	}
	o, err := l.at(ctx, mark)
	if err != nil {
		return nil, err
	}
	payload = t.execute(ctx, o)
	if ctx.Err() != nil { // what a client who leaves has cut short is nothing for others
		return nil, ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.past == nil || len(t.past) >= mostPast {
		t.past = map[string][]byte{}
	}
	t.past[mark] = payload
	return payload, nil
}

// opening is what the resolver of a subscription says of it, before any event.
type opening struct {
	source source
	about  string // what the source is, where the text of the operation does not say: names are found by a part of them
	after  string // the mark behind which the client goes on
	now    bool   // each event is all there is to know: a client gets the last one first
}

type openingKey struct{}

// stream hands the events of a subscription to write: none as soon as it has begun, then several at once where they come together,
// until ctx ends, write fails, or the subscription does: then it says why, unless it has come to its proper end.
func (s *Server) stream(ctx context.Context, ts *topics, exec graphql.GraphExecutor, op *graphql.OperationContext, write func(payloads [][]byte) error) gqlerror.List {
	var o opening
	responses, octx := exec.DispatchOperation(context.WithValue(ctx, openingKey{}, &o), op)
	if answer := responses(octx); answer != nil {
		return answer.Errors
	}
	t, leave, err := ts.join(topicKey(op, o.about), exec, op, o.source)
	if err != nil {
		return gqlerror.List{present(octx, err)}
	}
	defer leave()
	s.metrics.subscribers.Inc() // from now on what happens is told
	defer s.metrics.subscribers.Dec()
	r := t.reader(o.after)
	defer r.leave()
	if _, isLine := o.source.(line); !isLine {
		t.mu.Lock()
		r.next = t.base + int64(len(t.kept))
		if o.now && len(t.kept) > 0 {
			r.next--
		}
		t.mu.Unlock()
	}
	if write(nil) != nil {
		return nil
	}
	for {
		payloads, err := r.read(ctx)
		if err == nil {
			err = write(payloads)
			if err == nil {
				continue
			}
			return nil // nobody is there to be told
		}
		switch {
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			return nil
		case errors.Is(err, errTooSlow):
			s.metrics.cut.Inc()
		}
		return gqlerror.List{present(octx, err)}
	}
}

// loose is a $ that is not at once followed by the name of its variable.
var loose = regexp.MustCompile(`\$[^_A-Za-z]`)

// topicKey is the same for operations that give the same answers. A variable that says nothing but where to begin does not count: it
// stands twice in the text, where it is declared and as the argument.
func topicKey(op *graphql.OperationContext, about string) string {
	vars := op.Variables
	for _, sel := range graphql.CollectFields(op, op.Operation.SelectionSet, nil) {
		arg := sel.Arguments.ForName("after")
		if arg == nil || arg.Value.Kind != ast.Variable || strings.Count(op.RawQuery, "$"+arg.Value.Raw) != 2 || loose.MatchString(op.RawQuery) {
			continue
		}
		vars = map[string]any{}
		for name, v := range op.Variables {
			if name != arg.Value.Raw {
				vars[name] = v
			}
		}
	}
	raw, err := json.Marshal(vars)
	if err != nil {
		return "" // never: they were decoded from JSON
	}
	return strings.Join([]string{about, op.OperationName, op.RawQuery, string(raw)}, "\x00")
}
