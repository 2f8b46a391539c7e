package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/jitos/jitos"
)

// setting is a number of the environment, for runs by hand.
func setting(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// Many subscribers while many rewrites are made: each gets every one, in order, once. How long that takes is reported: from the
// rewrite that was acknowledged to the client that has it, queries beside it, and what memory does. JITOS_SUBSCRIBERS (500),
// JITOS_RATE (1000 a second), JITOS_SECONDS (20; 600 for memory) and JITOS_NODES (0; 100000) are its size.
func TestHeavySubscribers(t *testing.T) {
	if os.Getenv("JITOS_HEAVY") == "" {
		t.Skip("JITOS_HEAVY=1 runs it")
	}
	subscribers, rate, seconds, nodes := setting("JITOS_SUBSCRIBERS", 500), setting("JITOS_RATE", 1000), setting("JITOS_SECONDS", 20), setting("JITOS_NODES", 0)
	dir, f := repository(t)
	for from := 0; from < nodes; from += 5000 {
		sub := jitos.Submission{What: "nodes"}
		for i := range 5000 {
			sub.Set = append(sub.Set, jitos.Node{ID: jitos.NodeID{Kind: "filler", Name: fmt.Sprintf("n-%d", from+i)}, Fields: map[string]any{"n": json.Number("1")}})
		}
		if _, err := f.Kernel.SubmitRewrite(t.Context(), sub, ""); err != nil {
			t.Fatal(err)
		}
	}
	d := start(t, dir, "--dev")
	first, err := f.Store.Head(t.Context(), jitos.SystemRef)
	if err != nil {
		t.Fatal(err)
	}
	var acknowledged sync.Map // commit id: when
	var last atomic.Value     // the id of the last one, once that is known
	delays := make([][]time.Duration, subscribers)
	lines := make([][]string, subscribers)
	var all sync.WaitGroup
	arrived := make([]map[string]time.Time, subscribers)
	for i := range subscribers {
		s := d.subscribe(`subscription ($after: ID) { rewrites(after: $after) { id } }`, map[string]any{"after": string(first)})
		arrived[i] = map[string]time.Time{}
		all.Go(func() {
			for {
				_, raw, err := s.conn.Read(t.Context())
				if err != nil {
					t.Errorf("client %d: %v after %d", i, err, len(lines[i]))
					return
				}
				if strings.Contains(string(raw), `"ping"`) {
					s.conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"pong"}`))
					continue
				}
				_, id, _ := strings.Cut(string(raw), `{"rewrites":{"id":"`)
				if len(id) < 40 {
					t.Errorf("client %d: %s", i, raw)
					return
				}
				id = id[:40]
				lines[i] = append(lines[i], id)
				arrived[i][id] = time.Now()
				if id == last.Load() {
					return
				}
			}
		})
	}
	memory := func() float64 {
		_, body := d.get("/metrics", nil)
		for line := range strings.Lines(body) {
			if v, ok := strings.CutPrefix(line, "process_resident_memory_bytes "); ok {
				n, _ := strconv.ParseFloat(strings.TrimSpace(v), 64)
				return n / (1 << 20)
			}
		}
		return 0
	}
	began, made := time.Now(), atomic.Int64{}
	t.Logf("memory: %.0f MB at the start", memory())
	var queries []time.Duration
	stop := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() {
		client := d.overSocket()
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			if n%500 == 499 {
				t.Logf("memory: %.0f MB after %.0f s", memory(), time.Since(began).Seconds())
			}
			from := time.Now()
			resp, err := client.Post("http://jitos/graphql", "application/json", strings.NewReader(`{"query":"{ warp { commit { id seq } nodes(kind: \"note\", first: 20) { nodes { id fields } } } }"}`))
			if err != nil || resp.StatusCode != http.StatusOK {
				t.Errorf("%v %v", resp, err)
				return
			}
			resp.Body.Close()
			queries = append(queries, time.Since(from))
		}
	})
	var writers sync.WaitGroup
	const hands = 64 // together in groups, as callers of one kernel are
	end := began.Add(time.Duration(seconds) * time.Second)
	for h := range hands {
		writers.Go(func() {
			for n := 0; time.Now().Before(end); n++ {
				due := began.Add(time.Duration(float64(n*hands+h) / float64(rate) * float64(time.Second)))
				time.Sleep(time.Until(due))
				c, err := f.Kernel.SubmitRewrite(t.Context(), jitos.Submission{What: "note", Set: []jitos.Node{{
					ID: jitos.NodeID{Kind: "note", Name: fmt.Sprintf("note-%d-%d", h, n%50)}, Fields: map[string]any{"n": json.Number(strconv.Itoa(n))}}}}, "")
				if err != nil {
					t.Error(err)
					return
				}
				acknowledged.Store(string(c.ID), time.Now())
				made.Add(1)
			}
		})
	}
	writers.Wait()
	took := time.Since(began)
	last.Store(string(note(t, f, "the-end", 1)))
	all.Wait()
	close(stop)
	asking.Wait()
	t.Logf("memory: %.0f MB at the end", memory())
	var want []string
	for id, err := range f.Store.Line(t.Context(), jitos.CommitID(last.Load().(string))) {
		if err != nil {
			t.Fatal(err)
		}
		if id == first {
			break
		}
		want = append(want, string(id))
	}
	slices.Reverse(want)
	var flat []time.Duration
	for i := range subscribers {
		if !slices.Equal(lines[i], want) {
			t.Errorf("client %d got %d rewrites, or not in order; want %d", i, len(lines[i]), len(want))
		}
		for id, at := range arrived[i] {
			if from, ok := acknowledged.Load(id); ok {
				delays[i] = append(delays[i], max(0, at.Sub(from.(time.Time))))
			}
		}
		flat = append(flat, delays[i]...)
	}
	slices.Sort(flat)
	slices.Sort(queries)
	at := func(list []time.Duration, q float64) time.Duration {
		if len(list) == 0 {
			return 0
		}
		return list[int(float64(len(list)-1)*q)].Round(100 * time.Microsecond)
	}
	t.Logf("%d subscribers, %d rewrites in %.1f s (%.0f a second), all told once and in order", subscribers, made.Load(), took.Seconds(), float64(made.Load())/took.Seconds())
	t.Logf("from acknowledgement to client: p50 %s, p99 %s; %d queries beside it: p50 %s, p99 %s", at(flat, 0.5), at(flat, 0.99), len(queries), at(queries, 0.5), at(queries, 0.99))
}
