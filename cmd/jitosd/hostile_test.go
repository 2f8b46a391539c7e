package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jitos/jitos/server"
)

// Whoever does not come from this machine, from this server's own pages, with the token, gets nothing.
func TestHostileRequests(t *testing.T) {
	dir, _ := repository(t)
	d := start(t, dir, "--dev")
	const query = `{"query":"{ warp { tree } }"}`
	for _, c := range []struct {
		what   string
		change func(*http.Request)
		status int
	}{
		{"as it should be", func(*http.Request) {}, 200},
		{"from a page of this server", func(r *http.Request) { r.Header.Set("Origin", "http://"+r.URL.Host) }, 200},
		{"a name that was made to resolve to loopback", func(r *http.Request) { r.Host = "evil.example" }, 421},
		{"such a name with our port", func(r *http.Request) { r.Host = "evil.example:" + r.URL.Port() }, 421},
		{"a page of another site", func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }, 403},
		{"a page in a sandbox", func(r *http.Request) { r.Header.Set("Origin", "null") }, 403},
		{"a page of another port", func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:1") }, 403},
		{"a link on another site", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"no token", func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		{"another token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer nonsense") }, 401},
		{"an empty token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") }, 401},
		{"a token in the URL", func(r *http.Request) { r.URL.RawQuery = "token=" + d.token; r.Header.Del("Authorization") }, 400},
		{"another media type", func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415},
		{"another answer", func(r *http.Request) { r.Header.Set("Accept", "text/html") }, 406},
		{"another method", func(r *http.Request) { r.Method = "PUT" }, 405},
		{"too large", func(r *http.Request) {
			r.Body = io.NopCloser(strings.NewReader(`{"query":"` + strings.Repeat(" ", 2<<20) + `"}`))
			r.ContentLength = -1
		}, 413},
	} {
		r, err := http.NewRequest("POST", d.url, strings.NewReader(query))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+d.token)
		c.change(r)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatalf("%s: %v", c.what, err)
		}
		resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", c.what, resp.StatusCode, c.status)
		}
	}
	d.works()
}

// works asks something ordinary.
func (d *daemon) works() {
	d.t.Helper()
	d.must(`{ warp { tree } }`, nil, "warp", "tree")
}

// What asks for too much is refused before it costs anything, over HTTP and over WebSocket alike.
func TestHostileOperations(t *testing.T) {
	dir, _ := repository(t)
	d := start(t, dir, "--dev")
	deep := strings.Repeat("edges { nodes { from { ", 10) + "id" + strings.Repeat(" } } }", 10)
	var aliases, bomb strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&aliases, "a%d: id ", i)
	}
	for i := range 30 {
		fmt.Fprintf(&bomb, "fragment f%d on Warp { ...f%d a%d: tree ...f%d } ", i, i+1, i, i+1)
	}
	for _, c := range []struct{ what, query, code string }{
		{"deep", `{ node(id: "note/a") { ` + deep + ` } }`, "DEPTH_LIMIT_EXCEEDED"},
		{"wide", `{ warp { nodes(first: 200) { nodes { edges(first: 200) { nodes { to { edges(first: 200) { nodes { id } } } } } } } } }`, "COMPLEXITY_LIMIT_EXCEEDED"},
		{"many aliases", `{ warp { history(first: 200) { nodes { ` + aliases.String() + ` } } } }`, "GRAPHQL_PARSE_FAILED"},
		{"a bomb of fragments", `{ warp { ...f0 } } ` + bomb.String() + `fragment f30 on Warp { tree }`, "SIZE_LIMIT_EXCEEDED"},
		{"fragments in a circle", `{ warp { ...f } } fragment f on Warp { ...g } fragment g on Warp { ...f }`, "GRAPHQL_VALIDATION_FAILED"},
		{"a page too long", `{ warp { nodes(first: 1000) { nodes { id } } } }`, "INVALID"},
		{"a page before the first", `{ warp { nodes(first: -1) { nodes { id } } } }`, "INVALID"},
		{"a path out of the tree", `{ warp { file(path: "../../etc/passwd") } }`, ""},
		{"a commit that is an option", `{ commit(id: "--all") { id } }`, "INVALID"},
	} {
		began := time.Now()
		r := d.ask(c.query, nil)
		if r.code() != c.code {
			t.Errorf("%s: %q, want %q: %.300v", c.what, r.code(), c.code, r.Errors)
		}
		if c.code == "" && at(t, r.Data, "warp", "file") != nil {
			t.Errorf("%s: %v", c.what, r.Data)
		}
		t.Logf("%s: %s", c.what, time.Since(began).Round(time.Millisecond))
		s := d.subscribe(c.query, nil)
		if m := s.hear(); c.code != "" && !strings.Contains(string(m.Payload), c.code) {
			t.Errorf("%s, over a WebSocket: %s %s", c.what, m.Type, m.Payload)
		}
		s.conn.CloseNow()
	}
	d.works()
}

// One WebSocket has so many operations at once and no more; the others go on, and one that ends makes room. The id of one that the client
// has ended may be used again at once: the server's own part of it may not have ended yet.
func TestHostileSubscriptions(t *testing.T) {
	dir, _ := repository(t)
	d := start(t, dir, "--dev")
	const query = `subscription { inbox { id } }`
	begin := func(s *stream, id int) {
		s.say(map[string]any{"id": strconv.Itoa(id), "type": "subscribe", "payload": map[string]any{"query": query}})
	}
	s := d.subscribe(query, nil)
	for range 20 {
		s.next("inbox")
		s.say(map[string]any{"id": "1", "type": "complete"})
		begin(s, 1)
	}
	s = d.subscribe(query, nil)
	most := server.DefaultLimits().Streams
	for id := 2; id <= most; id++ {
		begin(s, id)
	}
	for range most {
		s.next("inbox")
	}
	for tries := 0; ; tries++ {
		begin(s, most+1)
		m := s.hear()
		if tries == 0 && (m.Type != "error" || !strings.Contains(string(m.Payload), "RATE_LIMITED")) {
			t.Fatalf("one more: %s %s", m.Type, m.Payload)
		}
		if m.Type == "next" {
			break
		}
		if tries == 1000 {
			t.Fatal("one that ended made no room")
		}
		s.say(map[string]any{"id": "7", "type": "complete"})
	}
	d.works()
}

// More operations than the rate allows are put off, and told so.
func TestHostileRate(t *testing.T) {
	dir, _ := repository(t)
	d := start(t, dir, "--dev")
	client := d.overSocket()
	late := 0
	for range 3000 {
		resp, err := client.Post("http://jitos/graphql", "application/json", strings.NewReader(`{"query":"{ __typename }"}`))
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode == http.StatusTooManyRequests {
			if resp.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			late++
			break
		}
	}
	if late == 0 {
		t.Skip("this machine is too slow to be too fast")
	}
}

// Connections that say nothing, or half a request, keep nobody else out, and go.
func TestHostileConnections(t *testing.T) {
	dir, _ := repository(t)
	d := start(t, dir, "--dev")
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for i := range 500 {
		c, err := net.Dial("unix", d.socket)
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			io.WriteString(c, "POST /graphql HTTP/1.1\r\nHost: jitos\r\n")
		}
		open = append(open, c)
	}
	d.works()
	d.flood(10_000)
	open[0].SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := open[0].Read(make([]byte, 1)); err == nil {
		return // a status that says that it took too long
	} else if os.IsTimeout(err) {
		t.Error("half a request is kept for ever")
	}
}

// flood opens so many connections to loopback and says half a request on each: more than the daemon takes at once, and more than wait
// in line. Who comes by the socket is served meanwhile, and loopback again when they are gone.
func (d *daemon) flood(n int) {
	d.t.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err == nil && uint64(n)+2000 > limit.Cur {
		n = int(limit.Cur) - 2000
	}
	host := strings.TrimSuffix(strings.TrimPrefix(d.url, "http://"), "/graphql")
	var mu sync.Mutex
	var open []net.Conn
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			for range n / 50 {
				c, err := net.DialTimeout("tcp", host, 20*time.Millisecond)
				if err != nil {
					continue // there is no room in line
				}
				io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n")
				mu.Lock()
				open = append(open, c)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	d.t.Logf("%d of %d connections came in", len(open), n)
	if len(open) < server.DefaultLimits().Connections {
		d.t.Errorf("only %d connections came in: that is no flood", len(open))
	}
	d.works()
	if m := d.descriptors(); m > 2*server.DefaultLimits().Connections+200 {
		d.t.Errorf("the daemon has %d descriptors open", m)
	}
	for _, c := range open {
		c.Close()
	}
	if status, _ := d.get("/healthz", nil); status != http.StatusOK {
		d.t.Errorf("after the flood: %d", status)
	}
}

// descriptors is how many files and sockets the daemon has open; 0 where that cannot be seen.
func (d *daemon) descriptors() int {
	list, _ := os.ReadDir(fmt.Sprintf("/proc/%d/fd", d.cmd.Process.Pid))
	return len(list)
}

// Another user of this machine is not served, even where he reaches the socket.
func TestHostileUser(t *testing.T) {
	if os.Getuid() != 0 {
		skip(t, "root", "only root can be another user")
	}
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not installed")
	}
	dir, _ := repository(t)
	place, err := os.MkdirTemp("", "jitosd")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(place)
	d := start(t, dir, "--dev", "--socket", filepath.Join(place, "s"))
	ask := func(uid uint32) string {
		cmd := exec.Command("curl", "-s", "-S", "--unix-socket", d.socket, "http://jitos/healthz")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	if out := ask(65534); out == "ok\n" {
		t.Errorf("another user was served: %s", out)
	}
	for _, name := range []string{place, d.socket} { // somebody opened the doors by hand
		if err := os.Chmod(name, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if out := ask(65534); out == "ok\n" {
		t.Errorf("another user was served through open modes: %s", out)
	}
	if out := ask(0); out != "ok\n" {
		t.Errorf("the user himself was not: %s", out)
	}
}
