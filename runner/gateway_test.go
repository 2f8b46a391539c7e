package runner

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jitos/jitos"
)

// newGate is a gateway to what the needs name, and a client that goes through it. Names are resolved as names says.
func newGate(t *testing.T, names map[string]string, needs ...string) (g *gateway, client *http.Client, proxy string) {
	t.Helper()
	list, whole, err := destinations(jitos.Step{Needs: needs})
	if err != nil || whole {
		t.Fatalf("%v: %v, %v", needs, whole, err)
	}
	g = newGateway(list)
	g.lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
		if at, ok := names[host]; ok {
			return []netip.Addr{netip.MustParseAddr(at)}, nil
		}
		return nil, fmt.Errorf("no such host %s", host)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	proxy = l.Addr().String()
	_ = l.Close()
	stop, err := g.answer(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	at, _ := url.Parse("http://" + proxy)
	return g, &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(at), DisableKeepAlives: true}, Timeout: 10 * time.Second}, proxy
}

// through asks the proxy for a tunnel, and what the other end says.
func through(t *testing.T, proxy, to, say string) string {
	t.Helper()
	c, err := net.Dial("tcp", proxy)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n%s", to, to, say)
	raw, _ := io.ReadAll(c)
	return string(raw)
}

// What a job names it reaches, by both ways and under the same name only; everything else is refused, however it is asked for.
func TestGateway(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if to := r.URL.Query().Get("to"); to != "" {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s asked %s with %q %s", r.Host, r.URL.Path, body, r.Header.Get("Proxy-Authorization"))
	}))
	defer server.Close()
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the other server was reached") }))
	defer other.Close()
	here, there := server.Listener.Addr().String(), other.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(here)
	g, client, proxy := newGate(t, map[string]string{"inner.corp.net": "127.0.0.1", "rebind.net": "10.0.0.7", "six.net": "::ffff:127.0.0.1"},
		"net:"+here, "net:inner.corp.net:*", "net:rebind.net:443", "net:six.net:*", "fs.read:**")

	r, err := client.Post("http://"+here+"/path", "text/plain", strings.NewReader("words"))
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(r.Body)
	if want := here + ` asked /path with "words" `; string(body) != want {
		t.Errorf("%q, want %q", body, want)
	}
	if said := through(t, proxy, here, "GET /tunnel HTTP/1.0\r\n\r\n"); !strings.Contains(said, "asked /tunnel") {
		t.Errorf("a tunnel: %q", said)
	}
	for name, to := range map[string]string{"another port": there, "another host": "example.com:443", "an address": "93.184.216.34:80",
		"the metadata of a cloud": "169.254.169.254:80", "a name that leads to this machine": "inner.corp.net:" + port,
		"a name that leads to a private network": "rebind.net:443", "a mapped address": "six.net:" + port,
		"the same, by another name": "localhost:" + port, "the proxy itself": proxy, "a name server": "127.0.0.1:53"} {
		if said := through(t, proxy, to, "GET / HTTP/1.0\r\n\r\n"); !strings.HasPrefix(said, "HTTP/1.1 403 ") || !strings.Contains(said, "jitos: net:") {
			t.Errorf("%s: %q", name, said)
		}
		r, err := client.Get("http://" + to + "/")
		if err == nil && r.StatusCode != http.StatusForbidden {
			t.Errorf("%s, without a tunnel: %s", name, r.Status)
		}
		r, err = client.Get("http://" + here + "/?to=" + url.QueryEscape("http://"+to+"/")) // the client follows by the same way
		if err == nil && r.StatusCode != http.StatusForbidden {
			t.Errorf("a redirection to %s: %s", name, r.Status)
		}
	}
	// A request for an allowed host cannot name another one beside it.
	c, _ := net.Dial("tcp", proxy)
	fmt.Fprintf(c, "GET http://%s/x HTTP/1.1\r\nHost: inner.example\r\nProxy-Authorization: Basic x\r\nConnection: close\r\n\r\n", here)
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	body, _ = io.ReadAll(resp.Body)
	if want := here + ` asked /x with "" `; string(body) != want {
		t.Errorf("%q, want %q", body, want)
	}
	for _, odd := range []string{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET ftp://" + here + "/ HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT / HTTP/1.1\r\nHost: \r\n\r\n"} {
		c, _ := net.Dial("tcp", proxy)
		_, _ = io.WriteString(c, odd)
		if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil && resp.StatusCode < 400 {
			t.Errorf("%q: %s", odd, resp.Status)
		}
		_ = c.Close()
	}
	uses := g.uses()
	var mine, refused jitos.NetUse
	for _, u := range uses {
		if u.To == here {
			mine = u
		}
		refused.Refused += u.Refused
		refused.Connections += u.Connections
	}
	if mine.Connections < 3 || mine.Sent < 100 || mine.Received < 100 || mine.Refused != 0 {
		t.Errorf("counted %+v", mine)
	}
	if refused.Refused < 20 || refused.Connections != mine.Connections {
		t.Errorf("counted %+v", uses)
	}
}

// What is open when the command ends is closed.
func TestGateway_ends(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ended := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, err = io.Copy(io.Discard, c)
		}
		ended <- err
	}()
	list, _, _ := destinations(jitos.Step{Needs: []string{"net:" + l.Addr().String()}})
	g := newGateway(list)
	inner, _ := net.Listen("tcp", "127.0.0.1:0")
	f, _ := inner.(*net.TCPListener).File()
	stop, err := g.answer(f)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: x\r\n\r\n", l.Addr())
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil || !strings.Contains(line, "200") {
		t.Fatalf("%q, %v", line, err)
	}
	_ = inner.Close()
	stop()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("a connection outlived the command")
	}
}

func TestDestinations(t *testing.T) {
	for need, want := range map[string]string{"net": "whole", "net:*": "whole", "net:example.com:443": "{example.com 443}", "net:Example.com:*": "{example.com *}",
		"net:[::1]:80": "{::1 80}", "net:example.com": "{example.com *}", "net:*:443": "refused", "net::443": "refused", "fs.read:**": ""} {
		list, whole, err := destinations(jitos.Step{Needs: []string{need}})
		got := strings.Trim(fmt.Sprint(list), "[]")
		if len(list) > 0 {
			got = fmt.Sprint(list[0])
		}
		if whole {
			got = "whole"
		}
		if err != nil {
			got = "refused"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", need, got, want)
		}
	}
}

// A job in its sandbox reaches what it names by the variables that programs know, and nothing else; what it did is told.
func TestExecute_net(t *testing.T) {
	e, m := newExecutor(t)
	if how, _, err := e.Sandboxed(t.Context()); err != nil || how == "" {
		t.Skip("no sandbox here")
	}
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
		fmt.Fprint(w, "001e# service=git-upload-pack\n00000000")
	}))
	defer server.Close()
	here := server.Listener.Addr().String()
	needs := append([]string{"net:" + here}, writeAll...)
	tree := put(t, m, files{"a": "a"})
	get := "git ls-remote http://" + here + "/x"
	r := run(t, e, tree, get, func(a *jitos.Action) { a.Step.Needs, a.Grants = needs, needs })
	wantVerdict(t, r, jitos.Pass, "")
	if asked != 1 || len(r.Net) != 1 || r.Net[0].To != here || r.Net[0].Connections != 1 || r.Net[0].Received == 0 {
		t.Errorf("asked %d times, told %+v", asked, r.Net)
	}
	r = run(t, e, tree, "export no_proxy=127.0.0.1 NO_PROXY=127.0.0.1; "+get, func(a *jitos.Action) { a.Step.Needs, a.Grants = needs, needs })
	if r.Verdict == jitos.Pass || asked != 1 {
		t.Errorf("past the proxy: %+v", r)
	}
	r = run(t, e, tree, "git ls-remote http://example.com/x", func(a *jitos.Action) { a.Step.Needs, a.Grants = needs, needs })
	if !strings.Contains(r.Reason, "denied: it has no right to net:example.com:80") || len(r.Findings) != 1 || len(r.Net) != 1 || r.Net[0].Refused != 1 {
		t.Errorf("another host: %+v", r)
	}
	if r = run(t, e, tree, get); r.Verdict == jitos.Pass || asked != 1 {
		t.Errorf("a job without the network: %+v", r)
	}
}
