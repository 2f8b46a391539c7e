package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/server"
	"github.com/jitos/jitos/server/viewer"
)

// link asks the daemon for a link to the viewer, as `jitos view` does, and returns its parts.
func (d *daemon) link() (base, ticket string) {
	d.t.Helper()
	resp, err := d.overSocket().Post("http://jitos/login/link", "", nil)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	var made struct{ URL string }
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil {
		d.t.Fatal(err)
	}
	base, ticket, ok := strings.Cut(made.URL, "/#login=")
	if !ok {
		d.t.Fatalf("%d: no link to the viewer: %q", resp.StatusCode, made.URL)
	}
	return base, ticket
}

// A link lets one browser in, once; what it is exchanged for works as two halves and not as one.
func TestHostileLogin(t *testing.T) {
	dir, _ := repository(t)
	d := start(t, dir)
	base, ticket := d.link()
	if !strings.HasPrefix(d.url, base+"/") {
		t.Fatalf("the link leads to %s, and the daemon is at %s", base, d.url)
	}
	post := func(path, body string, change func(*http.Request)) *http.Response {
		t.Helper()
		r, err := http.NewRequest("POST", base+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Origin", base)
		if change != nil {
			change(r)
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		return resp
	}
	exchange := `{"ticket":"` + ticket + `"}`
	for _, c := range []struct {
		what, body string
		change     func(*http.Request)
		status     int
	}{
		{"by no page", exchange, func(r *http.Request) { r.Header.Del("Origin") }, 403},
		{"by a page of another site", exchange, func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }, 403},
		{"by a page of another port", exchange, func(r *http.Request) { r.Header.Set("Origin", "http://127.0.0.1:1") }, 403},
		{"by another site's request", exchange, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403},
		{"by another name", exchange, func(r *http.Request) { r.Host = "evil.example"; r.Header.Set("Origin", "http://evil.example") }, 421},
		{"by a form", exchange, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 415},
		{"nonsense", "[", nil, 400},
		{"too long", `{"ticket":"` + strings.Repeat("A", 5000) + `"}`, nil, 400},
		{"a guess", `{"ticket":"AAAAAAAAAAAAAAAAAAAAAAAAAA"}`, nil, 401},
		{"no ticket", `{}`, nil, 401},
		{"as it should be", exchange, nil, 200}, // none of the above has used it up
		{"twice", exchange, nil, 401},
	} {
		resp := post("/login", c.body, c.change)
		if resp.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", c.what, resp.StatusCode, c.status)
		}
		if (len(resp.Cookies()) > 0) != (c.status == 200) {
			t.Errorf("%s: cookies %v", c.what, resp.Cookies())
		}
	}
	_, ticket = d.link()
	resp := post("/login", `{"ticket":"`+ticket+`"}`, nil)
	var half struct{ Key string }
	if err := json.NewDecoder(resp.Body).Decode(&half); err != nil || len(resp.Cookies()) != 1 {
		t.Fatal(err, resp.Cookies())
	}
	cookie := resp.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteStrictMode || cookie.Value == half.Key {
		t.Errorf("%+v", cookie)
	}
	var hash string
	for hash = range viewer.Operations() {
		if strings.HasPrefix(viewer.Operations()[hash], "query Tasks") {
			break
		}
	}
	body := `{"extensions":{"persistedQuery":{"sha256Hash":"` + hash + `"}}}`
	both := func(r *http.Request) { r.AddCookie(cookie); r.Header.Set("Authorization", "Bearer "+half.Key) }
	for _, c := range []struct {
		what, body string
		change     func(*http.Request)
		status     int
	}{
		{"both halves", body, both, 200},
		{"the cookie alone", body, func(r *http.Request) { r.AddCookie(cookie) }, 401},
		{"the key alone", body, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+half.Key) }, 401},
		{"the cookie as the key", body, func(r *http.Request) { r.AddCookie(cookie); r.Header.Set("Authorization", "Bearer "+cookie.Value) }, 401},
		{"both, from another site", body, func(r *http.Request) { both(r); r.Header.Set("Origin", "http://evil.example") }, 403},
	} {
		if resp := post("/graphql", c.body, c.change); resp.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", c.what, resp.StatusCode, c.status)
		}
	}
	resp = post("/graphql", `{"query":"{ warp { tree } }"}`, both)
	if raw, _ := io.ReadAll(resp.Body); !strings.Contains(string(raw), "PERSISTED_OPERATION_REQUIRED") {
		t.Errorf("a browser may ask what it likes: %s", raw)
	}
	for _, upgrade := range []string{"", "websocket"} { // a WebSocket shows its token later, and this is none
		if resp := post("/login/link", "", func(r *http.Request) { r.Header.Set("Upgrade", upgrade) }); resp.StatusCode != 401 {
			t.Errorf("a link for who has shown nothing: %d", resp.StatusCode)
		}
	}
}

// The pages are what the daemon has built in, behind a policy that lets nothing else in; they answer to no other name.
func TestViewer_pages(t *testing.T) {
	dir, _ := repository(t)
	d := start(t, dir)
	base, _ := d.link()
	for _, c := range []struct {
		path, host string
		status     int
		has        string
	}{
		{"/", "", 200, "<script type=\"module\""},
		{"/task/a-shared-link?at=abcd", "", 200, "<script type=\"module\""},
		{"/assets/viewer.js", "", 200, ""},
		{"/assets/viewer.css", "", 200, ""},
		{"/assets/../viewer.go", "", 200, "<script"}, // a path like any other of the page's
		{"/assets/..%2fviewer.go", "", 404, ""},
		{"/", "evil.example", 421, ""},
	} {
		r, err := http.NewRequest("GET", base+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = c.host
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != c.status || !strings.Contains(string(raw), c.has) {
			t.Errorf("%s: %d %.80s", c.path, resp.StatusCode, raw)
		}
		policy := resp.Header.Get("Content-Security-Policy")
		if c.status == 200 && (!strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "*")) {
			t.Errorf("%s: policy %q", c.path, policy)
		}
	}
}

// Each operation of the viewer is one that the schema has.
func TestViewer_operations(t *testing.T) {
	schema := server.NewExecutableSchema(server.Config{}).Schema()
	for _, text := range viewer.Operations() {
		if _, errs := gqlparser.LoadQueryWithRules(schema, text, nil); len(errs) > 0 {
			t.Errorf("%s\n%s", errs.Error(), text)
		}
	}
	if len(viewer.Operations()) == 0 {
		t.Error("there are none")
	}
}

// The viewer in a browser, over a real daemon while tasks run: testdata/browse.mjs says what is looked at.
func TestViewer(t *testing.T) {
	modules := nodeModules(t)
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		skip(t, "chromium", "chromium is not installed")
	}
	dir, f := repository(t)
	task := func(intent string, gate string, steps ...jitos.Step) jitos.TaskID {
		t.Helper()
		id, _, err := f.Kernel.SubmitIntent(t.Context(), jitos.Request{Intent: intent, Gates: []string{gate}})
		if err == nil && len(steps) > 0 {
			_, err = f.Kernel.SubmitPlan(t.Context(), id, jitos.Slap{Title: intent, By: "Ada <ada@example.com>", Steps: steps})
		}
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	write := jitos.Step{Name: "write", Worker: "shell", Run: "for i in 1 2 3; do echo line $i; done; cp notes.txt copy.txt", Needs: []string{"fs.write:**"}}
	look := jitos.Step{Name: "look", Worker: "human", After: []string{"write"}, Args: map[string]string{"approve": "is the copy good?"}}
	setup, err := json.Marshal(map[string]any{
		"chromium": chromium,
		"shots":    os.Getenv("JITOS_SHOTS"), // a directory for pictures
		"asks":     task("copy the notes", "test -f copy.txt", write, look),
		"speaks": task("speak", "test -f spoken", jitos.Step{Name: "speak", Worker: "shell",
			Run: "for i in $(seq 25); do echo line $i; sleep 0.4; done; date > spoken", Needs: []string{"fs.write:**"}}),
		"fails": task("do what cannot be done", "false", jitos.Step{Name: "try", Worker: "shell", Run: "echo no way; exit 1"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	d := start(t, dir) // not in dev mode: what the viewer asks for is built in
	helper := start(t, dir, "--dev", "--socket", d.socket+"2")
	base, ticket := d.link()
	out, err := script(t, modules, "browse.mjs", base+"/#login="+ticket, helper.socket, string(setup))
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	if n := len(regexp.MustCompile(`(?m)^ok `).FindAllString(out, -1)); n < 10 {
		t.Errorf("only %d things were looked at\n%s", n, out)
	}
	if log := d.stderr.String(); strings.Contains(log, ticket) {
		t.Errorf("a ticket is in the daemon's log: %s", log)
	}
}

// A picture has every node and edge of its commit; it is told apart by its ETag, marks what differs, and is for who is let in.
func TestPicture(t *testing.T) {
	dir, f := repository(t)
	before := note(t, f, "a", 1)
	edge := jitos.Edge{From: jitos.NodeID{Kind: "note", Name: "a"}, Label: "see", To: jitos.NodeID{Kind: "note", Name: "b"}}
	after, err := f.Kernel.SubmitRewrite(t.Context(), jitos.Submission{
		Set:   []jitos.Node{{ID: jitos.NodeID{Kind: "note", Name: "b"}, Fields: map[string]any{"n": json.Number("2")}}},
		Edges: []jitos.Edge{edge}, What: "b",
	}, "")
	if err != nil {
		t.Fatal(err)
	}
	d := start(t, dir)
	get := func(query, token, have string) (int, []byte, string) {
		t.Helper()
		r, err := http.NewRequest("GET", strings.TrimSuffix(d.url, "/graphql")+"/graph.bin?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("If-None-Match", have)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, raw, resp.Header.Get("ETag")
	}
	at := "at=" + string(after.ID)
	status, raw, tag := get(at, d.token, "")
	if status != 200 || !strings.HasPrefix(string(raw), "jitosG1\n") {
		t.Fatalf("%d %.40q", status, raw)
	}
	spots, edges := binary.LittleEndian.Uint32(raw[8:]), binary.LittleEndian.Uint32(raw[12:])
	if edges != 1 || spots < 3 || !strings.Contains(string(raw), "\x04\x00\x00\x00note") || !strings.Contains(string(raw), "\x03\x00\x00\x00see") {
		t.Errorf("%d spots, %d edges: %q", spots, edges, raw)
	}
	if status, raw, _ := get(at, d.token, tag); status != 304 || len(raw) > 0 {
		t.Errorf("the same again: %d", status)
	}
	status, marked, other := get(at+"&against="+string(before), d.token, tag)
	if status != 200 || other == tag || len(marked) != len(raw) || string(marked) == string(raw) {
		t.Errorf("against what was before: %d, %d bytes where there were %d", status, len(marked), len(raw))
	}
	for query, want := range map[string]int{"": 400, "at=HEAD": 400, "at=--all": 400, at + "&against=main": 400, "at=" + strings.Repeat("0", 40): 404} {
		if status, _, tag := get(query, d.token, ""); status != want || tag != "" && want != 200 {
			t.Errorf("%q: %d with the tag %q, want %d", query, status, tag, want)
		}
	}
	if status, _, _ := get(at, "nonsense", ""); status != 401 {
		t.Errorf("for anybody: %d", status)
	}
}

// A line, and a field of a node, leads to the commit since which it is so, and what the user committed has no way back.
func TestLines(t *testing.T) {
	dir, f := repository(t)
	id, _, err := f.Kernel.SubmitIntent(t.Context(), jitos.Request{Intent: `run "echo three >> notes.txt"`})
	if err == nil {
		_, err = f.Kernel.Absorb(t.Context(), "", jitos.AskAboutDirty)
	}
	if err == nil {
		_, err = f.Kernel.Run(t.Context(), id, jitos.RunOptions{})
	}
	if err != nil {
		t.Fatal(err)
	}
	d := start(t, dir, "--dev")
	const query = `query ($path: String!, $from: Int!) { warp { files(pattern: "*.txt") lines(path: $path, from: $from) { number text commit { rule why { task { id } step { worker } } } } } }`
	warp := d.must(query, map[string]any{"path": "notes.txt", "from": 2}, "warp")
	if files := fmt.Sprint(at(t, warp, "files")); files != "[notes.txt]" {
		t.Errorf("files: %s", files)
	}
	lines := at(t, warp, "lines").([]any)
	if len(lines) != 2 || at(t, lines[0], "text") != "two" || at(t, lines[0], "commit", "rule") != nil || at(t, lines[0], "commit", "why") != nil {
		t.Errorf("%v", lines)
	}
	if at(t, lines[1], "commit", "rule") != "settle" || at(t, lines[1], "commit", "why", "task", "id") != "task/"+string(id) || at(t, lines[1], "commit", "why", "step", "worker") != "shell" {
		t.Errorf("%v", lines[1])
	}
	set := func(fields map[string]any) any {
		c, err := f.Kernel.SubmitRewrite(t.Context(), jitos.Submission{What: "a note", Set: []jitos.Node{{ID: jitos.NodeID{Kind: "note", Name: "a"}, Fields: fields}}}, "")
		if err != nil {
			t.Fatal(err)
		}
		return string(c.ID)
	}
	set(map[string]any{"n": json.Number("1")})
	second := set(map[string]any{"n": json.Number("2"), "x": "y"})
	third := set(map[string]any{"n": json.Number("2"), "x": "z"})
	set(map[string]any{"n": json.Number("2"), "x": "z", "more": true})
	const since = `query ($id: ID!, $field: String!) { warp { since(node: $id, field: $field) { id } } }`
	for field, want := range map[string]any{"n": second, "x": third} {
		if got := d.must(since, map[string]any{"id": "note/a", "field": field}, "warp", "since", "id"); got != want {
			t.Errorf("%s is so since %v, want %s", field, got, want)
		}
	}
	for field, node := range map[string]string{"none": "note/a", "n": "note/none"} {
		if got := d.must(since, map[string]any{"id": node, "field": field}, "warp", "since"); got != nil {
			t.Errorf("%s of %s: %v", field, node, got)
		}
	}
	for path, want := range map[string]any{"../notes.txt": nil, "none": nil} {
		if got := d.must(query, map[string]any{"path": path, "from": 1}, "warp", "lines"); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	if got := d.must(query, map[string]any{"path": "notes.txt", "from": 9}, "warp", "lines").([]any); len(got) != 0 {
		t.Errorf("behind the end: %v", got)
	}
}
