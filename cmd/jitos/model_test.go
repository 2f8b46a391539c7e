package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/jitos/jitos/runner/llm/llmtest"
)

// serveModel is a program for stories: a server that plays a model by a script of turns, `modelserver SCRIPT URLFILE`. It tests
// the protocol, not a model.
func serveModel() {
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "modelserver:", err)
			os.Exit(1)
		}
	}
	raw, err := os.ReadFile(os.Args[1])
	fail(err)
	server := &llmtest.Server{}
	fail(json.Unmarshal(raw, &server.Turns))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	fail(err)
	fail(os.WriteFile(os.Args[2]+".new", []byte("http://"+listener.Addr().String()), 0o644))
	fail(os.Rename(os.Args[2]+".new", os.Args[2]))
	fail(http.Serve(listener, server))
}
