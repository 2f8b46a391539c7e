// Command jitosd serves the fabric of a repository: the same kernel as the command line's, behind a socket.
//
//	main.go      flags, start and end
//	listen.go    the sockets: who may connect, and how many
//	trace.go     OpenTelemetry traces
//	idle.go      the end of a daemon that nobody uses; view.go starts such a one, and opens the viewer
//	watch.go     the lanes in a terminal, or as lines: watch_feed.go follows the repository, watch_screen.go is the model, which
//	             watch_draw.go draws, watch_repo.go what it asks and does
//	persist.go   operations that may be carried out outside dev mode
//	mcp.go       the commands of jitos as tools for agents: mcp_tools.go lists them, mcp_args.go makes calls of what an agent
//	             sent, mcp_child.go runs them, mcp_context.go has what may be read without a tool, mcp_http.go the other transport
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/internal/exit"
	"github.com/jitos/jitos/cmd/internal/wire"
	"github.com/jitos/jitos/server"
)

func main() {
	os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr))
}

// run is the whole program: arguments (the first is the program's name) in, exit code out.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := program(stdin, stdout, stderr).RunContext(ctx, args)
	if err != nil {
		fmt.Fprintf(stderr, "jitosd: error: %s\n", err)
		if hint := exit.Hint(err); hint != "" {
			fmt.Fprintf(stderr, "jitosd: hint: %s\n", hint)
		}
	}
	return exit.Code(err)
}

func program(stdin io.Reader, stdout, stderr io.Writer) *cli.App {
	cli.VersionFlag = nil
	return &cli.App{
		Name:  "jitosd",
		Usage: "serve the fabric of a repository by GraphQL",
		Description: `It listens on a unix socket in the git directory, for the user who started it, and with --http on loopback, for who
shows the token (Authorization: Bearer; the file that holds it is printed). What an earlier daemon left open is resumed. It ends
on SIGTERM or an interrupt: what was settled stays, and the next daemon or command goes on.

/             the viewer, with --http; it is opened by a link that is good for one login
/login/link   POST: {"url": …}, such a link
/graphql      queries and mutations by GET and POST, subscriptions by WebSocket (graphql-transport-ws) or server-sent events
/mcp          the commands of jitos as tools for agents, by the Model Context Protocol (streamable HTTP), within --caps
/metrics      what it counts, in Prometheus' text format
/healthz      200 while it works

Where a variable OTEL_… is set, each attempt becomes a trace of OpenTelemetry, sent by OTLP over HTTP.

Outside --dev only operations that were persisted are carried out: jitosd persist FILE.

Exit codes: ` + exit.Help,
		HideVersion: true,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "C", Usage: "work in `DIR`", Value: "."},
			&cli.StringFlag{Name: "socket", Usage: "listen on the unix socket `PATH` instead"},
			&cli.StringFlag{Name: "http", Usage: "listen on `ADDR` as well, 127.0.0.1:PORT; port 0 chooses one"},
			&cli.IntFlag{Name: "jobs", Usage: "run up to `N` jobs side by side, of all that is submitted together", Value: 2},
			&cli.BoolFlag{Name: "no-resume", Usage: "leave alone what an earlier daemon or command left open"},
			&cli.DurationFlag{Name: "idle", Usage: "end when there were no clients and nothing to do for `TIME`, such as 30m; 0: never"},
			capsFlag("the `RIGHTS` of agents at /mcp; jitosd mcp --help lists them"),
			&cli.BoolFlag{Name: "dev", Usage: "allow introspection, and operations that were not persisted"},
		},
		Action:       func(c *cli.Context) error { return serve(c, stdout, stderr) },
		Commands:     []*cli.Command{persistCommand(stdout), viewCommand(stdout), watchCommand(stdin, stdout), mcpCommand(stdin, stdout)},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error { return &exit.UsageError{Err: err} },
		ExitErrHandler: func(*cli.Context, error) {
		},
		Writer:    stdout,
		ErrWriter: stderr,
	}
}

// goodbye is how long open requests may take when the daemon ends.
const goodbye = 5 * time.Second

func serve(c *cli.Context, stdout, stderr io.Writer) (err error) {
	if c.Args().Present() {
		return exit.Usage("%s: no such command", c.Args().First())
	}
	if c.Int("jobs") < 1 {
		return exit.Usage("--jobs %d: want 1 or more", c.Int("jobs"))
	}
	ctx := c.Context
	f, err := open(ctx, c.String("C"))
	if err != nil {
		return err
	}
	f.Kernel.Jobs = c.Int("jobs")
	defer func() { err = errors.Join(err, f.Executor.Close(), f.Repo.Close()) }()
	note := func(format string, args ...any) { fmt.Fprintf(stderr, "jitosd: "+format+"\n", args...) }
	f.Repo.Background = func() error {
		go func() {
			if err := f.Repo.Maintain(context.WithoutCancel(ctx)); err != nil {
				note("notice: %s", err)
			}
		}()
		return nil
	}
	s := &server.Server{
		Repo: f.Repo, Store: f.Store, Merger: f.Merger, Kernel: f.Kernel,
		Dev:        c.Bool("dev"),
		Rest:       c.Bool("no-resume"),
		Operations: &server.Operations{Dir: operationsDir(f.Repo.Common)},
		Limits:     server.DefaultLimits(),
		Note:       func(text string) { note("notice: %s", text) },
	}
	traces, err := newTracer(ctx)
	if err != nil {
		return err
	}
	if traces != nil {
		s.Watch = traces.event
	}
	doors, err := openDoors(f.Repo.Common, c.String("socket"), c.String("http"), s.Limits.Connections)
	if err != nil {
		return err
	}
	defer doors.close()
	live, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	if err := s.Start(live); err != nil {
		return err
	}
	defer s.Close()
	failed := make(chan error, len(doors.list))
	guard := server.Guard{Token: doors.token, Logins: &server.Logins{}}
	all := faces{s: s, graphql: s.Handler(guard.Admits), guard: guard, base: doors.base()}
	agents, lack := newAgentServer(c.String("C"), c.String("caps"))
	switch {
	case lack == nil:
		all.agents = agentsOverHTTP(live, agents, s.Limits)
	case errors.Is(lack, jitos.ErrNotFound): // the rest works without a jitos beside it
		note("notice: no /mcp: %s", lack)
	default:
		return lack
	}
	var clients attendance
	var serving []*http.Server
	for _, d := range doors.list {
		h := &http.Server{
			Handler:           clients.count(all.handler(d.unix)),
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       0, // streams stay open; bodies are bounded, and a connection that says nothing counts as one
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    32 << 10,
			BaseContext:       d.base(live),
		}
		serving = append(serving, h)
		go func() { failed <- h.Serve(d.listener) }()
		fmt.Fprintf(stdout, "listening on %s\n", d.name)
	}
	if doors.tokenFile != "" {
		fmt.Fprintf(stdout, "token in %s\n", doors.tokenFile)
		if isTerminal(stderr) { // what is no terminal is a log, and no place for what lets somebody in
			note("viewer at %s (once, within %s)", guard.Logins.Link(doors.base()), server.TicketLife)
		}
	}
	select {
	case <-ctx.Done():
		note("ending")
	case <-clients.alone(c.Duration("idle"), s.Busy):
		note("ending: nobody was here for %s", c.Duration("idle"))
	case err = <-failed:
	}
	s.Close() // jobs are stopped first: their results are settled while streams can still tell
	stop()
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), goodbye)
	defer cancel()
	for _, h := range serving {
		if h.Shutdown(bye) != nil {
			h.Close()
		}
	}
	if traces != nil {
		err = errors.Join(err, traces.close(bye))
	}
	return err
}

// faces are what is behind the doors.
type faces struct {
	s       *server.Server
	graphql http.Handler
	agents  http.Handler // nil where jitos is not found
	guard   server.Guard
	base    string // where browsers come in, "" for nowhere
}

// handler has the paths of a door. All but those of the viewer and /healthz are for who is admitted; the handler of GraphQL looks
// for itself, since a WebSocket shows its token in the first message.
func (f faces) handler(unix bool) http.Handler {
	protect := f.guard.Protect
	if unix {
		protect = server.Trust
	}
	mux := http.NewServeMux()
	admitted := func(next http.Handler) http.Handler { return protect(server.Admitted(next)) }
	mux.Handle("/graphql", f.s.Counted("/graphql", protect(f.graphql)))
	mux.Handle("GET /graph.bin", f.s.Counted("/graph.bin", admitted(f.s.Patient(f.s.Picture()))))
	mux.Handle("POST /login/link", admitted(f.guard.Logins.Links(f.base)))
	mux.Handle("GET /metrics", f.s.Counted("/metrics", admitted(f.s.Patient(f.s.Metrics()))))
	if f.agents != nil {
		mux.Handle("/mcp", f.s.Counted("/mcp", admitted(f.s.Patient(f.agents))))
	}
	if !unix {
		mux.Handle("/", f.s.Viewer(f.guard))
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	return mux
}

// open opens the fabric that a directory lies in.
func open(ctx context.Context, dir string) (*wire.Fabric, error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return nil, exit.Usage("-C %s: no such directory", dir)
	}
	f, err := wire.Open(dir)
	if err != nil {
		return nil, err
	}
	if _, err := f.Kernel.System(ctx); errors.Is(err, jitos.ErrNotFound) {
		return nil, jitos.Hint(fmt.Errorf("this repository has no fabric: %w", jitos.ErrNotFound), "`jitos init` makes one")
	} else if err != nil {
		return nil, err
	}
	return f, f.AsUser(ctx, nil)
}
