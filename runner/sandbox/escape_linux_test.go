package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// probeArg has this binary run probes: all, or the one that is named.
const probeArg = "--probe"

func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == probeArg {
		var o outside
		if err := json.Unmarshal([]byte(os.Args[2]), &o); err != nil {
			os.Exit(2)
		}
		runProbes(o, os.Args[3:])
		os.Exit(0)
	}
	if len(os.Args) > 2 && os.Args[1] == startArg {
		runStarts(os.Args[2:])
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runProbes prints the names of the probes that got out.
func runProbes(o outside, one []string) {
	if len(one) > 0 && one[0] == "say by the proxy" && sayByProxy(o) == nil {
		fmt.Println(one[0])
	}
	for _, p := range slices.Concat(probes, outsideProbes) {
		switch {
		case len(one) > 0 && p.name != one[0]:
		case p.alone && len(one) == 0:
			out, _ := exec.Command("/proc/self/exe", append(slices.Clone(os.Args[1:3]), p.name)...).Output()
			fmt.Print(string(out))
		default:
			if p.try(o) == nil && (p.alone || !slices.ContainsFunc(outsideProbes, func(q probe) bool { return q.name == p.name })) {
				fmt.Println(p.name)
			}
		}
	}
}

// prey is the outside that the probes look for: a user's home, processes and sockets.
type prey struct {
	outside
	udp    net.PacketConn
	victim *exec.Cmd
}

func newPrey(t *testing.T) *prey {
	t.Helper()
	dir, err := os.MkdirTemp("", "prey-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &prey{outside: outside{Dir: dir, In: t.TempDir(), Parent: os.Getpid(), Leak: true}}
	for _, f := range []string{".ssh/id", ".profile", "truncate", "mode", "repo/.git/config", "delete", "move"} {
		f = filepath.Join(dir, f)
		if err := errors.Join(os.MkdirAll(filepath.Dir(f), 0o700), os.WriteFile(f, []byte("secret"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	p.victim = exec.Command("/bin/sleep", "300")
	if err := p.victim.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.victim.Process.Kill(); _ = p.victim.Wait() })
	p.Pid = p.victim.Process.Pid
	p.Abstract = "@" + filepath.Base(dir)
	for network, address := range map[string]string{"tcp": "127.0.0.1:0", "unix": filepath.Join(dir, "socket"), "abstract": p.Abstract} {
		l, err := net.Listen(strings.Replace(network, "abstract", "unix", 1), address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		if network == "tcp" {
			p.TCP = l.Addr().String()
		}
	}
	if p.udp, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.udp.Close() })
	p.UDP = p.udp.LocalAddr().String()
	id, _, e := unix.Syscall(unix.SYS_SHMGET, 0, 4096, 0o600|unix.IPC_CREAT)
	if p.Shm = id; e == 0 {
		t.Cleanup(func() { _, _, _ = unix.Syscall(unix.SYS_SHMCTL, id, unix.IPC_RMID, 0) })
	}
	p.Queue = filepath.Base(dir)
	if q, _, e := unix.Syscall6(unix.SYS_MQ_OPEN, cstring(p.Queue), unix.O_RDWR|unix.O_CREAT, 0o600, 0, 0, 0); e == 0 {
		t.Cleanup(func() { _ = unix.Close(int(q)); _, _, _ = unix.Syscall(unix.SYS_MQ_UNLINK, cstring(p.Queue), 0, 0) })
	}
	p.Host, _ = os.Hostname()
	return p
}

// escapes runs every probe and returns the names of those that got out.
func (p *prey) escapes(t *testing.T, userns bool, without Layers) []string {
	t.Helper()
	t.Setenv("PROBE_SECRET", "secret")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	spec := box(p.In, userns)
	spec.Read, spec.Without = []string{self}, without
	spec.Proxy = without&Net == 0 // which opens nothing but itself
	spec.Limits = Limits{Processes: 200, Memory: 2 << 30, Files: 200}
	raw, _ := json.Marshal(p.outside)
	cmd := exec.Command(self, probeArg, string(raw))
	cmd.Dir, cmd.Env = p.In, []string{"PATH=/usr/bin:/bin"}
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	leak, err := os.Open(p.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer leak.Close()
	cmd.Stdout, cmd.Stderr = write, write
	r, err := start(spec, cmd, leak)
	_ = write.Close()
	if err != nil {
		t.Fatal(err)
	}
	if r.Listener != nil {
		defer r.Listener.Close()
	}
	var out bytes.Buffer
	read.SetReadDeadline(time.Now().Add(time.Minute))
	_, _ = io.Copy(&out, read)
	end, err := r.Wait()
	if err != nil || end.Exit != 0 {
		t.Errorf("the probes ended with %+v, %v: %s", end, err, out.String())
	}
	return append(strings.Split(strings.TrimSpace(out.String()), "\n"), p.seen()...)
}

// seen is what got out as the outside sees it.
func (p *prey) seen() (names []string) {
	var b [8]byte
	_ = p.udp.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
	if n, _, err := p.udp.ReadFrom(b[:]); err == nil && n > 0 {
		names = append(names, "send by UDP")
	}
	for name, f := range map[string]string{"delete outside": "delete", "move a file in": "move"} {
		if _, err := os.Lstat(filepath.Join(p.Dir, f)); err != nil {
			names = append(names, name)
			_ = os.WriteFile(filepath.Join(p.Dir, f), nil, 0o600)
		}
	}
	var status syscall.WaitStatus
	if pid, _ := syscall.Wait4(p.Pid, &status, syscall.WNOHANG, nil); pid == p.Pid {
		names = append(names, "kill a process")
	}
	list, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range list {
		if raw, err := os.ReadFile(f); err == nil && strings.HasPrefix(string(raw), "jitos-daemon\x00") {
			names = append(names, "a daemon that survives")
			var pid int
			_, _ = fmt.Sscanf(f, "/proc/%d/", &pid)
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	return names
}

// No probe gets out of a sandbox, as root or as an ordinary user. How many do where one layer is missing is logged: a probe that
// nothing lets out proves nothing.
func TestEscape(t *testing.T) {
	userns := requireSandbox(t)
	p := newPrey(t)
	if n := len(probes) + len(outsideProbes); n < 41 {
		t.Errorf("%d probes", n)
	}
	for _, name := range p.escapes(t, userns, 0) {
		if name != "" {
			t.Errorf("got out: %s", name)
		}
	}
	if testing.Short() {
		return
	}
	for _, layer := range All() {
		if layer == User {
			continue
		}
		p := newPrey(t)
		names := slices.DeleteFunc(p.escapes(t, userns, layer), func(s string) bool { return s == "" })
		slices.Sort(names)
		t.Logf("without %s %d get out: %s", layer, len(names), strings.Join(names, ", "))
	}
	asNobody(t, "TestEscape")
}
