// Package jitos is the model of a job fabric that lives inside a git repository, and the kernel that runs it.
//
// All work is a causal graph, the WARP: typed nodes and labelled edges beside the user's files, at one commit. It changes
// by rewrites alone, and one rewrite is one commit. An intent becomes a Task; a planner proposes Slaps, candidate plans;
// one of them is compiled to Jobs, and an attempt at it is a Process; workers run the jobs in a speculative workspace
// (SWS), a branch forked from a Snapshot of the system WARP; gates give Evidence for exactly one file tree; a collapse
// merges the workspace into the system line, a discard leaves what the attempt taught.
//
// This file holds every type and interface, so that it teaches the whole system. The rest of the package:
//
//	kernel.go    the one path from intent to a tried plan
//	record.go    the one writer of the system line
//	repair.go    what an attempt that broke leaves to the next: a repaired plan, and the results of the jobs that it keeps
//	jobreader.go the jobs of an attempt, read step by step; agenda.go which of them may start
//	tick.go      one scheduler tick: settle, choose, claim, dispatch; dispatch.go what a job is handed; settle.go what came of it
//	collapse.go  the checked merge that ends the path, and the discard that ends it otherwise
//	sws.go       workspaces: fork, extend; rebase.go: bring them onto the system line as it is
//	race.go      attempts side by side: who may collapse, and what becomes of the others
//	learn.go     what an attempt tells of its methods: how long, and what failed
//	reuse.go     the key of an action, and the result of an equal one
//	probe.go     what a job tries on file trees of their own, and how many commands run side by side
//	prove.go     gates: evidence for one tree, and what a collapse requires of it
//	sync.go      absorb: the user's branch comes in; land.go: it goes out
//	reconcile.go two lines of one fabric become one again; resubmit.go: how each rewrite does; reopen.go: what stays open
//	takeover.go  an attempt that was opened in another clone goes on here
//	retire.go    months of the archive that are kept no longer
//	heal.go      what a crash or plain git left halfway
//	recheck.go   settled actions run again; verify.go: deterministic rules; why.go: from a change back to its intent
//	rewrite.go   Apply: what each rule may write, and what must be there before it
//	limit.go     capabilities that are limits, and what a job may read
//	policy.go    Admit: capabilities and content that was allowed; narrow.go what methods leave of it; lends.go who may ask for a secret; bounds.go what the policy asks of a change
//	park.go      questions that only a person can answer: an attempt parks, and goes on when one did
//	inbox.go     what waits for a person, and the answers
//	status.go    Status: a fold over the graph; nothing is ever stored as a status
//	pattern.go   what a rewrite relied on, and whether that still holds
//	canon.go     names, ids and canonical JSON
//	errors.go    what callers test for, and the one name that a word may mean; outcome.go what a run came to
//
// The package imports only the standard library. Everything above it (stores, merges, planners, workers, faces) is lent to
// the kernel as one of the small interfaces below.
package jitos

import (
	"context"
	"iter"
	"time"
)

// Format is the version of the bytes in git, kept in .jitos/fabric.json. A fabric of another version is refused.
const Format = 1

// Ids. CommitID, TreeID and BlobID are hex object ids of git; the empty string means none. The others are node names
// (see NewName), each a type of its own, so that a plan cannot be handed over where a task is wanted.
type (
	CommitID  string
	TreeID    string
	BlobID    string
	TaskID    string
	SlapID    string
	ProcessID string
	JobID     string
)

func (id TaskID) Node() NodeID    { return NodeID{KindTask, string(id)} }
func (id SlapID) Node() NodeID    { return NodeID{KindSlap, string(id)} }
func (id ProcessID) Node() NodeID { return NodeID{KindProcess, string(id)} }
func (id JobID) Node() NodeID     { return NodeID{KindJob, string(id)} }

// Kinds of the nodes that the kernel writes. Users and libraries may add any other kind.
const (
	KindTask       = "task"       // Task
	KindWithdrawal = "withdrawal" // Withdrawal, named as its task
	KindPlanning   = "planning"   // Planning: the candidates of one moment and why the other methods were not used
	KindSlap       = "slap"       // Slap
	KindProcess    = "process"    // Process
	KindJob        = "job"        // Job
	KindClaim      = "claim"      // Claim
	KindSettlement = "settlement" // Settlement, named as its claim
	KindEvidence   = "evidence"   // Evidence, named by its key
	KindFinding    = "finding"    // Finding
	KindConflict   = "conflict"   // Conflict
	KindAttempt    = "attempt"    // Attempt, named as its process: an attempt that was discarded
	KindCollapse   = "collapse"   // Collapse, named as its process
	KindAction     = "action"     // SettledAction, named by its key
	KindProbe      = "probe"      // Probe: on a commit of its own
	KindBatch      = "batch"      // Batch, named as its claim
	KindSync       = "sync"       // Sync; the one node is SyncNode
	KindToolchain  = "toolchain"  // Toolchain: what the files are recognised as
	KindQuestion   = "question"   // Question: what only a person can decide
	KindAnswer     = "answer"     // Answer, named as its question
	KindRetired    = "retired"    // Retired, named as its month
)

// Labels of the edges that the kernel writes, each stored under the node that came first in time.
const (
	LabelPlan       = "plan"       // task → slap
	LabelPlanning   = "planning"   // task → planning
	LabelAttempt    = "attempt"    // task → process
	LabelProcess    = "process"    // slap → process
	LabelRevision   = "revision"   // slap → slap that revises it
	LabelJob        = "job"        // process → job
	LabelThen       = "then"       // job → job that comes after it
	LabelClaim      = "claim"      // job → claim
	LabelSettlement = "settlement" // claim → settlement
	LabelEvidence   = "evidence"   // settlement, task or question → evidence
	LabelFinding    = "finding"    // process → finding
	LabelConflict   = "conflict"   // process → conflict
	LabelAction     = "action"     // settlement → action
	LabelBy         = "by"         // action → process that settled it; the key is the claim
	LabelBatch      = "batch"      // process → batch
	LabelEnd        = "end"        // process → attempt or collapse
	LabelQuestion   = "question"   // process → question
	LabelAnswer     = "answer"     // question → answer
)

// SyncNode records the user's commit last synced with the system line.
var SyncNode = NodeID{KindSync, "user"}

// ---- The graph ----

// NodeID names a node: "kind/name" in text. Kind and Name follow CheckName.
type NodeID struct{ Kind, Name string }

// Node is a typed node of the graph. Fields hold decoded JSON (string, bool, json.Number, []any, map[string]any, nil).
type Node struct {
	ID     NodeID
	Fields map[string]any
}

// Edge is one edge of the multigraph, stored once, under its source. Key tells apart edges with the same ends and label.
type Edge struct {
	From  NodeID
	Label string
	To    NodeID
	Key   string
	Attrs map[string]any
}

// ItemID names anything that a rewrite sets or drops:
//
//	task/x-abcdefgh                a node
//	task/x-abcdefgh#plan/0123…     an edge: its source, its label and its EdgeID
//	./methods/go.yaml              a file of the fabric, below .jitos/
type ItemID string

// Graph is the nodes and edges of a WARP at one commit. Reading one node costs a few object reads at any size.
// Every method is safe for concurrent use.
type Graph interface {
	// Node returns the node, or an error that Is ErrNotFound.
	Node(ctx context.Context, id NodeID) (Node, error)
	// Nodes yields the nodes of a kind in a fixed order (that of their shards, not of their names);
	// kind "" means all kinds. It ends after the first error.
	Nodes(ctx context.Context, kind string) iter.Seq2[Node, error]
	// Edges yields the edges that leave a node; label "" means all labels.
	Edges(ctx context.Context, from NodeID, label string) iter.Seq2[Edge, error]
	// Blob returns the object id of the item's stored bytes, "" where the item is absent.
	Blob(ctx context.Context, item ItemID) (BlobID, error)
}

// Files is the file tree of a WARP: the user's files, without .jitos/. Paths are slash separated, relative, clean.
type Files interface {
	// Tree is the hash of the file tree.
	Tree() TreeID
	// ReadFile returns the bytes of a regular file, or an error that Is ErrNotFound.
	ReadFile(ctx context.Context, path string) ([]byte, error)
	// PathID returns the object id of a file or directory and its mode in octal ("100644 ab12…"), "" where there is none.
	PathID(ctx context.Context, path string) (string, error)
	// Glob yields, in byte order, the paths of files that match a pattern of MatchPath; "**" yields all.
	Glob(ctx context.Context, pattern string) iter.Seq2[string, error]
}

// Snapshot is a WARP at one commit: immutable, read lazily.
type Snapshot interface {
	Graph
	Files
	// Commit is the commit itself, with its record.
	Commit() Commit
	// Fabric returns the files below .jitos/ that are no nodes, edges or record (fabric.json, policy.yaml, methods/*.yaml),
	// by path.
	Fabric(ctx context.Context) (map[string][]byte, error)
}

// Commit is one commit of a fabric's line, or of the user's history. Record is nil for a plain commit of the user's.
type Commit struct {
	ID        CommitID
	Parents   []CommitID
	Tree      TreeID // the file tree: the root without .jitos/
	Author    string // name and address
	Committer string
	When      time.Time
	Subject   string
	Body      string
	Trailers  map[string]string
	Record    *Record
}

// ---- Rewrites ----

// Rules: the names of rewrites. A rule marked k writes the system line and is the kernel's alone.
const (
	RuleBirth    = "birth"     // k: the parentless first commit
	RuleAbsorb   = "absorb"    // k: the user's commits come in
	RuleLand     = "land"      // k: collapsed files went to a branch of the user's
	RuleObserve  = "observe"   // k: what the files are recognised as
	RuleTask     = "task"      // k: an intent
	RuleWithdraw = "withdraw"  // k: an intent is taken back
	RulePlan     = "plan"      // k: candidates, and why not the others
	RuleProcess  = "process"   // k: an attempt starts
	RuleTakeOver = "take-over" // k: an attempt that was opened elsewhere goes on in another clone
	RuleProve    = "prove"     // k: evidence for the system's own tree
	RuleCollapse = "collapse"  // k: a workspace is merged
	RuleDiscard  = "discard"   // k: a workspace is given up, with what it taught
	RuleConflict = "conflict"  // k: a collapse was refused; both sides are named. Of a reconciliation: the second parent is the workspace's tip
	RuleMethod   = "method"    // k: the library of this fabric changes
	RuleBatch    = "batch"     // k: a job tried something on many file trees
	RuleAsk      = "ask"       // k: an attempt waits for a person
	RuleAnswer   = "answer"    // k: a person has decided
	RuleRetire   = "retire"    // k: months of the archive are dropped
	RuleCompile  = "compile"   // in an SWS: a plan becomes a DAG of jobs
	RuleClaim    = "claim"     // in an SWS: jobs are about to run
	RuleSettle   = "settle"    // in an SWS: the result of one claim
	RuleProbe    = "probe"     // on an SWS, unnamed: one such try, or the commit that holds on to all of a claim
	RuleRebase   = "rebase"    // in an SWS: the system line is merged in
	RuleSave     = "save"      // in an SWS: a person's changes
	RuleGraph    = "graph"     // in an SWS: nodes and edges of a user's
)

// Rewrite is one atomic change, as submitted. Set, Edges and Fabric replace what has the same id; Drop removes. Tree ""
// leaves the files as they are.
type Rewrite struct {
	Rule    string
	Actor   string // "name <address>", or a worker's name
	Task    TaskID
	Process ProcessID
	Reads   []Read
	Set     []Node
	Edges   []Edge
	Fabric  map[string][]byte // files below .jitos/: methods/*.yaml, policy.yaml; nil bytes drop
	Drop    []ItemID
	Tree    TreeID
	What    string // what happened, in words: the message's first line is "<rule>: <what>"
	Why     string // an optional paragraph
	Also    []Trailer
	Parents []CommitID // beside the first
	Sign    bool       // its commit is signed by itself, where the user signs: other clones may then count on what it says
}

// Trailer is one line at the end of a commit message.
type Trailer struct{ Key, Value string }

// Record is a rewrite as kept in .jitos/rewrite.json: payloads by hash, the files as one hash.
type Record struct {
	Seq     int64             `json:"seq"` // the first parent's + 1; the birth is 1
	Rule    string            `json:"rule"`
	Version int               `json:"version"` // of the rule, see RuleVersion
	Actor   string            `json:"actor"`
	Task    TaskID            `json:"task,omitempty"`
	Process ProcessID         `json:"process,omitempty"`
	Reads   []Read            `json:"reads,omitempty"`
	Set     map[ItemID]BlobID `json:"set,omitempty"`
	Drop    []ItemID          `json:"drop,omitempty"`
	Tree    TreeID            `json:"tree"`
}

// Read is something that a rewrite relied on. Exactly one of Item, Path and Pattern is given; Is is what was seen there
// (see Look): for an item its blob, for a path its PathID, for a pattern the hash of its answer; "" means absent.
type Read struct {
	Item    ItemID   `json:"item,omitempty"`
	Path    string   `json:"path,omitempty"` // a path, a directory, or a pattern of MatchPath
	Pattern *Pattern `json:"pattern,omitempty"`
	Is      string   `json:"is"`
}

// Pattern asks for the nodes of a kind whose fields hold given values. A value matches a field that equals it, or a list
// that contains it.
type Pattern struct {
	Kind string            `json:"kind"`
	Has  map[string]string `json:"has,omitempty"`
}

// ---- Stored records: each is a node; the field names are the bytes in git ----

// Task is a declared intent. It never says how.
type Task struct {
	Intent string            `json:"intent"`
	Name   string            `json:"name,omitempty"` // the task of the library that the words were matched to, "" for none
	Args   map[string]string `json:"args,omitempty"`
	Goal   *GateRef          `json:"goal,omitempty"`  // what makes it true
	Gates  []GateRef         `json:"gates,omitempty"` // what must not get worse
	Actor  string            `json:"actor"`
}

// Withdrawal takes a task back.
type Withdrawal struct {
	Task TaskID `json:"task"`
	Why  string `json:"why"`
}

// GateRef names a gate of the library with its arguments, or is a command of the user's own (Run).
type GateRef struct {
	Gate   string            `json:"gate,omitempty"`
	Args   map[string]string `json:"args,omitempty"`
	Run    string            `json:"run,omitempty"`    // a shell command instead of a named gate
	Origin string            `json:"origin,omitempty"` // hashes of what brought the command, by spaces; "" for the built-in library
}

// Planning is what one call of the planner said: the candidates in order, and for each method not used the reason.
type Planning struct {
	Task      TaskID   `json:"task"`
	Tree      TreeID   `json:"tree"`    // the file tree that was looked at
	Library   string   `json:"library"` // hash of the method library
	Planner   string   `json:"planner"` // name and version
	Slaps     []SlapID `json:"slaps,omitempty"`
	WhyNot    []WhyNot `json:"why_not,omitempty"`
	K         int      `json:"k,omitempty"`     // candidates asked for; 0: as many as the planner gives by itself
	Bound     int      `json:"bound,omitempty"` // proved: no plan costs less
	Expanded  int      `json:"expanded"`        // search nodes
	Truncated bool     `json:"truncated,omitempty"`
}

// WhyNot says why a method was not used: the condition that failed, the best binding that reached it, the nearest facts.
type WhyNot struct {
	Task      string            `json:"task"`
	Method    string            `json:"method"`
	Condition string            `json:"condition"` // as written
	Reason    string            `json:"reason"`    // in words
	Binding   map[string]string `json:"binding,omitempty"`
	Nearest   []string          `json:"nearest,omitempty"`
}

// Slap is a candidate plan: one decomposition, ranked, with its reads.
type Slap struct {
	Task    TaskID   `json:"task"`
	Parent  SlapID   `json:"parent,omitempty"` // the plan that this one revises
	By      string   `json:"by"`               // "planner", or the actor who wrote it
	Title   string   `json:"title"`            // in words: "revert the culprit"
	Cost    int      `json:"cost"`
	Methods []string `json:"methods,omitempty"` // every method of the decomposition, outermost first
	Root    *Branch  `json:"root,omitempty"`
	Steps   []Step   `json:"steps"`
	Keeps   []string `json:"keeps,omitempty"` // steps whose results in the parent's attempt are kept: they do not run again
	Mends   *Mended  `json:"mends,omitempty"` // of a repair: what it was made from
	Reads   []Read   `json:"reads,omitempty"`
}

// Mended is what a repair was made from, beside the snapshot, so that it can be planned again.
type Mended struct {
	Process ProcessID `json:"process"` // the attempt that broke
	Library string    `json:"library"` // hash of the method library
	Planner string    `json:"planner"` // name and version
}

// Branch is one task of a decomposition: the method that was chosen, why, and what it became.
type Branch struct {
	Name    string            `json:"name,omitempty"` // of the step in whose place it stands, "" for the root
	Task    string            `json:"task"`
	Args    map[string]string `json:"args,omitempty"`
	Method  string            `json:"method"`
	Vars    map[string]string `json:"vars,omitempty"`    // what the method's variables are bound to
	Because []string          `json:"because,omitempty"` // the conditions that held, with their facts
	Steps   []string          `json:"steps,omitempty"`   // names of the primitive steps below it
	Tasks   []*Branch         `json:"tasks,omitempty"`
}

// Step is a primitive step of a plan, fully resolved: a job before it belongs to a process.
type Step struct {
	Name     string            `json:"name"`             // unique in its plan: "find.bisect"
	Title    string            `json:"title,omitempty"`  // in words, for people: "run the tests"
	Worker   string            `json:"worker"`           // "shell", "bisect", "revert", "patch", "human"
	Run      string            `json:"run,omitempty"`    // for shell: the command
	Gate     *GateRef          `json:"gate,omitempty"`   // the step is a gate: its verdict is evidence
	Args     map[string]string `json:"args,omitempty"`   // for the worker
	Inputs   map[string]string `json:"inputs,omitempty"` // argument ← "step.artifact"
	Produces []string          `json:"produces,omitempty"`
	After    []string          `json:"after,omitempty"`     // names of steps
	Resource string            `json:"resource,omitempty"`  // at most one running job holds it
	Needs    []string          `json:"needs,omitempty"`     // capabilities, see Admit
	Narrowed []Narrowed        `json:"narrowed,omitempty"`  // what the methods around it have left of its needs
	Reads    []string          `json:"reads,omitempty"`     // path patterns that it depends on; none: the paths it changes
	Keeps    []string          `json:"keeps,omitempty"`     // ignored paths to capture all the same
	Report   string            `json:"report,omitempty"`    // how its output tells the tests: "go", "pytest", "unittest", "tap", "exit"
	Chain    string            `json:"chain,omitempty"`     // the toolchain whose directory it wants prepared
	Expect   string            `json:"expect,omitempty"`    // "pass" (default), "fail", "any"
	Fresh    bool              `json:"fresh,omitempty"`     // its result is never reused: it depends on more than its inputs
	Retries  int               `json:"retries,omitempty"`   // further tries of a failed job
	Backoff  int               `json:"backoff_s,omitempty"` // seconds before the first of them, doubled for each further one
	Secrets  string            `json:"secrets,omitempty"`   // how it gets what it needs by secret:NAME: "env" (default), "file"
	Unless   string            `json:"unless,omitempty"`    // for shell: a command that succeeds where there is nothing to do
	Timeout  int               `json:"timeout_s,omitempty"` // seconds; 0 means DefaultTimeout
	Origin   string            `json:"origin,omitempty"`    // hashes of what brought the command, by spaces; "" for the built-in library
}

// Process is one attempt at one plan. The jobs, claims and settlements of it live in its workspace until the collapse.
type Process struct {
	Task   TaskID   `json:"task"`
	Slap   SlapID   `json:"slap"`
	Number int      `json:"number"` // among the attempts at its task, from 1
	SWS    string   `json:"sws"`    // name of the workspace
	Tree   TreeID   `json:"tree"`   // the file tree of its snapshot
	Owner  string   `json:"owner"`  // id of the clone that runs it
	Actor  string   `json:"actor"`
	Grants []string `json:"grants,omitempty"` // capabilities
	Quota  Quota    `json:"quota"`
	Hand   bool     `json:"hand,omitempty"` // a person's: no job runs by itself
}

// Quota bounds a process, and the fabric that it is in. Zero fields mean the defaults of Policy.
type Quota struct {
	Jobs    int `json:"jobs,omitempty"`      // at most so many claims
	Seconds int `json:"seconds,omitempty"`   // of running jobs, added up
	TTL     int `json:"ttl_hours,omitempty"` // an open process older than this may be discarded by anybody

	AtOnce     int `json:"jobs_at_once,omitempty"`    // of all processes, as the policy now is
	Workspaces int `json:"open_workspaces,omitempty"` // that may be open when one more is opened
}

// Job is a step of a plan in a process.
type Job struct {
	Process ProcessID `json:"process"`
	Step    Step      `json:"step"`
}

// Claim says that a job is about to run on a file tree. A claim without a settlement was interrupted.
type Claim struct {
	Job    JobID  `json:"job"`
	Number int    `json:"number"` // 1 for the first try
	Base   TreeID `json:"base"`   // the file tree that its directory was made from
}

// Settlement is what came of one claim.
type Settlement struct {
	Claim     string            `json:"claim"`
	Job       JobID             `json:"job"`
	Exit      int               `json:"exit"`
	Verdict   Verdict           `json:"verdict"`
	Stale     bool              `json:"stale,omitempty"` // what it read moved meanwhile: the job is claimed anew
	Reason    string            `json:"reason,omitempty"`
	Output    string            `json:"output,omitempty"` // bounded
	Artifacts map[string]string `json:"artifacts,omitempty"`
	Paths     []string          `json:"paths,omitempty"` // that it changed
	Report    *Report           `json:"report,omitempty"`
	Millis    int64             `json:"millis"`
	From      string            `json:"from,omitempty"`        // the settlement or evidence whose result was reused
	Signer    string            `json:"signer,omitempty"`      // of that settlement, where it was made in another clone
	Net       []NetUse          `json:"net,omitempty"`         // where it was, of a job that needs net:HOST:PORT
	Open      string            `json:"unsandboxed,omitempty"` // it ran without a sandbox, as the user allowed: what was missing
}

// NetUse is what a job did with one destination, "host:port".
type NetUse struct {
	To          string `json:"to"`
	Connections int    `json:"connections,omitempty"`
	Sent        int64  `json:"sent,omitempty"` // bytes
	Received    int64  `json:"received,omitempty"`
	Refused     int    `json:"refused,omitempty"` // connections that it had no right to
}

// SettledAction says that an action gave a result: who settled it, its edges tell. Equal actions have equal nodes.
type SettledAction struct {
	Key string `json:"key"`
	Env string `json:"env"` // toolchain versions and platform, which the key covers
}

// Verdict of a job or a gate.
type Verdict string

const (
	Pass     Verdict = "pass"
	Fail     Verdict = "fail"
	CouldNot Verdict = "could-not-run" // never evidence, never starts a fix
)

// Report tells which tests ran, by name, sorted. Tests that ran are Passed + Failed.
type Report struct {
	Passed  []string `json:"passed,omitempty"`
	Failed  []string `json:"failed,omitempty"`
	Skipped []string `json:"skipped,omitempty"`
}

// Evidence is the verdict of a gate on exactly one file tree. Its name is EvidenceName of the three that key it.
type Evidence struct {
	Gate       string  `json:"gate"`       // in words: "tests-pass"
	Definition string  `json:"definition"` // hash of the resolved gate
	Tree       TreeID  `json:"tree"`
	Env        string  `json:"env"` // toolchain versions and platform
	Verdict    Verdict `json:"verdict"`
	Reason     string  `json:"reason,omitempty"`
	Report     *Report `json:"report,omitempty"`
	Output     string  `json:"output,omitempty"`
	Millis     int64   `json:"millis"`
	Open       string  `json:"unsandboxed,omitempty"` // as of a Settlement
}

// Finding is knowledge that an attempt left.
type Finding struct {
	Process ProcessID         `json:"process"`
	Job     JobID             `json:"job,omitempty"`
	About   string            `json:"about"` // "culprit", "flaky", "no-culprit", "denied", …
	Text    string            `json:"text"`
	Data    map[string]string `json:"data,omitempty"`
}

// AboutDenied is the About of a finding that says which right a job lacked.
const AboutDenied = "denied"

// Conflict names what two sides did to one thing. For a read that moved, Theirs is the read.
type Conflict struct {
	Process ProcessID `json:"process,omitempty"`
	Item    ItemID    `json:"item,omitempty"`
	Path    string    `json:"path,omitempty"`
	Why     string    `json:"why"` // "both sides changed lines 3-5", "read has moved", "binary", …
	Base    string    `json:"base,omitempty"`
	Ours    string    `json:"ours,omitempty"`
	Theirs  string    `json:"theirs,omitempty"`
	By      []string  `json:"by,omitempty"` // commits of the rewrites that made the sides
}

// Probe is one run of a job's on a file tree of its own (Host.Try): an unnamed workspace. It is a commit with that tree, on
// the workspace of its job, to which no ref leads: what all probes of one claim were is kept in one batch.
type Probe struct {
	Claim   string  `json:"claim"`
	Number  int     `json:"number"` // in the order in which they ended, from 1
	What    string  `json:"what"`   // in words: the title of its step
	Verdict Verdict `json:"verdict"`
	Reason  string  `json:"reason,omitempty"`
	Millis  int64   `json:"millis"`
}

// Batch is all probes of one claim. Tip is a commit in the archive whose parents, beside the first, are the probes, in order
// of their numbers.
type Batch struct {
	Process  ProcessID `json:"process"`
	Job      JobID     `json:"job"`
	Claim    string    `json:"claim"`
	Tip      CommitID  `json:"tip"`
	Passed   int       `json:"passed"`
	Failed   int       `json:"failed"`
	CouldNot int       `json:"could_not_run"`
}

// Attempt is a discarded process: what was tried, on what, and why it was given up.
type Attempt struct {
	Of      TaskID    `json:"of"`
	Process ProcessID `json:"process"`
	Slap    SlapID    `json:"slap"`
	Method  []string  `json:"method,omitempty"`
	At      TreeID    `json:"at"` // file tree of the snapshot
	Tip     CommitID  `json:"tip"`
	Kind    string    `json:"because"` // "gate", "job", "conflict", "denied", "person", "outrun", …
	Reason  string    `json:"reason"`
	Step    string    `json:"step,omitempty"`   // that failed
	Seconds int       `json:"took_s,omitempty"` // that its jobs ran, rounded down to a power of two
}

// Collapse is a process that was merged into the system line.
type Collapse struct {
	Task     TaskID    `json:"task"`
	Process  ProcessID `json:"process"`
	Tip      CommitID  `json:"tip"`
	Tree     TreeID    `json:"tree"` // the file tree that the gates proved
	Evidence []string  `json:"evidence,omitempty"`
	NoGate   string    `json:"no_gate,omitempty"`  // why it was merged without a gate
	Approved []string  `json:"approved,omitempty"` // the answers that let it through
	Seconds  int       `json:"took_s,omitempty"`   // as in Attempt
}

// Question is what only a person can decide about an attempt. It waits as long as there is no answer of its name, its
// process is open and it has not expired; an approval, as long as the workspace has the files that are shown, too.
type Question struct {
	Task    TaskID    `json:"task"`
	Process ProcessID `json:"process"`
	Job     JobID     `json:"job,omitempty"`
	Step    string    `json:"step,omitempty"`
	Claim   string    `json:"claim,omitempty"` // whose outcome is unknown
	About   string    `json:"about"`           // see AskText
	Text    string    `json:"text"`
	Tree    TreeID    `json:"tree"`            // the file tree that is shown
	Paths   []string  `json:"paths,omitempty"` // that need the approval
	By      []string  `json:"by,omitempty"`    // who may answer, see Approval; none: anybody
	Until   int64     `json:"until,omitempty"` // seconds since 1970; unanswered then, it counts as rejected
}

// What questions are about. All but AskText are approved or rejected, and hold for the file tree that was shown alone.
const (
	AskText     = "text"     // a job wants words: Answered
	AskApproval = "approval" // a job wants an approval
	AskTests    = "tests"    // a gate holds but for tests that were removed, skipped or edited
	AskPaths    = "paths"    // the policy wants an approval of what is to be collapsed
	AskOutcome  = "outcome"  // an interrupted job may have acted: Approved runs it again, Answered takes it for done
)

// Answer is what a person decided.
type Answer struct {
	Question string   `json:"question"`
	Decision Decision `json:"decision"`
	Text     string   `json:"text,omitempty"`
	Tree     TreeID   `json:"tree"` // that was shown
	Actor    string   `json:"actor"`
}

// Decision of a person.
type Decision string

const (
	Answered Decision = "answered" // by words
	Approved Decision = "approved"
	Rejected Decision = "rejected"
)

// Retired is a month of the archive that the policy kept no longer: it was dropped, and is never fetched or pushed again.
type Retired struct {
	Month   string   `json:"month"` // "2024-05"
	Tip     CommitID `json:"tip"`
	Entries int      `json:"entries"` // workspaces that were given up, and batches of probes
}

// Sync is where the system line and the user's branch last met.
type Sync struct {
	Commit CommitID `json:"commit"`          // U: the user's commit; "" before the first
	Branch string   `json:"branch"`          // short name, "" for a detached HEAD
	Tree   TreeID   `json:"tree"`            // the user's files at that moment: those of Commit, or with tracked changes
	Dirty  bool     `json:"dirty,omitempty"` // Tree holds uncommitted changes
}

// Toolchain is what the files are recognised as, and what it can do.
type Toolchain struct {
	Name  string   `json:"name"`
	Can   []string `json:"can"`
	Found []string `json:"found,omitempty"` // the paths that gave it away
	Tests []string `json:"tests,omitempty"` // path patterns of its tests
}

// ---- What is lent to the kernel ----

// Ref names one of the fabric's references.
type Ref string

// SystemRef is the system WARP. Only the kernel moves it.
const SystemRef Ref = "refs/heads/jitos/system"

// Prefixes of the other references.
const (
	SWSPrefix     = "refs/heads/jitos/sws/"
	ArchivePrefix = "refs/heads/jitos/archive/"
)

// Tip is where a ref stands.
type Tip struct {
	Ref Ref
	ID  CommitID
}

// Store keeps WARPs.
type Store interface {
	// Head returns the commit that a ref names, or an error that Is ErrNotFound.
	Head(ctx context.Context, ref Ref) (CommitID, error)
	// Open returns the WARP at a commit of a fabric's line, or of a user's (then the graph is empty).
	Open(ctx context.Context, id CommitID) (Snapshot, error)
	// Append writes the rewrites as a chain of commits on parent and moves ref from old to the last: all or nothing, by
	// compare-and-swap, durable when it returns. old "" means that the ref must not exist. Where the ref was elsewhere the
	// error Is ErrStale and nothing but unreferenced objects was written. No rewrites: ref is moved to parent or, where parent was
	// staged and the user signs, to its signed twin, whose id is then returned. What was staged before and is reached from
	// there becomes durable with it.
	Append(ctx context.Context, ref Ref, old, parent CommitID, rewrites ...Rewrite) ([]CommitID, error)
	// Stage makes the rewrites as a chain of commits on parent and returns the WARP at the last. They can be read like any
	// other in this process, and are durable once an Append moves a ref to them.
	Stage(ctx context.Context, parent CommitID, rewrites ...Rewrite) (Snapshot, error)
	// Delete removes a ref that names old; ErrStale where it names something else, nil where it is gone already.
	Delete(ctx context.Context, ref Ref, old CommitID) error
	// Refs yields the fabric's refs below a prefix, in order of their names.
	Refs(ctx context.Context, prefix string) iter.Seq2[Tip, error]
	// Log yields commits from a commit back along first parents.
	Log(ctx context.Context, from CommitID) iter.Seq2[Commit, error]
	// Archive appends an empty-tree commit whose second parent is tip to the month's chain, so that tip stays reachable.
	Archive(ctx context.Context, tip CommitID, what string) error
	// JoinMonth makes a month of the archive one that goes on from where another clone has it: that chain stays as it is, and
	// entries of ours whose tips it lacks are appended, in their order. It returns where the month was ("" for nowhere) and is.
	JoinMonth(ctx context.Context, month Ref, theirs CommitID) (from, to CommitID, err error)
}

// Merger merges.
type Merger interface {
	// Files merges three file trees: by equal hashes, then by lines, or as Under says. Trees that conflict give conflicts and the tree "".
	Files(ctx context.Context, base, ours, theirs TreeID) (TreeID, []Conflict, error)
	// Merge merges the WARP theirs into ours: nodes by field, edges as a set, files as Files does. The rewrite sets and
	// drops what ours lacks. The reads of the rewrites between base and theirs are checked against ours.
	Merge(ctx context.Context, base, ours, theirs Snapshot) (Rewrite, []Conflict, error)
	// Under returns a merger like this one that merges the user's files as rules say: the first that covers a path.
	Under(rules []MergeRule) Merger
	// Changed lists the paths in which two file trees differ, in byte order.
	Changed(ctx context.Context, a, b TreeID) ([]string, error)
}

// Planner turns intents into plans. It is deterministic: the same snapshot and task give the same answer. Its library is
// what is built in and what Snapshot.Fabric adds.
type Planner interface {
	// Match finds the task of the library that the words mean; where none does, Match.Task.Name is "" and Nearest is given.
	Match(ctx context.Context, at Snapshot, intent string, args map[string]string) (Match, error)
	// Plan returns the candidates, best first, and why the other methods were not used. No candidate is no error.
	Plan(ctx context.Context, at Snapshot, id TaskID, task Task) ([]Slap, Planning, error)
	// Gate resolves a gate to the steps whose verdicts make it up; none where nothing here can run it.
	Gate(ctx context.Context, at Snapshot, gate GateRef) ([]Step, error)
	// Observe returns the toolchain nodes of a file tree.
	Observe(ctx context.Context, at Snapshot) ([]Node, error)
}

// Chooser is a Planner that may be asked for another number of candidates than it gives by itself (Planning.K).
type Chooser interface {
	// Best returns a planner like this one that gives at most k candidates.
	Best(k int) Planner
}

// Repairer is a Planner that can repair a plan of its own after an attempt at it failed.
type Repairer interface {
	// Repair returns a plan like the broken one in which the lowest task that led to the breakdown is planned anew, or the
	// one above it where that fails, and so on; the rest stays as it was chosen. Its Parent is the broken plan, its Keeps
	// are never empty: the error Is ErrNoPlan where there is no plan that keeps a settled step. Library and Planner are given
	// with that error, too.
	Repair(ctx context.Context, at Snapshot, id TaskID, task Task, b Breakdown) (Repaired, error)
}

// Breakdown is where an attempt at a plan ended.
type Breakdown struct {
	Plan    SlapID
	Steps   []string // that failed, or conflicted; none where a gate failed that is no step
	Settled []string // steps that passed
	Again   bool     // nothing is wrong with the methods: the steps are to run again on what there is now
}

// Repaired is a plan that was repaired, and what that took.
type Repaired struct {
	Slap     Slap
	Task     string // that was planned anew, "" for none
	Expanded int    // search nodes
	Library  string // hash of the method library
	Planner  string // name and version
}

// Match is what an intent was understood as.
type Match struct {
	Task    Task
	Nearest []string // phrases of the library that come close, best first
}

// Action is what an executor is asked to do: a step on one file tree. Equal actions have equal results.
type Action struct {
	Process ProcessID
	Job     JobID
	Step    Step
	Tree    TreeID
	Args    map[string]string // Step.Args, and the artifacts that Step.Inputs name
	Grants  []string
	Limits  Limits // of what it uses
	Reach   Reach  // of what it reads
	Starts  Programs
	Tools   [][]string // that its worker may call, see ToolsOf
}

// Result is what came of an action. It is a proposal: nothing of it is true before it is settled.
type Result struct {
	Tree      TreeID // the file tree afterwards, staged; the action's where nothing changed
	Exit      int
	Verdict   Verdict
	Reason    string // one line: why it failed or could not run, and what to do
	Output    string // bounded
	Artifacts map[string]string
	Findings  []Finding
	Report    *Report
	Took      time.Duration
	Net       []NetUse
	Open      string // it ran without a sandbox: what was missing
}

// Executor runs actions, each in a directory of its own outside every repository. Execute may be called concurrently. An
// error means that the fabric failed, not the job; a job that failed is a Result.
type Executor interface {
	Execute(ctx context.Context, action Action, host Host) (Result, error)
	// Environment names what else a result depends on: the platform and the versions of a toolchain ("" for none).
	Environment(ctx context.Context, chain string) (string, error)
}

// Worker carries out one job in a directory that it is lent. It sees the files and the job, never a store and never a .git.
type Worker interface {
	// Work runs in dir. What it leaves there is captured, unless it returns a tree of its own.
	Work(ctx context.Context, dir string, action Action, host Host) (Result, error)
}

// Host is what the kernel lends to a running job beside its directory.
type Host interface {
	// Say reports progress.
	Say(line string)
	// History yields the user's commits behind the snapshot, newest first along first parents.
	History(ctx context.Context) iter.Seq2[Commit, error]
	// Try runs the step on another file tree, without reuse of an earlier result: a probe. It may be called by many goroutines
	// at once; as many run side by side as the kernel may run jobs. What each came to is recorded when the job ends, all in one
	// batch, under the title of its step.
	Try(ctx context.Context, tree TreeID, step Step) (Result, error)
	// Merge merges three file trees.
	Merge(ctx context.Context, base, ours, theirs TreeID) (TreeID, []Conflict, error)
	// Failing is the report of the task's goal on the snapshot, nil where the goal has none.
	Failing() *Report
}

// Repository is the user's side of the repository: branches, working tree, and what they forbid.
type Repository interface {
	// Current tells the checked-out branch and its state.
	Current(ctx context.Context) (Current, error)
	// Tip returns the commit of a branch of the user's (short name), or an error that Is ErrNotFound.
	Tip(ctx context.Context, branch string) (CommitID, error)
	// DirtyPaths lists the tracked paths that differ from HEAD, none in a bare repository. It costs what `git status` does.
	DirtyPaths(ctx context.Context) ([]string, error)
	// Dirty stages the tree of HEAD with the tracked changes of the working tree.
	Dirty(ctx context.Context) (TreeID, error)
	// Contains tells whether a commit is an ancestor of, or equal to, another.
	Contains(ctx context.Context, tip, ancestor CommitID) (bool, error)
	// Land commits a file tree with the given parent on a branch ("" for a detached HEAD, which is moved), by compare-and-swap
	// from old ("": the branch must not exist). parent "" makes a commit without one. Where
	// the branch is checked out the working tree follows as git would; it is refused with ErrConflict, unchanged, where
	// local changes are in the way. The objects must be durable.
	Land(ctx context.Context, branch string, old, parent CommitID, tree TreeID, message string) (CommitID, error)
	// Unfinished tells of a Land that was interrupted while the working tree followed: its branch, where something of it is to
	// be seen there and the branch has not moved. The same Land, given again, goes on.
	Unfinished(ctx context.Context) (branch string, found bool, err error)
	// Patch writes the difference of two file trees to the working tree, uncommitted, the index untouched; refused with
	// ErrConflict, unchanged, where a path that it must write is not as in from.
	Patch(ctx context.Context, from, to TreeID) error
	// CheckedOut returns the directory of the worktree that has the ref checked out, "" for none.
	CheckedOut(ctx context.Context, ref Ref) (string, error)
	// Detach leaves the worktree in dir on the commit that its HEAD names, without a branch.
	Detach(ctx context.Context, dir string) error
}

// Current is the state of the user's checkout.
type Current struct {
	Branch  string   // short name; "" when HEAD is detached
	Tip     CommitID // "" on an unborn branch
	Busy    string   // "rebase", "merge", "bisect", …: an operation of git's is under way
	Bare    bool
	Actor   string // "name <address>" of the user
	Shallow bool
}

// Local is what this clone knows and never shares.
type Local interface {
	// Clone is the id of this clone.
	Clone() string
	// Allowed tells whether content with this hash may run here.
	Allowed(hash string) bool
	// Allow remembers that it may; what is a line for people.
	Allow(hash, what string) error
	// Hold takes the lock that shows that a process is alive; ErrBusy where another holds it.
	Hold(process ProcessID) (release func(), err error)
}

// Witness is a Local that remembers which verdicts and results this clone came to itself. Ids of clones are shared with all that
// they record, so a remote can write evidence that looks like ours; it cannot write this. Without one all is believed.
type Witness interface {
	// Saw tells whether See was called with a hash here. What was forgotten was not seen.
	Saw(hash string) bool
	// See remembers hashes, as well as it can without waiting for a disk.
	See(hashes ...string) error
}

// Notary is a Local that knows whose signatures count in this clone. Without one nobody's do.
type Notary interface {
	// Signer is who signed a commit: the name under which the key is allowed here. It is "" for a commit that is not signed, whose
	// signature is not good, or whose signer is not allowed here.
	Signer(ctx context.Context, id CommitID) (string, error)
}

// Event is one line of progress. Nothing depends on it.
type Event struct {
	Kind    string // "absorb", "task", "plan", "open", "job", "say", "settle", "gate", "rebase", "collapse", "discard", "land", "notice"
	Task    TaskID
	Process ProcessID
	Job     JobID
	Commit  CommitID // where it is recorded; "" for what is not
	Text    string
	Verdict Verdict
	Took    time.Duration
}
