package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"

	"github.com/jitos/jitos"
)

// Roster is the workers that somebody configured for this machine or this clone: programs and services that jitos does not
// bring. It is read from files that are never shared; even so nothing of it runs before `jitos allow NAME`, so that a file
// which somebody else put there is read first.
//
//	agent:
//	  NAME: {run: [PROGRAM, ARGUMENT…], prompt: stdin or argument, env: [NAME], cost: REGEXP}
//	adapter:
//	  NAME: {run: [PROGRAM, ARGUMENT…], env: [NAME]}
//	llm:
//	  NAME: {protocol: anthropic or openai, model: MODEL, key: VARIABLE, url: URL, price: {in: USD, out: USD}, turns: N, tokens: N, usd: N,
//	         tools: [mcp/NAME]}
//	mcp:
//	  NAME: {run: [PROGRAM, ARGUMENT…], env: [NAME]}
//
// A step names one as kind/NAME: "agent/claude". {prompt} in an argument stands for the prompt; without it the prompt is the
// last argument. env passes variables of the user's on, HOME where a program keeps its login there. cost is a pattern whose
// one group is what the program says it cost, in US dollars. price is for a million tokens; turns, tokens and usd are budgets of
// one job. "llm" alone is llm/default. An MCP server is no worker but a source of tools for models.
type Roster struct {
	members map[string]Member
}

// Member is one configured worker.
type Member struct {
	Name string `json:"name"` // "agent/claude"
	Kind string `json:"kind"`
	Hash string `json:"hash"` // of the definition, by which it is allowed
	File string `json:"file"`

	def definition
}

// definition is what the file says; which keys a kind takes is checked when it is read.
type definition struct {
	Run    []string `yaml:"run,omitempty" json:"run,omitempty"`
	Prompt string   `yaml:"prompt,omitempty" json:"prompt,omitempty"`
	Env    []string `yaml:"env,omitempty" json:"env,omitempty"`
	Cost   string   `yaml:"cost,omitempty" json:"cost,omitempty"`

	// Of a model.
	Protocol string   `yaml:"protocol,omitempty" json:"protocol,omitempty"`
	URL      string   `yaml:"url,omitempty" json:"url,omitempty"`
	Model    string   `yaml:"model,omitempty" json:"model,omitempty"`
	Key      string   `yaml:"key,omitempty" json:"key,omitempty"` // the name of the variable that holds it
	Turns    int      `yaml:"turns,omitempty" json:"turns,omitempty"`
	Tokens   int      `yaml:"tokens,omitempty" json:"tokens,omitempty"`
	USD      float64  `yaml:"usd,omitempty" json:"usd,omitempty"`
	Price    price    `yaml:"price,omitempty" json:"price,omitzero"`
	Tools    []string `yaml:"tools,omitempty" json:"tools,omitempty"` // MCP servers, "mcp/NAME"
}

// Definition is the worker as it is configured, in words that a file of workers takes.
func (m Member) Definition() string {
	text, err := yaml.Marshal(map[string]map[string]definition{m.Kind: {strings.TrimPrefix(m.Name, m.Kind+"/"): m.def}})
	if err != nil {
		return err.Error() + "\n"
	}
	return string(text)
}

// kind is what the workers of a kind have in common.
type kind struct {
	check func(definition) error
	make  func(Member, *Executor) jitos.Worker
	// promises are what Executor.Check holds a worker of the kind to beside doing a job; nil for nothing.
	promises func(context.Context, *Executor, Member, jitos.Action) []Check
}

// kindNames are the kinds that can be configured.
var kindNames = []string{"agent", "adapter", "llm", "mcp"}

// kindOf finds a kind by its name; nil where there is none.
func kindOf(name string) *kind {
	switch name {
	case "agent":
		return &kind{check: checkAgent, make: func(m Member, e *Executor) jitos.Worker { return &Agent{member: m, env: e.environ} }}
	case "adapter":
		return &kind{check: checkAdapter, make: func(m Member, e *Executor) jitos.Worker { return &Adapter{member: m, env: e.environ} },
			promises: adapterPromises}
	case "llm":
		return &kind{check: checkLLM, make: func(m Member, e *Executor) jitos.Worker {
			return &LLM{member: m, env: e.environ, servers: e.servers, wait: e.wait}
		}}
	case "mcp":
		return &kind{check: checkAdapter}
	}
	return nil
}

// BuiltIn are the workers that jitos brings.
var BuiltIn = []string{"shell", "bisect", "revert", "patch", "repair", "human"}

// RosterHelp is an example for people.
const RosterHelp = `    agent:
      claude:
        run: [claude, -p, --permission-mode, acceptEdits]
        env: [HOME, ANTHROPIC_API_KEY]
        cost: 'total cost: \$([0-9.]+)'
    llm:
      default:
        protocol: anthropic          # or openai, as many servers speak it
        model: MODEL
        key: ANTHROPIC_API_KEY       # the variable; the key itself stands in no file
        price: {in: 3, out: 15}      # USD for a million tokens
        usd: 2                       # budgets of one job: usd, tokens, turns
        tools: [mcp/docs]
    adapter:
      my-bot: {run: [/path/to/my-bot]}
    mcp:
      docs: {run: [/path/to/server]}
`

// ReadRoster reads the files that are there; a worker of a later one replaces one of the same name. An error Is
// jitos.ErrInvalid and names the file.
func ReadRoster(files ...string) (*Roster, error) {
	r := &Roster{members: map[string]Member{}}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if err := r.read(file, raw); err != nil {
			return nil, fmt.Errorf("%s: %w: %w", file, jitos.ErrInvalid, err)
		}
	}
	return r, nil
}

func (r *Roster) read(file string, raw []byte) error {
	var all map[string]map[string]definition
	d := yaml.NewDecoder(bytes.NewReader(raw))
	d.KnownFields(true)
	if err := d.Decode(&all); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for kind, list := range all {
		k := kindOf(kind)
		if k == nil {
			return fmt.Errorf("no worker is of the kind %q; there are %s", kind, strings.Join(kindNames, ", "))
		}
		for name, def := range list {
			if err := jitos.CheckName(name); err != nil {
				return err
			}
			m := Member{Name: kind + "/" + name, Kind: kind, File: file, def: def}
			if err := k.check(def); err != nil {
				return fmt.Errorf("%s: %w", m.Name, err)
			}
			m.Hash = jitos.HashOf(map[string]any{"worker": m.Name, "is": def})
			r.members[m.Name] = m
		}
	}
	return nil
}

// RosterFiles are where workers are configured: for the user, and for the clone whose common git directory is given.
func RosterFiles(common string) []string {
	files := []string{filepath.Join(common, "jitos", "workers.yaml")}
	if dir, err := os.UserConfigDir(); err == nil {
		files = append([]string{filepath.Join(dir, "jitos", "workers.yaml")}, files...)
	}
	return files
}

// Members lists the workers by name.
func (r *Roster) Members() []Member {
	var list []Member
	if r == nil {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(r.members)) {
		list = append(list, r.members[name])
	}
	return list
}

// Member finds a worker by its name.
func (r *Roster) Member(name string) (Member, bool) {
	if r == nil {
		return Member{}, false
	}
	if name == "llm" {
		name = "llm/default"
	}
	m, ok := r.members[name]
	return m, ok
}

// WhyNot says why a worker that is configured here cannot be used now, "" where it can. allowed tells whether its definition
// may run here.
func (r *Roster) WhyNot(name string, allowed func(hash string) bool) string {
	m, ok := r.Member(name)
	switch {
	case !ok:
		return "no worker " + name + " is configured here"
	case allowed == nil || !allowed(m.Hash):
		return "worker " + name + " was not allowed in this clone: `jitos worker list --json` says where it is configured, `jitos allow " + m.Name + "` lets it run"
	}
	if kindOf(m.Kind).make == nil {
		return name + " is a source of tools for models, and no worker"
	}
	return r.lacks(m, allowed)
}

// lacks says what a worker, or a server that it takes tools from, lacks.
func (r *Roster) lacks(m Member, allowed func(hash string) bool) string {
	for _, tools := range m.def.Tools {
		server, ok := r.Member(tools)
		switch {
		case !ok || server.Kind != "mcp":
			return "worker " + m.Name + ": no MCP server " + tools + " is configured here"
		case !allowed(server.Hash):
			return "worker " + m.Name + ": " + tools + " was not allowed in this clone: `jitos allow " + tools + "`"
		case server.lacks() != "":
			return server.lacks()
		}
	}
	return m.lacks()
}

// lacks says what is missing on this machine for the worker to run.
func (m Member) lacks() string {
	if m.Kind == "llm" && os.Getenv(m.def.Key) == "" {
		return "worker " + m.Name + ": there is no key: set " + m.def.Key
	}
	if len(m.def.Run) > 0 {
		if _, err := exec.LookPath(m.def.Run[0]); err != nil {
			return "worker " + m.Name + ": " + m.def.Run[0] + ": command not found"
		}
	}
	return ""
}

// environment is what the worker's program sees of the user's variables.
func (m Member) environment() map[string]string {
	vars := map[string]string{}
	inherit(vars, m.def.Env)
	return vars
}

// redactor replaces the values of what looks like a secret among variables, so that no log and no tree gets them.
func redactor(vars map[string]string) *strings.Replacer {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if value := vars[name]; len(value) >= 6 && secretName().MatchString(name) {
			pairs = append(pairs, value, "["+name+"]")
		}
	}
	return strings.NewReplacer(pairs...)
}

var secretName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)key|token|secret|passw|credential|auth`) })
