package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc64"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/internal/wire"
)

// setting is a number of the environment, for runs by hand.
func setting(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// crowd are subscribers of one daemon while rewrites are made.
type crowd struct {
	t     *testing.T
	f     *wire.Fabric
	d     *daemon
	first jitos.Commit // before the first rewrite

	clients []*light
	reading sync.WaitGroup
	last    atomic.Int64 // number of the last rewrite, 0 while that is not known
	acked   []atomic.Int64
	made    atomic.Int64
}

// gather lets so many subscribe; at most so many rewrites will be made.
func gather(t *testing.T, f *wire.Fabric, d *daemon, subscribers, most int) *crowd {
	t.Helper()
	at, err := f.Kernel.System(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := &crowd{t: t, f: f, d: d, first: at.Commit(), acked: make([]atomic.Int64, most)}
	for i := range subscribers {
		l, err := d.light(string(c.first.ID), c.first.Record.Seq)
		if err != nil {
			t.Fatalf("client %d: %v", i, err)
		}
		c.clients = append(c.clients, l)
		c.reading.Go(func() {
			if err := l.read(c.last.Load); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	return c
}

// write makes rewrites at a rate, by hands that write together as callers of one kernel do, and tells how many were made a second.
func (c *crowd) write(rate int, long time.Duration) (perSecond float64) {
	const hands = 64
	began := time.Now()
	var writers sync.WaitGroup
	for h := range hands {
		writers.Go(func() {
			for n := 0; time.Since(began) < long; n++ {
				due := began.Add(time.Duration(float64(n*hands+h) / float64(rate) * float64(time.Second)))
				if time.Sleep(time.Until(due)); time.Since(began) > long {
					return
				}
				done, err := c.f.Kernel.SubmitRewrite(c.t.Context(), jitos.Submission{What: "note", Set: []jitos.Node{{
					ID: jitos.NodeID{Kind: "note", Name: fmt.Sprintf("note-%d-%d", h, n%50)}, Fields: map[string]any{"n": json.Number(strconv.Itoa(n))}}}}, "")
				if err != nil {
					c.t.Error(err)
					return
				}
				if i := done.Record.Seq - c.first.Record.Seq; i < int64(len(c.acked)) {
					c.acked[i].Store(time.Now().UnixNano())
				}
				c.made.Add(1)
			}
		})
	}
	writers.Wait()
	return float64(c.made.Load()) / time.Since(began).Seconds()
}

// check waits until every client has the last rewrite, and compares what each got with the line. It returns how long deliveries took
// from the acknowledgement of the rewrite, in order.
func (c *crowd) check() []time.Duration {
	c.t.Helper()
	at, err := c.f.Store.Open(c.t.Context(), note(c.t, c.f, "the-end", 1))
	if err != nil {
		c.t.Fatal(err)
	}
	c.last.Store(at.Commit().Record.Seq + 1)
	end := note(c.t, c.f, "the-end", 2)
	var line []string
	for id, err := range c.f.Store.Line(c.t.Context(), end) {
		if err != nil {
			c.t.Fatal(err)
		}
		if id == c.first.ID {
			break
		}
		line = append(line, string(id))
	}
	var want uint64
	for _, id := range slices.Backward(line) {
		want = crc64.Update(want, lineTable, []byte(id))
	}
	c.reading.Wait()
	var delays []time.Duration
	for i, l := range c.clients {
		if l.line != want || l.seq != c.first.Record.Seq+int64(len(line)) {
			c.t.Errorf("client %d has another line, up to rewrite %d", i, l.seq)
		}
		for _, g := range l.got {
			for seq := g.from; seq <= g.to; seq++ {
				if i := seq - c.first.Record.Seq; i < int64(len(c.acked)) && c.acked[i].Load() != 0 {
					delays = append(delays, max(0, g.at.Sub(time.Unix(0, c.acked[i].Load()))))
				}
			}
		}
	}
	slices.Sort(delays)
	return delays
}

// quantile is one of a sorted list.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(float64(len(sorted)-1)*q)].Round(100 * time.Microsecond)
}

// cpu is the processor time that the daemon has used (proc(5): fields 14 and 15 of stat, in hundredths of a second).
func (d *daemon) cpu() time.Duration {
	raw, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.cmd.Process.Pid))
	fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// ours is the processor time of this process: writers and clients.
func ours() time.Duration {
	var u syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measured is a number that the daemon tells of itself.
func (d *daemon) measured(name string) float64 {
	d.t.Helper()
	_, body := d.get("/metrics", nil)
	for line := range strings.Lines(body) {
		if v, ok := strings.CutPrefix(line, name+" "); ok {
			n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
			if err != nil {
				d.t.Fatal(err)
			}
			return n
		}
	}
	d.t.Fatalf("no %s among the metrics", name)
	return 0
}

// filled gives a fabric so many nodes, each below another.
func filled(t *testing.T, f *wire.Fabric, nodes int) {
	t.Helper()
	for from := 0; from < nodes; from += 5000 {
		sub := jitos.Submission{What: "nodes"}
		for i := range 5000 {
			id := jitos.NodeID{Kind: "filler", Name: fmt.Sprintf("n-%d", from+i)}
			sub.Set = append(sub.Set, jitos.Node{ID: id, Fields: map[string]any{"n": json.Number("1")}})
			if n := from + i; n > 0 {
				sub.Edges = append(sub.Edges, jitos.Edge{From: id, Label: "below", To: jitos.NodeID{Kind: "filler", Name: fmt.Sprintf("n-%d", n/7)}})
			}
		}
		if _, err := f.Kernel.SubmitRewrite(t.Context(), sub, ""); err != nil {
			t.Fatal(err)
		}
	}
}

// asAsker makes the test binary a client that asks the daemon at a socket: a process of its own, as clients are, so that it does not wait
// behind the subscribers and the writers of the test's.
const asAsker = "JITOSD_TEST_ASKER"

// askAlways asks for a page of nodes every 20 ms until its input ends, and prints how many nanoseconds each answer took.
func askAlways(socket string) error {
	stop := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		stop <- err
	}()
	client := overSocket(socket)
	for {
		select {
		case err := <-stop:
			return err
		case <-time.After(20 * time.Millisecond):
		}
		from := time.Now()
		resp, err := client.Post("http://jitos/graphql", "application/json", strings.NewReader(`{"query":"{ warp { commit { id seq } nodes(kind: \"note\", first: 20) { nodes { id fields } } } }"}`))
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusOK || err != nil {
			return fmt.Errorf("%s %w", resp.Status, err)
		}
		fmt.Println(time.Since(from).Nanoseconds())
	}
}

// asked starts a client that asks. end ends it, and tells how long each answer took, in order.
func (d *daemon) asked() (end func() []time.Duration) {
	d.t.Helper()
	client := exec.Command(os.Args[0])
	client.Env = append(os.Environ(), asAsker+"="+d.socket)
	var out, stderr bytes.Buffer
	client.Stdout, client.Stderr = &out, &stderr
	in, err := client.StdinPipe()
	if err == nil {
		err = client.Start()
	}
	if err != nil {
		d.t.Fatal(err)
	}
	return func() (took []time.Duration) {
		in.Close()
		if err := client.Wait(); err != nil {
			d.t.Errorf("who asks: %v %s", err, stderr.String())
		}
		for _, word := range strings.Fields(out.String()) {
			n, err := strconv.ParseInt(word, 10, 64)
			if err != nil {
				d.t.Error(err)
			}
			took = append(took, time.Duration(n))
		}
		slices.Sort(took)
		return took
	}
}

// Many subscribers while many rewrites are made: each gets every one, in order, once. How long that takes is reported: from the
// rewrite that was acknowledged to the client that has it, queries beside it, and what both sides need of the processor.
// JITOS_SUBSCRIBERS (500), JITOS_RATE (1000 a second), JITOS_SECONDS (20) and JITOS_NODES (0; 100000) are its size.
// Where other programs are at work, a session with echo -20 >/proc/self/autogroup has most of the cores. chrt -r 1 keeps others out
// altogether, but lets each thread of the test's keep a core for 100 ms that a query waits for.
func TestHeavySubscribers(t *testing.T) {
	if os.Getenv("JITOS_HEAVY") == "" {
		t.Skip("JITOS_HEAVY=1 runs it")
	}
	subscribers, rate, seconds := setting("JITOS_SUBSCRIBERS", 500), setting("JITOS_RATE", 1000), setting("JITOS_SECONDS", 20)
	dir, f := repository(t)
	filled(t, f, setting("JITOS_NODES", 0))
	d := start(t, dir, "--dev")
	c := gather(t, f, d, subscribers, 2*rate*seconds)
	answers := d.asked()
	daemon, us := d.cpu(), ours()
	perSecond := c.write(rate, time.Duration(seconds)*time.Second)
	delays := c.check()
	daemon, us = d.cpu()-daemon, ours()-us
	queries := answers()
	n := len(delays)
	t.Logf("%d subscribers, %d rewrites in %d s (%.0f a second), all told once and in order", subscribers, c.made.Load(), seconds, perSecond)
	t.Logf("from acknowledgement to client: p50 %s, p99 %s; %d queries beside it: p50 %s, p99 %s", quantile(delays, 0.5), quantile(delays, 0.99), len(queries), quantile(queries, 0.5), quantile(queries, 0.99))
	t.Logf("processor time: daemon %s, %.2f µs a delivery and %.0f µs a rewrite; writers and clients %s; memory of the daemon %.0f MB",
		daemon, float64(daemon.Microseconds())/float64(max(1, n)), float64(daemon.Microseconds())/float64(max(1, c.made.Load())), us.Round(10*time.Millisecond), d.measured("process_resident_memory_bytes")/(1<<20))
}

// Subscribers for a long time: memory does not grow, and when they have gone nothing is left of them. JITOS_SUBSCRIBERS (100),
// JITOS_RATE (200 a second: what caches may hold is full before the second quarter) and JITOS_SECONDS (600) are its size.
func TestHeavyMemory(t *testing.T) {
	if os.Getenv("JITOS_HEAVY") == "" {
		t.Skip("JITOS_HEAVY=1 runs it")
	}
	subscribers, rate, seconds := setting("JITOS_SUBSCRIBERS", 100), setting("JITOS_RATE", 200), setting("JITOS_SECONDS", 600)
	dir, f := repository(t)
	d := start(t, dir, "--dev")
	goroutines, descriptors := d.measured("go_goroutines"), d.descriptors()
	c := gather(t, f, d, subscribers, 2*rate*seconds)
	stop := make(chan struct{})
	var looking sync.WaitGroup
	var memory []float64
	looking.Go(func() {
		for tick := time.Tick(10 * time.Second); ; {
			select {
			case <-stop:
				return
			case <-tick:
			}
			memory = append(memory, d.measured("process_resident_memory_bytes")/(1<<20))
			t.Logf("%4d s: %5.1f MB, %.0f goroutines, %d descriptors, %d rewrites", 10*len(memory), memory[len(memory)-1], d.measured("go_goroutines"), d.descriptors(), c.made.Load())
		}
	})
	c.write(rate, time.Duration(seconds)*time.Second)
	c.check()
	close(stop)
	looking.Wait()
	for _, l := range c.clients {
		l.end()
	}
	if quarter := len(memory) / 4; quarter > 2 {
		if early, late := slices.Max(memory[quarter:2*quarter]), slices.Min(memory[3*quarter:]); late > 1.25*early {
			t.Errorf("memory grows: at most %.1f MB in the second quarter, and never below %.1f MB in the last", early, late)
		}
	}
	if maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", d.cmd.Process.Pid)); err == nil {
		n := strings.Count(string(maps), "\n")
		t.Logf("%d maps", n)
		if n > 600 {
			t.Errorf("the daemon holds on to files that are gone: it has %d maps", n)
		}
	}
	d.metric(t, "jitos_subscribers 0")
	descriptors += 70 // indexes of packs that are looked into, not mapped
	for range 100 {   // idle connections of this test's own questions close by themselves
		http.DefaultClient.CloseIdleConnections()
		if d.measured("go_goroutines") <= goroutines && d.descriptors() <= descriptors {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("something is left: %.0f goroutines and %d descriptors, at first %.0f and %d", d.measured("go_goroutines"), d.descriptors(), goroutines, descriptors)
}

// Frames of the graph in Chromium, without a graphics card. JITOS_NODES (100000) is its size.
func TestHeavyFrames(t *testing.T) {
	if os.Getenv("JITOS_HEAVY") == "" {
		t.Skip("JITOS_HEAVY=1 runs it")
	}
	modules := nodeModules(t)
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		skip(t, "chromium", "chromium is not installed")
	}
	dir, f := repository(t)
	filled(t, f, setting("JITOS_NODES", 100_000))
	base, ticket := start(t, dir).link()
	out, err := script(t, modules, "frames.mjs", base+"/#login="+ticket, chromium)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
