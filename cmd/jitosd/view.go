package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/internal/exit"
	"github.com/jitos/jitos/server/client"
)

func viewCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:  "view",
		Usage: "open the viewer in a browser",
		Description: `The daemon of this repository serves it. Where none runs one is started; it resumes no work, and ends by itself when nobody
has used it for --idle. The link is good for one login, within two minutes. It is printed where there is no browser to open.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "no-browser", Usage: "print the link, and open nothing"},
			&cli.DurationFlag{Name: "idle", Usage: "how long a daemon that is started stays without clients: a `TIME`", Value: 30 * time.Minute},
		},
		Action: func(c *cli.Context) error { return view(c, stdout) },
	}
}

func view(c *cli.Context, stdout io.Writer) error {
	if c.Args().Present() {
		return exit.Usage("view takes no arguments")
	}
	f, err := open(c.Context, c.String("C"))
	if err != nil {
		return err
	}
	dir := client.Dir(f.Repo.Common)
	if err := f.Repo.Close(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Context, time.Minute)
	defer cancel()
	socket := filepath.Join(dir, "socket")
	link, err := linkFrom(ctx, socket)
	if client.IsNobody(err) {
		if err = startDaemon(ctx, c.String("C"), dir, c.Duration("idle")); err == nil {
			link, err = linkFrom(ctx, socket)
		}
	}
	if err != nil {
		return err
	}
	if opener := browser(); opener != "" && !c.Bool("no-browser") {
		if err := exec.CommandContext(c.Context, opener, link).Run(); err == nil {
			fmt.Fprintln(stdout, "opened the viewer in your browser")
			return nil
		}
	}
	fmt.Fprintln(stdout, link)
	return nil
}

// browser is the program that opens links for the user; "" where there is none, or no screen.
func browser() string {
	name := "xdg-open"
	switch {
	case runtime.GOOS == "darwin":
		name = "open"
	case os.Getenv("DISPLAY") == "" && os.Getenv("WAYLAND_DISPLAY") == "":
		return ""
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return path
}

// linkFrom asks a daemon for a link to the viewer.
func linkFrom(ctx context.Context, socket string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, "POST", "http://jitos/login/link", nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Over(socket).Do(r)
	if err != nil {
		return "", fmt.Errorf("ask the daemon: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusConflict {
		return "", jitos.Hint(fmt.Errorf("%w: the daemon that runs here does not listen on loopback", jitos.ErrBusy),
			"end it, or start it with --http 127.0.0.1:0")
	}
	var answer struct{ URL string }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&answer); err != nil || answer.URL == "" {
		return "", fmt.Errorf("the daemon answers with %s and no link: is it of another version?", resp.Status)
	}
	return answer.URL, nil
}

// startDaemon starts a daemon that outlives this program, and waits until it listens. What it says is kept in a file beside its
// socket.
func startDaemon(ctx context.Context, repository, dir string, idle time.Duration) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := private(dir); err != nil {
		return err
	}
	log, err := os.OpenFile(filepath.Join(dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(self, "-C", repository, "--http", "127.0.0.1:0", "--idle", idle.String(), "--no-resume")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // no terminal's interrupt reaches it
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the daemon: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		r, err := http.NewRequestWithContext(ctx, "GET", "http://jitos/healthz", nil)
		if err != nil {
			return err
		}
		if resp, err := client.Over(filepath.Join(dir, "socket")).Do(r); err == nil {
			resp.Body.Close()
			return nil
		}
		select {
		case err := <-ended:
			said, _ := os.ReadFile(log.Name())
			return fmt.Errorf("the daemon ended (%v): %s", err, bytes.TrimSpace(said))
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}
