// Command adapter is a worker for jitos in a hundred lines: a template for your own. It takes the argument "prompt" for a shell
// script and runs it. Put your own work into do; the rest is the protocol, which package runner describes at Adapter.
//
//	go build -o my-bot ./runner/template
//
//	# <git dir>/jitos/workers.yaml
//	adapter:
//	  my-bot: {run: [/path/to/my-bot]}
//
//	jitos allow adapter/my-bot
//	jitos worker test adapter/my-bot --prompt 'echo hello > hello.txt'
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
)

type job struct {
	Name     string            `json:"name"`
	Args     map[string]string `json:"args"`
	Needs    []string          `json:"needs"`
	Produces []string          `json:"produces"`
	Failing  []string          `json:"failing"`
	Timeout  int               `json:"timeout_s"`
}

// do is the work. The current directory holds the files: what it leaves there is the result. Further results go to files in
// $JITOS_OUT, or into the artifacts that it returns. verdict is "pass", "fail" or "could-not-run".
func do(ctx context.Context, j job) (verdict, reason string, artifacts map[string]string) {
	cmd := exec.CommandContext(ctx, "sh", "-e", "-c", j.Args["prompt"])
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return "could-not-run", err.Error(), nil
	}
	cmd.Stderr = os.Stderr // the log
	if err := cmd.Start(); err != nil {
		return "could-not-run", err.Error(), nil
	}
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		progress(lines.Text())
	}
	err = cmd.Wait()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "fail", "it was told to stop", nil
	case errors.As(err, &exit) && exit.ExitCode() == 127:
		return "could-not-run", "a command is missing", nil
	case err != nil:
		return "fail", err.Error(), nil
	}
	return "pass", "", nil
}

// ---- The protocol ----

var one sync.Mutex

func send(m map[string]any) {
	one.Lock()
	defer one.Unlock()
	raw, err := json.Marshal(m)
	if err == nil {
		fmt.Println(string(raw))
	}
}

func progress(text string) { send(map[string]any{"type": "progress", "text": text}) }

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	var working sync.WaitGroup
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 4<<20)
	for in.Scan() {
		var m struct {
			Type string `json:"type"`
			Job  job    `json:"job"`
		}
		if err := json.Unmarshal(in.Bytes(), &m); err != nil {
			fmt.Fprintln(os.Stderr, "not understood:", err)
			os.Exit(2)
		}
		switch m.Type {
		case "describe":
			send(map[string]any{"type": "description", "protocol": 1, "name": "shell-adapter", "version": "1", "args": []string{"prompt"}})
		case "do":
			working.Go(func() {
				verdict, reason, artifacts := do(ctx, m.Job)
				send(map[string]any{"type": "done", "verdict": verdict, "reason": reason, "artifacts": artifacts})
			})
		case "cancel":
			cancel()
		}
	}
	cancel() // the input was closed: jitos wants nothing more
	working.Wait()
}
