package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// What a job says to the address of its proxy comes out of the sandbox, and nowhere else does anything listen.
func TestProxy(t *testing.T) {
	userns := requireSandbox(t)
	spec := box(t.TempDir(), userns)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	spec.Read, spec.Proxy = []string{self}, true
	run := func() string {
		cmd := exec.Command(self, probeArg, "{}", "say by the proxy")
		cmd.Dir, cmd.Env = spec.Write[0], []string{"PATH=/usr/bin:/bin"}
		var out bytes.Buffer
		read, write, _ := os.Pipe()
		cmd.Stdout, cmd.Stderr = write, write
		r, err := Start(spec, cmd)
		_ = write.Close()
		if err != nil {
			t.Fatal(err)
		}
		heard := make(chan string, 1)
		if r.Listener == nil {
			heard <- "nothing: there is no listener"
		} else {
			l, err := net.FileListener(r.Listener)
			if err != nil {
				t.Fatal(err)
			}
			_ = r.Listener.Close()
			defer l.Close()
			go func() {
				c, err := l.Accept()
				if err != nil {
					heard <- err.Error()
					return
				}
				raw, _ := io.ReadAll(c)
				heard <- string(raw)
				_ = c.Close()
			}()
		}
		_, _ = io.Copy(&out, read)
		if end, err := r.Wait(); err != nil || end.Exit != 0 {
			t.Errorf("it ended with %+v, %v", end, err)
		}
		if !strings.Contains(out.String(), "say by the proxy") {
			return "not connected: " + out.String()
		}
		return <-heard
	}
	if got := run(); got != "from inside" {
		t.Errorf("heard %q", got)
	}
	spec.Proxy = false
	if got := run(); !strings.HasPrefix(got, "not connected") {
		t.Errorf("without a proxy: heard %q", got)
	}
	asNobody(t, "TestProxy")
}

// sayByProxy is tried by TestProxy alone.
func sayByProxy(outside) error {
	c, err := net.Dial("tcp", ProxyAddress)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(c, "from inside")
	_ = c.Close()
	return err
}

// A proxy where the job has no network of its own is refused, and not waited for.
func TestProxy_withoutNet(t *testing.T) {
	spec := box(t.TempDir(), requireSandbox(t))
	spec.Proxy, spec.Without = true, Net
	cmd := exec.Command("/bin/true")
	cmd.Dir = spec.Write[0]
	var layer *LayerError
	if _, err := Start(spec, cmd); !errors.As(err, &layer) || layer.Layer != Net {
		t.Errorf("%v", err)
	}
}
