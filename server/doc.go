// Package server is the face of a fabric for programs: GraphQL over HTTP, WebSocket and server-sent events.
//
// # One model
//
// The schema (schema.graphqls) was written first, for clients. It is resolved straight from the model of the root package: the
// types here hold a snapshot and a record, and their methods are the fields. What gqlgen generates (generated.go, inputs.go; `go
// generate ./server`) only calls them.
//
//	server.go        Server and its handler
//	moment.go        the one snapshot that a request looks at
//	node.go          what all nodes of the graph have in common
//	task.go          tasks, plannings, candidates; process.go: processes, jobs, evidence
//	commit.go        commits and differences; why.go: the way back to the intent
//	page.go          connections as Relay has them; enum.go: enumerations
//	query.go         where queries begin; mutation.go: commands and refusals; runs.go: what this daemon runs
//	subscription.go  streams; source.go: where their events come from; topic.go: one execution of each event for all clients,
//	                 wave.go: who is told when
//	follow.go        how rewrites made by others are noticed
//	overhttp.go      GraphQL over HTTP; socket.go: WebSocket; events.go: server-sent events; limits.go: what a request may ask for; guard.go: who may ask
//	persist.go       the operations that are known by their hash
//	client           how the command line reaches a daemon
//	viewer.go        the pages for browsers, built from viewer/src; login.go: how one gets in; lanes.go: the commit graph that they draw
//	picture.go       the whole graph as bytes; forest.go: where its nodes stand
//
// # Security
//
// A server answers on a unix socket to the user who started it, and on loopback to who shows the token. Outside dev mode it
// carries out only operations that were persisted before. Depth, cost, tokens, bytes, page sizes and rates are bounded, see
// Limits. Mutations are commands to the kernel: there is nothing that they can do and the command line cannot.
package server

//go:generate go run github.com/99designs/gqlgen@v0.17.98 generate
