package runner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/runner/llm"
)

// LLM lets a language model work in the job's directory: a loop in which it lists, reads, searches, edits and runs commands
// until it says that it is done. What it leaves is its proposal, judged by the gates as any other. Which model that is, the
// Roster says.
//
// The model's client runs in jitos, not in the job: the key reaches no process of the job, no file, no log and no error; the
// commands that the model runs have the rights of the job's step. The whole talk is kept as the artifact "transcript" (its head
// and its tail), with "tokens", "turns" and, where prices are configured, "cost_usd".
//
// The budgets bound it: turns, tokens (in and out added up) and US dollars, and the step's timeout. One that is used up fails
// the job, as does a model that makes the same call again and again.
type LLM struct {
	member Member
	env    func(ctx context.Context, chain string, net bool) (map[string]string, error)
	// servers finds the MCP servers of its definition.
	servers func(names []string) []Member
	wait    func(ctx context.Context, d time.Duration) error // between tries of a request; nil waits
}

var _ jitos.Worker = (*LLM)(nil)

// Defaults of the budgets.
const (
	defaultTurns  = 40
	defaultTokens = 1_000_000
	maxRepeats    = 4 // of one call in a row
)

// price is in US dollars for a million tokens.
type price struct {
	In  float64 `yaml:"in" json:"in"`
	Out float64 `yaml:"out" json:"out"`
}

func checkLLM(d definition) error {
	switch err := d.client("").Check(); {
	case err != nil:
		return err
	case d.Key == "":
		return errors.New("key: the name of the variable that holds it")
	case d.USD > 0 && d.Price == (price{}):
		return errors.New("usd: a budget needs price: {in: …, out: …}, in dollars for a million tokens")
	case d.Turns < 0 || d.Tokens < 0 || d.USD < 0 || d.Price.In < 0 || d.Price.Out < 0:
		return errors.New("a budget is not negative")
	}
	return nil
}

func (d definition) client(key string) *llm.Client {
	url := d.URL
	if url == "" {
		url = map[string]string{"anthropic": "https://api.anthropic.com", "openai": "https://api.openai.com/v1"}[d.Protocol]
	}
	return &llm.Client{Protocol: d.Protocol, URL: url, Model: d.Model, Key: key}
}

// system is what every model is told.
const system = `You are a careful software engineer who works alone in a directory by means of tools. Look before you change, make the smallest
change that is right, run what shows that it is, and then say in one or two sentences what you did, without calling a tool:
that ends your work.`

// spent is what a talk has used up.
type spent struct {
	turns, tokens int
	usd           float64
}

func (s *spent) add(u llm.Usage, p price) {
	s.turns++
	s.tokens += u.In + u.Out
	s.usd += (float64(u.In)*p.In + float64(u.Out)*p.Out) / 1e6
}

// over says which budget is used up, "" for none.
func (s *spent) over(d definition) string {
	turns, tokens := d.Turns, d.Tokens
	if turns == 0 {
		turns = defaultTurns
	}
	if tokens == 0 {
		tokens = defaultTokens
	}
	switch {
	case s.turns >= turns:
		return fmt.Sprintf("its budget of %d turns is used up", turns)
	case s.tokens >= tokens:
		return fmt.Sprintf("its budget of %d tokens is used up", tokens)
	case d.USD > 0 && s.usd >= d.USD:
		return fmt.Sprintf("its budget of %.2f USD is used up", d.USD)
	}
	return ""
}

// Work runs the loop.
func (l *LLM) Work(ctx context.Context, dir string, action jitos.Action, host jitos.Host) (jitos.Result, error) {
	d, key := l.member.def, os.Getenv(l.member.def.Key)
	prompt := briefing(action, host)
	switch {
	case prompt == "":
		return couldNot("no prompt was given"), nil
	case key == "":
		return couldNot(l.member.lacks()), nil
	}
	vars := map[string]string{}
	if l.env != nil {
		var err error
		if vars, err = l.env(ctx, action.Step.Chain, false); err != nil {
			return jitos.Result{}, err
		}
	}
	bounded, cancel := context.WithTimeout(ctx, timeout(action.Step))
	defer cancel()
	log := &talkLog{place: placeOf(dir), step: action.Step, hide: strings.NewReplacer(key, "["+d.Key+"]"), host: host, out: &output{}}
	box, err := newToolbox(dir, action, vars, log)
	if err != nil {
		return jitos.Result{}, err
	}
	defer box.close()
	for _, m := range l.servers(d.Tools) {
		server, err := startMCP(bounded, placeOf(dir), m, vars, log)
		if ctx.Err() != nil {
			return jitos.Result{}, ctx.Err()
		}
		if err != nil {
			return couldNot(log.hide.Replace(err.Error())), nil
		}
		box.more = append(box.more, server)
	}
	c := d.client(key)
	c.Wait, c.Say = l.wait, log.stream
	r, used, err := converse(bounded, c, d, box, prompt, log)
	if ctx.Err() != nil {
		return jitos.Result{}, ctx.Err()
	}
	switch {
	case bounded.Err() != nil:
		r = failed("it worked longer than %s and was ended", timeout(action.Step))
	case err != nil && used.turns == 0:
		r = couldNot("worker " + l.member.Name + ": " + log.hide.Replace(err.Error()))
	case err != nil:
		r = failed("%s", log.hide.Replace(err.Error()))
	}
	r.Output = log.last.text()
	r.Artifacts = map[string]string{"transcript": log.out.text(), "turns": strconv.Itoa(used.turns), "tokens": strconv.Itoa(used.tokens)}
	if d.Price != (price{}) {
		r.Artifacts["cost_usd"] = strconv.FormatFloat(used.usd, 'f', 4, 64)
	}
	return artifacts(placeOf(dir).out(), r)
}

// converse takes turns with the model until it calls no tool. An error means that the model could not be reached.
func converse(ctx context.Context, c *llm.Client, d definition, box *toolbox, prompt string, log *talkLog) (jitos.Result, spent, error) {
	var used spent
	talk := []llm.Message{{Role: "user", Text: prompt}}
	log.line("> " + prompt)
	last, repeats := "", 0
	for {
		if why := used.over(d); why != "" {
			return failed("%s", why), used, nil
		}
		reply, err := c.Complete(ctx, system, talk, box.tools())
		if err != nil {
			return jitos.Result{}, used, err
		}
		used.add(reply.Usage, d.Price)
		log.endStream()
		if len(reply.Calls) == 0 {
			if reply.Cut {
				return failed("its answer was cut off at the longest that it may be"), used, nil
			}
			return jitos.Result{Verdict: jitos.Pass}, used, nil
		}
		answer := llm.Message{Role: "user"}
		for _, call := range reply.Calls {
			if this := call.Name + " " + call.Args; this == last {
				repeats++
			} else {
				last, repeats = this, 0
			}
			if repeats >= maxRepeats {
				return failed("it made the same call %d times in a row: %s", repeats+1, call.Name), used, nil
			}
			text, err := box.use(ctx, call)
			if ctx.Err() != nil {
				return jitos.Result{}, used, ctx.Err()
			}
			if err != nil {
				text = err.Error()
				log.line("  error: " + text)
			}
			answer.Results = append(answer.Results, llm.Result{ID: call.ID, Text: text, Error: err != nil})
		}
		talk = append(talk, llm.Message{Role: "assistant", Text: reply.Text, Calls: reply.Calls}, answer)
	}
}

// talkLog keeps what was said, without the key, and tells the host line by line.
type talkLog struct {
	place   place
	step    jitos.Step
	hide    *strings.Replacer
	host    jitos.Host
	out     *output
	last    tail
	partial strings.Builder
}

// stream takes the model's text as it comes.
func (t *talkLog) stream(text string) {
	t.partial.WriteString(text)
	if strings.Contains(text, "\n") {
		whole := t.partial.String()
		i := strings.LastIndexByte(whole, '\n')
		t.partial.Reset()
		t.partial.WriteString(whole[i+1:])
		t.line(whole[:i])
	}
}

func (t *talkLog) endStream() {
	if rest := t.partial.String(); rest != "" {
		t.line(rest)
	}
	t.partial.Reset()
}

func (t *talkLog) line(text string) {
	for l := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		l = t.hide.Replace(plainLine(l, t.place))
		t.out.add(l)
		t.last.add(l)
		if l = strings.TrimSpace(l); l != "" && t.host != nil {
			t.host.Say(l)
		}
	}
}
