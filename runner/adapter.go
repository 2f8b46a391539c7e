package runner

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jitos/jitos"
)

// Adapter is a program of somebody else's that is a worker. It is started anew for each job, in the job's directory, and speaks
// JSON, one object a line, on its standard input and output; what it says on standard error is its log. jitos says:
//
//	{"type":"describe"}
//	{"type":"do","job":{"name":"fix","title":"…","args":{"prompt":"…"},"needs":["fs.write:**"],"produces":["…"],"failing":["…"],"timeout_s":600}}
//	{"type":"cancel"}                       stop: what is not over in two seconds is killed
//
// and then closes its input, upon which it ends. The program says:
//
//	{"type":"description","protocol":1,"name":"my-bot","version":"1.2","args":["prompt"]}      once, before it is told to do anything
//	{"type":"progress","text":"reading"}                                                         any number
//	{"type":"done","verdict":"pass","reason":"…","artifacts":{"answer":"42"}}                    last; verdict pass, fail or could-not-run
//
// What it leaves in its directory is its proposal, as of any worker. Unknown fields are skipped, so that both sides may
// learn more; a line that is no such object, or an end without done, fails the job. runner/template is a whole one.
type Adapter struct {
	member Member
	env    func(ctx context.Context, chain string, net bool) (map[string]string, error)
}

var _ jitos.Worker = (*Adapter)(nil)

// adapterProtocol is the version that is spoken.
const adapterProtocol = 1

func checkAdapter(d definition) error {
	if len(d.Run) == 0 {
		return errors.New("run: which program")
	}
	return nil
}

// adapterMessage is anything that either side says.
type adapterMessage struct {
	Type      string            `json:"type"`
	Job       *adapterJob       `json:"job,omitempty"`
	Protocol  int               `json:"protocol,omitempty"`
	Name      string            `json:"name,omitempty"`
	Version   string            `json:"version,omitempty"`
	Args      []string          `json:"args,omitempty"`
	Text      string            `json:"text,omitempty"`
	Verdict   jitos.Verdict     `json:"verdict,omitempty"`
	Reason    string            `json:"reason,omitempty"`
	Artifacts map[string]string `json:"artifacts,omitempty"`
}

type adapterJob struct {
	Name     string            `json:"name"`
	Title    string            `json:"title,omitempty"`
	Args     map[string]string `json:"args"`
	Needs    []string          `json:"needs"`
	Produces []string          `json:"produces,omitempty"`
	Failing  []string          `json:"failing,omitempty"`
	Timeout  int               `json:"timeout_s"`
}

// Work has the program do the job.
func (a *Adapter) Work(ctx context.Context, dir string, action jitos.Action, host jitos.Host) (jitos.Result, error) {
	s, err := a.start(ctx, placeOf(dir), action, host)
	if err != nil {
		return jitos.Result{}, err
	}
	r := s.talk(ctx, jobOf(action, host))
	end, err := s.finish()
	if ctx.Err() != nil {
		return jitos.Result{}, ctx.Err()
	}
	switch {
	case errors.Is(err, errNoProgram):
		r = couldNot(err.Error())
	case err != nil && !errors.Is(err, context.Canceled):
		return jitos.Result{}, err
	case r.Verdict == "":
		r = failed("it ended without saying done: exit status %d: %s", end.exit, s.last.line())
	}
	r.Exit, r.Output = end.exit, s.out.text()
	r.Reason = s.hide.Replace(r.Reason)
	for name, text := range r.Artifacts {
		r.Artifacts[name] = s.hide.Replace(text)
	}
	return artifacts(placeOf(dir).out(), r)
}

func jobOf(action jitos.Action, host jitos.Host) *adapterJob {
	step := action.Step
	j := &adapterJob{Name: step.Name, Title: step.Title, Args: action.Args, Needs: step.Needs, Produces: step.Produces,
		Timeout: int(timeout(step) / time.Second)}
	if host != nil {
		if r := host.Failing(); r != nil {
			j.Failing = r.Failed
		}
	}
	return j
}

// session is a program that runs and is talked to.
type session struct {
	in    io.WriteCloser
	said  chan adapterMessage // closed when the program is gone
	ended chan error
	kill  context.CancelFunc
	hide  *strings.Replacer
	say   func(string)
	out   *output
	last  tail
	limit time.Duration
	end   ended
	told  adapterMessage // its description
	cut   atomic.Bool    // it had to be killed
}

func (a *Adapter) start(ctx context.Context, p place, action jitos.Action, host jitos.Host) (*session, error) {
	vars, err := variables(ctx, a.env, a.member, action)
	if err != nil {
		return nil, err
	}
	alive, kill := context.WithCancel(context.WithoutCancel(ctx))
	read, write := io.Pipe()
	s := &session{in: write, said: make(chan adapterMessage), ended: make(chan error, 1), kill: kill, hide: redactor(vars),
		out: &output{}, limit: timeout(action.Step), say: func(string) {}}
	if host != nil {
		s.say = host.Say
	}
	log := func(_ int, text string) {
		text = s.hide.Replace(plainLine(text, p))
		s.out.add(text)
		s.last.add(text)
	}
	c := command{place: p, argv: a.member.def.Run, vars: vars, timeout: s.limit + 3*grace, line: log, stdin: read,
		stdout: &lineWriter{to: func(line []byte) error { return s.heard(alive, line) }}}
	go func() {
		end, err := c.run(alive)
		s.end = end
		_ = read.CloseWithError(io.ErrClosedPipe) // whoever still writes to it is let go
		close(s.said)
		s.ended <- err
	}()
	return s, nil
}

// heard passes on one line of the program's.
func (s *session) heard(alive context.Context, line []byte) error {
	var m adapterMessage
	if err := json.Unmarshal(line, &m); err != nil {
		m = adapterMessage{Type: "broken", Text: brief(string(line))}
	}
	select {
	case s.said <- m:
		return nil
	case <-alive.Done():
		return alive.Err()
	}
}

// tell says one thing to the program. One that is gone hears nothing, which shows when nothing comes back.
func (s *session) tell(m adapterMessage) {
	raw, err := json.Marshal(m)
	if err == nil {
		go func() { _, _ = s.in.Write(append(raw, '\n')) }()
	}
}

// talk asks the program to describe itself, then gives it the job, and returns what it says came of it; no verdict where
// it went away before.
func (s *session) talk(ctx context.Context, job *adapterJob) jitos.Result {
	timer := time.NewTimer(s.limit)
	defer timer.Stop()
	cancelled := make(<-chan time.Time)
	done := ctx.Done()
	late := false
	s.tell(adapterMessage{Type: "describe"})
	for {
		select {
		case m, alive := <-s.said:
			switch {
			case !alive && late:
				return failed("it ran longer than %s and was ended", s.limit)
			case !alive:
				return jitos.Result{}
			case m.Type == "description" && m.Protocol != adapterProtocol:
				return couldNot(fmt.Sprintf("it speaks protocol %d, and jitos %d", m.Protocol, adapterProtocol))
			case m.Type == "description":
				s.told = m
				s.tell(adapterMessage{Type: "do", Job: job})
			case m.Type == "progress":
				text := s.hide.Replace(oneLine(m.Text))
				s.out.add(text)
				s.say(text)
			case m.Type == "done" && late:
				return failed("it ran longer than %s and was ended", s.limit)
			case m.Type == "done" && (m.Verdict == jitos.Pass || m.Verdict == jitos.Fail || m.Verdict == jitos.CouldNot):
				r := jitos.Result{Verdict: m.Verdict, Reason: oneLine(m.Reason), Artifacts: bounded(m.Artifacts)}
				if r.Verdict != jitos.Pass && r.Reason == "" {
					r.Reason = "it did not say why"
				}
				return r
			default:
				return failed("it does not speak the protocol: %s", brief(m.Type+" "+m.Text+string(m.Verdict)))
			}
		case <-done:
			done = nil
			s.tell(adapterMessage{Type: "cancel"})
			cancelled = time.After(grace)
		case <-timer.C:
			late = true
			s.tell(adapterMessage{Type: "cancel"})
			cancelled = time.After(grace)
		case <-cancelled:
			s.force()
			cancelled = nil
		}
	}
}

// bounded cuts artifacts that are too long, which the program should have put into $JITOS_OUT.
func bounded(artifacts map[string]string) map[string]string {
	for name, text := range artifacts {
		artifacts[name] = bound(text)
	}
	return artifacts
}

// finish closes the program's input, upon which it ends by itself or is killed.
func (s *session) finish() (ended, error) {
	go func() { _ = s.in.Close() }()
	timer := time.AfterFunc(grace, s.force)
	defer timer.Stop()
	for range s.said { // what it still says is not waited for
	}
	err := <-s.ended
	s.kill()
	return s.end, err
}

// force kills a program that does not end by itself.
func (s *session) force() {
	s.cut.Store(true)
	s.kill()
}

// lineWriter calls to with each line, without its end.
type lineWriter struct {
	rest []byte
	to   func([]byte) error
}

const maxAdapterLine = 4 << 20

func (w *lineWriter) Write(p []byte) (int, error) {
	w.rest = append(w.rest, p...)
	for {
		i := bytes.IndexByte(w.rest, '\n')
		if i < 0 {
			if len(w.rest) > maxAdapterLine {
				return 0, errors.New("a line without end")
			}
			return len(p), nil
		}
		line := bytes.TrimSpace(w.rest[:i])
		if len(line) > 0 {
			if err := w.to(line); err != nil {
				return 0, err
			}
		}
		w.rest = append(w.rest[:0], w.rest[i+1:]...)
	}
}

// adapterPromises are what `jitos worker test` holds an adapter to beside doing a job.
func adapterPromises(ctx context.Context, e *Executor, m Member, action jitos.Action) []Check {
	probe := &adapterProbe{adapter: &Adapter{member: m, env: e.environ}}
	cancelled, cancel := context.WithCancel(ctx)
	defer cancel()
	probe.cancel = cancel
	action.Step.Worker = "probe"
	with := &Executor{Objects: e.Objects, Cache: e.Cache, Toolchain: e.Toolchain, Allowed: e.Allowed, Workers: map[string]jitos.Worker{"probe": probe}}
	defer with.Close()
	_, err := with.Execute(cancelled, action, nil)
	described := probe.told.Protocol == adapterProtocol && probe.told.Name != ""
	detail := strings.TrimSpace(probe.told.Name + " " + probe.told.Version)
	if !described {
		detail = "no description with protocol 1 and a name came first"
	}
	return []Check{{"it describes itself", described, detail},
		{"it ends when it is told to", probe.ended && errors.Is(err, context.Canceled), probe.why}}
}

// adapterProbe gives a job, takes it back at once, and looks whether the program ends by itself.
type adapterProbe struct {
	adapter *Adapter
	cancel  func()
	told    adapterMessage
	ended   bool
	why     string
}

func (p *adapterProbe) Work(ctx context.Context, dir string, action jitos.Action, host jitos.Host) (jitos.Result, error) {
	s, err := p.adapter.start(ctx, placeOf(dir), action, host)
	if err != nil {
		return jitos.Result{}, err
	}
	time.AfterFunc(200*time.Millisecond, p.cancel)
	s.talk(ctx, jobOf(action, host))
	_, _ = s.finish()
	p.cancel()
	p.told, p.ended = s.told, !s.cut.Load()
	if !p.ended {
		p.why = "it was still there two seconds after cancel, and after its input was closed, and had to be killed"
	}
	return jitos.Result{}, ctx.Err()
}
