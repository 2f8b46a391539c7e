package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/internal/wire"
	"github.com/jitos/jitos/warpgit"
)

// The test binary is the daemon as well: a process of its own can be ended, and killed.
const asDaemon = "JITOSD_TEST_DAEMON"

func TestMain(m *testing.M) {
	if os.Getenv(asDaemon) != "" || filepath.Base(os.Args[0]) == "jitosd" || len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "--porter") {
		main()
	}
	if socket := os.Getenv(asAsker); socket != "" {
		if err := askAlways(socket); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

var (
	environment = os.Environ() // with the user's caches, before tests have homes of their own

	built    string // the directory of the pair
	builtNow = sync.OnceValue(func() (err error) {
		if built, err = os.MkdirTemp("", "pair-"); err != nil {
			return err
		}
		build := exec.Command("go", "build", "-o", built, "../jitos")
		build.Env = environment
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("go build: %w\n%s", err, out)
		}
		return copyFile(filepath.Join(built, "jitosd"), os.Args[0])
	})
)

// pair is a directory with both programs: jitos, and this test binary as jitosd.
func pair(t *testing.T) string {
	t.Helper()
	if err := builtNow(); err != nil {
		t.Fatal(err)
	}
	return built
}

// copyFile makes a program of another name: a link, where the file system has them.
func copyFile(to, from string) error {
	if os.Link(from, to) == nil {
		return nil
	}
	raw, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, raw, 0o755)
}

// repository makes a git repository with one commit and a fabric, and opens it as another process would.
func repository(t *testing.T) (dir string, f *wire.Fabric) {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("JITOS_ALLOW", "unsandboxed") // where the machine has no sandboxes
	t.Setenv("GIT_CONFIG_NOSYSTEM", "1")
	home := t.TempDir()
	t.Setenv("HOME", home)
	if err := os.WriteFile(filepath.Join(home, ".gitconfig"), []byte("[user]\n\tname = Ada\n\temail = ada@example.com\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("one\ntwo\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"init", "-q", "-b", "main"}, {"add", "."}, {"commit", "-qm", "notes"}} {
		if out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	f, err := wire.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Executor.Close(); f.Repo.Close() })
	file, err := warpgit.FabricFile(jitos.NewName("notes"))
	if err == nil {
		err = f.AsUser(t.Context(), nil)
	}
	if err == nil {
		_, err = f.Kernel.Init(t.Context(), file)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("git", "-C", dir, "fsck", "--strict", "--no-dangling").CombinedOutput(); err != nil {
			t.Errorf("git fsck: %v\n%s", err, out)
		}
	})
	return dir, f
}

// note writes one node, as a command of another process would.
func note(t *testing.T, f *wire.Fabric, name string, n int) jitos.CommitID {
	t.Helper()
	c, err := f.Kernel.SubmitRewrite(t.Context(), jitos.Submission{
		Set:  []jitos.Node{{ID: jitos.NodeID{Kind: "note", Name: name}, Fields: map[string]any{"n": json.Number(fmt.Sprint(n))}}},
		What: name,
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	return c.ID
}

// daemon is a jitosd at work.
type daemon struct {
	t      *testing.T
	cmd    *exec.Cmd
	socket string
	url    string // of HTTP
	token  string
	stderr bytes.Buffer
	ended  chan error
}

// start starts a daemon on the socket and on loopback.
func start(t *testing.T, dir string, args ...string) *daemon {
	t.Helper()
	d := &daemon{t: t, ended: make(chan error, 1)}
	d.cmd = exec.Command(os.Args[0], append([]string{"-C", dir, "--http", "127.0.0.1:0"}, args...)...)
	d.cmd.Env = append(os.Environ(), asDaemon+"=1")
	d.cmd.Stderr = &d.stderr
	out, err := d.cmd.StdoutPipe()
	if err == nil {
		err = d.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.stop(syscall.SIGTERM) })
	lines := bufio.NewScanner(out)
	for d.token == "" && lines.Scan() {
		word := lines.Text()[strings.LastIndexByte(lines.Text(), ' ')+1:]
		switch {
		case strings.HasPrefix(word, "http:"):
			d.url = word
		case strings.HasPrefix(lines.Text(), "token in "):
			raw, err := os.ReadFile(word)
			if err != nil {
				t.Fatal(err)
			}
			d.token = strings.TrimSpace(string(raw))
		default:
			d.socket = word
		}
	}
	if d.token == "" {
		d.cmd.Wait()
		t.Fatalf("the daemon did not start: %s", d.stderr.String())
	}
	go func() { io.Copy(io.Discard, out); d.ended <- d.cmd.Wait() }()
	return d
}

// stop sends a signal and waits for the end.
func (d *daemon) stop(sig syscall.Signal) error {
	d.cmd.Process.Signal(sig)
	select {
	case err := <-d.ended:
		d.ended <- err
		return err
	case <-time.After(30 * time.Second):
		d.cmd.Process.Kill()
		d.t.Error("the daemon did not end")
		return nil
	}
}

// overSocket is a client of the unix socket.
func (d *daemon) overSocket() *http.Client { return overSocket(d.socket) }

func overSocket(socket string) *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}}}
}

// reply is an answer of GraphQL.
type reply struct {
	Data   map[string]any
	Errors []struct {
		Message    string
		Extensions struct{ Code string }
	}
	status int
}

func (r reply) code() string {
	if len(r.Errors) == 0 {
		return ""
	}
	return r.Errors[0].Extensions.Code
}

// ask sends an operation over the socket.
func (d *daemon) ask(query string, variables map[string]any) reply {
	d.t.Helper()
	return d.send(map[string]any{"query": query, "variables": variables})
}

func (d *daemon) send(body map[string]any) reply {
	d.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		d.t.Fatal(err)
	}
	resp, err := d.overSocket().Post("http://jitos/graphql", "application/json", bytes.NewReader(raw))
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	r := reply{status: resp.StatusCode}
	if err := json.NewDecoder(resp.Body).Decode(&r); err != nil {
		d.t.Fatalf("%d: %v", resp.StatusCode, err)
	}
	return r
}

// must is ask for what has to succeed; it returns what lies below keys of the data.
func (d *daemon) must(query string, variables map[string]any, keys ...string) any {
	d.t.Helper()
	r := d.ask(query, variables)
	if len(r.Errors) > 0 {
		d.t.Fatalf("%s: %+v", query, r.Errors)
	}
	return at(d.t, r.Data, keys...)
}

func at(t *testing.T, v any, keys ...string) any {
	t.Helper()
	for _, k := range keys {
		m, ok := v.(map[string]any)
		if !ok {
			t.Fatalf("no %s in %v", k, v)
		}
		v = m[k]
	}
	return v
}

// required tells whether JITOS_REQUIRE lists something: then its absence is a failure.
func required(name string) bool {
	return slices.Contains(strings.FieldsFunc(os.Getenv("JITOS_REQUIRE"), func(r rune) bool { return r == ',' || r == ' ' }), name)
}

// skip skips a test for want of something, unless that is required.
func skip(t *testing.T, name, why string) {
	t.Helper()
	if required(name) {
		t.Fatal(name + " is required: " + why)
	}
	t.Skip(why)
}
