package runner

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/sandbox"
)

// gateway is the one way to the network of a job that needs net:HOST:PORT: a proxy (plain HTTP, and CONNECT for all else) to
// those hosts and ports alone. The network of the sandbox stays empty but for its loopback, on which a listener of the
// sandbox's leads here. Names are resolved here, and what is dialled is the address that was looked at: one that is private is
// refused unless the capability names the address itself, or localhost.
type gateway struct {
	allowed []destination
	lookup  func(ctx context.Context, host string) ([]netip.Addr, error)

	mu   sync.Mutex
	used map[string]*jitos.NetUse
}

// passage is the gateway for the sandbox of one command.
type passage struct {
	*gateway
	mu   sync.Mutex
	open map[net.Conn]bool
}

// nolog is where servers log: what a client of the job does wrong is nobody else's business.
var nolog = log.New(io.Discard, "", 0)

// destination is what one capability names; port "*" is any.
type destination struct{ host, port string }

// destinations reads what a step may reach. whole: the whole network of the machine.
func destinations(step jitos.Step) (list []destination, whole bool, err error) {
	for _, need := range step.Needs {
		verb, scope, _ := strings.Cut(need, ":")
		switch {
		case verb != "net":
			continue
		case scope == "" || scope == "*" || scope == "**" || scope == "*:*":
			whole = true
			continue
		}
		if !strings.ContainsAny(scope, ":*") { // a host alone means all of its ports
			scope += ":*"
		}
		host, port, err := net.SplitHostPort(scope)
		if err != nil || host == "" || port == "" || host == "*" {
			return nil, false, fmt.Errorf("%s: want net:HOST, net:HOST:PORT or net:HOST:*", need)
		}
		list = append(list, destination{strings.ToLower(host), port})
	}
	return list, whole, nil
}

func newGateway(allowed []destination) *gateway {
	return &gateway{allowed: allowed, used: map[string]*jitos.NetUse{},
		lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}}
}

// vars tell programs of the way: what curl, git, go, npm, pip and cargo read.
func (g *gateway) vars() map[string]string {
	if g == nil {
		return nil
	}
	at := "http://" + sandbox.ProxyAddress
	direct := slices.DeleteFunc([]string{"localhost", "127.0.0.1", "::1"}, func(host string) bool { // the job's own, unless the machine's is named
		return slices.ContainsFunc(g.allowed, func(d destination) bool { return d.host == host })
	})
	own := strings.Join(direct, ",")
	return map[string]string{"HTTP_PROXY": at, "HTTPS_PROXY": at, "ALL_PROXY": at, "http_proxy": at, "https_proxy": at, "all_proxy": at,
		"NO_PROXY": own, "no_proxy": own, "NODE_USE_ENV_PROXY": "1"}
}

// answer serves what comes from the sandbox of one command. stop ends that, and every connection that came of it.
func (way *gateway) answer(from *os.File) (stop func(), err error) {
	defer from.Close() // it is duplicated
	l, err := net.FileListener(from)
	if err != nil {
		return nil, fmt.Errorf("the way to the network: %w", err)
	}
	g := &passage{gateway: way, open: map[net.Conn]bool{}}
	transport := &http.Transport{DialContext: func(ctx context.Context, _, address string) (net.Conn, error) { return g.dial(ctx, address) },
		DisableKeepAlives: true, DisableCompression: true, ResponseHeaderTimeout: 5 * time.Minute}
	plain := &httputil.ReverseProxy{Transport: transport, FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL, r.Out.Host = r.In.URL, r.In.URL.Host },
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			refuse(w, err)
		}, ErrorLog: nolog}
	server := &http.Server{ReadHeaderTimeout: time.Minute, ErrorLog: nolog, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodConnect:
			g.connect(w, r)
		case r.URL.Scheme == "http" && r.URL.Host != "":
			plain.ServeHTTP(w, r)
		default:
			http.Error(w, "jitos: this is a proxy", http.StatusBadRequest)
		}
	})}
	finished := make(chan struct{})
	go func() { defer close(finished); _ = server.Serve(l) }()
	return func() {
		_ = server.Close()
		<-finished
		g.mu.Lock()
		defer g.mu.Unlock()
		for c := range g.open {
			_ = c.Close()
		}
	}, nil
}

// refusedError is a destination that the job has no right to.
type refusedError struct{ to, why string }

func (e *refusedError) Error() string { return "jitos: net:" + e.to + " " + e.why }

func refuse(w http.ResponseWriter, err error) {
	code := http.StatusBadGateway
	if r := (*refusedError)(nil); errors.As(err, &r) {
		code, err = http.StatusForbidden, r
	}
	http.Error(w, err.Error(), code)
}

// connect leads a client through to a destination.
func (g *passage) connect(w http.ResponseWriter, r *http.Request) {
	there, err := g.dial(r.Context(), r.Host)
	if err != nil {
		refuse(w, err)
		return
	}
	defer there.Close()
	here, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	g.hold(here)
	defer g.letGo(here)
	if _, err := io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	ended := make(chan struct{})
	go func() {
		_, _ = io.Copy(there, buffered) // what came with the request, and the rest
		if half, ok := there.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
		close(ended)
	}()
	_, _ = io.Copy(here, there)
	_ = here.Close()
	<-ended
}

// hold notes a connection while it is open, letGo closes it.
func (g *passage) hold(c net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open[c] = true
}

func (g *passage) letGo(c net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.open, c)
	_ = c.Close()
}

// dial connects to a destination that the job may reach.
func (g *passage) dial(ctx context.Context, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	to := net.JoinHostPort(host, port)
	if !slices.ContainsFunc(g.allowed, func(d destination) bool { return d.host == host && (d.port == "*" || d.port == port) }) {
		return nil, g.refused(to, "is not among what the step needs")
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	addresses, named := []netip.Addr(nil), host == "localhost"
	if literal, err := netip.ParseAddr(host); err == nil {
		addresses, named = []netip.Addr{literal}, true
	} else if addresses, err = g.lookup(ctx, host); err != nil {
		return nil, err
	}
	var last error
	for _, a := range addresses {
		a = a.Unmap()
		if !named && private(a) {
			last = g.refused(to, "leads to a private address: a capability for that must name the address")
			continue
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(a.String(), port))
		if err == nil {
			return g.counted(conn, to), nil
		}
		last = err
	}
	if last == nil {
		last = fmt.Errorf("%s has no address", host)
	}
	return nil, last
}

// shared is the range that carriers share (RFC 6598).
var shared = netip.MustParsePrefix("100.64.0.0/10")

// private tells whether an address is one that only this machine or its own network reaches.
func private(a netip.Addr) bool {
	return !a.IsGlobalUnicast() || a.IsPrivate() || shared.Contains(a) || a.Is4() && a.As4()[0] == 0
}

func (g *gateway) refused(to, why string) error {
	g.use(to, func(u *jitos.NetUse) { u.Refused++ })
	return &refusedError{to, why}
}

// maxUses bounds the destinations that are told apart.
const maxUses = 50

func (g *gateway) use(to string, count func(*jitos.NetUse)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.used[to] == nil && len(g.used) >= maxUses {
		to = "others"
	}
	if g.used[to] == nil {
		g.used[to] = &jitos.NetUse{To: to}
	}
	count(g.used[to])
}

// uses is what came of it, by destination; nil for nothing.
func (g *gateway) uses() []jitos.NetUse {
	g.mu.Lock()
	defer g.mu.Unlock()
	var list []jitos.NetUse
	for _, to := range slices.Sorted(maps.Keys(g.used)) {
		list = append(list, *g.used[to])
	}
	return list
}

// countedConn counts what goes through a connection.
type countedConn struct {
	net.Conn
	g  *passage
	to string
}

func (g *passage) counted(c net.Conn, to string) net.Conn {
	g.hold(c)
	g.use(to, func(u *jitos.NetUse) { u.Connections++ })
	return &countedConn{c, g, to}
}

func (c *countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.g.use(c.to, func(u *jitos.NetUse) { u.Received += int64(n) })
	return n, err
}

func (c *countedConn) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.g.use(c.to, func(u *jitos.NetUse) { u.Sent += int64(n) })
	return n, err
}

func (c *countedConn) CloseWrite() error {
	if t, ok := c.Conn.(*net.TCPConn); ok {
		return t.CloseWrite()
	}
	return nil
}

func (c *countedConn) Close() error {
	c.g.letGo(c.Conn)
	return nil
}

// tell writes into a result where the job was, and, where it failed and was refused something, that.
func (g *gateway) tell(r *jitos.Result) {
	if g == nil {
		return
	}
	r.Net = g.uses()
	var refused []string
	for _, u := range r.Net {
		if u.Refused > 0 {
			refused = append(refused, "net:"+u.To)
		}
	}
	if len(refused) == 0 || r.Verdict == jitos.Pass {
		return
	}
	text := "denied: it has no right to " + few(refused)
	r.Reason = strings.TrimPrefix(r.Reason+"; "+text, "; ")
	r.Findings = append(r.Findings, jitos.Finding{About: jitos.AboutDenied, Text: text, Data: map[string]string{"capability": refused[0]}})
}
