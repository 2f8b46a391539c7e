package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// The media types of answers.
const (
	typeJSON    = "application/json"
	typeGraphQL = "application/graphql-response+json"
)

// overHTTP is GraphQL over HTTP as the specification of that name has it (graphql.github.io/graphql-over-http). The transports
// that come with gqlgen give 422 where it wants 200 or 400, and a "data" where nothing was carried out.
type overHTTP struct{}

var _ graphql.Transport = overHTTP{}

// Supports is true for all: it is the last transport that is asked, and knows how to refuse.
func (overHTTP) Supports(*http.Request) bool { return true }

func (overHTTP) Do(w http.ResponseWriter, r *http.Request, exec graphql.GraphExecutor) {
	media, ok := acceptable(r.Header.Values("Accept"))
	if !ok {
		refuse(w, typeJSON, http.StatusNotAcceptable, "answers are "+typeGraphQL+" or "+typeJSON)
		return
	}
	var params *graphql.RawParams
	var wrong *wrongRequest
	switch r.Method {
	case http.MethodPost:
		params, wrong = fromBody(r)
	case http.MethodGet, http.MethodHead:
		params, wrong = fromURL(r)
	default:
		w.Header().Set("Allow", "GET, POST")
		wrong = &wrongRequest{http.StatusMethodNotAllowed, "use GET or POST"}
	}
	if wrong != nil {
		refuse(w, media, wrong.status, wrong.message)
		return
	}
	params.Headers = r.Header
	params.ReadTime = graphql.TraceTiming{Start: graphql.GetStartTime(r.Context()), End: graphql.Now()}
	ctx := r.Context()
	op, errs := exec.CreateOperationContext(ctx, params)
	if len(errs) > 0 {
		status := http.StatusOK // an answer in application/json is well-formed even where the operation is not
		if media == typeGraphQL {
			status = http.StatusBadRequest
		}
		if codeOf(errs) == codeRate {
			w.Header().Set("Retry-After", "1")
			status = http.StatusTooManyRequests
		}
		write(w, media, status, failure{errs})
		return
	}
	switch {
	case op.Operation.Operation == ast.Subscription:
		refuse(w, media, http.StatusBadRequest, "subscriptions go over a WebSocket, or by POST with Accept: text/event-stream")
		return
	case op.Operation.Operation == ast.Mutation && r.Method != http.MethodPost:
		w.Header().Set("Allow", "POST")
		refuse(w, media, http.StatusMethodNotAllowed, "mutations go by POST")
		return
	}
	responses, ctx := exec.DispatchOperation(ctx, op)
	write(w, media, http.StatusOK, responses(ctx))
}

// failure is an answer without data: nothing was carried out.
type failure struct {
	Errors gqlerror.List `json:"errors"`
}

func codeOf(errs gqlerror.List) string {
	for _, e := range errs {
		if code, ok := e.Extensions["code"].(string); ok {
			return code
		}
	}
	return ""
}

type wrongRequest struct {
	status  int
	message string
}

func refuse(w http.ResponseWriter, media string, status int, message string) {
	err := &gqlerror.Error{Message: message}
	errcode.Set(err, "BAD_REQUEST")
	write(w, media, status, failure{gqlerror.List{err}})
}

func write(w http.ResponseWriter, media string, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		status, raw = http.StatusInternalServerError, []byte(`{"errors":[{"message":"the answer cannot be written as JSON"}]}`)
	}
	w.Header().Set("Content-Type", media+"; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(raw)
}

// acceptable chooses the media type of the answer: of those that the client takes the one that it likes best. What says nothing
// gets application/json.
func acceptable(headers []string) (string, bool) {
	if len(headers) == 0 || strings.TrimSpace(strings.Join(headers, "")) == "" {
		return typeJSON, true
	}
	best, liked := "", 0.0
	for _, part := range strings.Split(strings.Join(headers, ","), ",") {
		media, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			continue
		}
		q := 1.0
		if text, ok := params["q"]; ok {
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		if set, ok := params["charset"]; ok && !isUTF8(set) {
			continue
		}
		if media == "*/*" || media == "application/*" {
			media, q = typeJSON, q-0.001 // what is named goes before what is only allowed
		}
		if (media == typeJSON || media == typeGraphQL) && q > liked {
			best, liked = media, q
		}
	}
	return best, best != ""
}

func isUTF8(charset string) bool {
	return strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8")
}

func fromBody(r *http.Request) (*graphql.RawParams, *wrongRequest) {
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != typeJSON {
		return nil, &wrongRequest{http.StatusUnsupportedMediaType, "send Content-Type: application/json"}
	}
	if set, ok := params["charset"]; ok && !isUTF8(set) {
		return nil, &wrongRequest{http.StatusUnsupportedMediaType, "send utf-8"}
	}
	body, err := io.ReadAll(r.Body)
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		return nil, &wrongRequest{http.StatusRequestEntityTooLarge, "a request may have " + strconv.FormatInt(large.Limit, 10) + " bytes"}
	}
	if err != nil {
		return nil, &wrongRequest{http.StatusBadRequest, "the body could not be read"}
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil || fields == nil {
		return nil, &wrongRequest{http.StatusBadRequest, "the body is no JSON object"}
	}
	return paramsOf(fields)
}

// fromURL reads query, operationName, variables and extensions from the URL, the last two as JSON.
func fromURL(r *http.Request) (*graphql.RawParams, *wrongRequest) {
	values := r.URL.Query()
	fields := map[string]json.RawMessage{}
	for _, name := range []string{"query", "operationName"} {
		if values.Get(name) != "" {
			fields[name], _ = json.Marshal(values.Get(name))
		}
	}
	for _, name := range []string{"variables", "extensions"} {
		if v := values.Get(name); v != "" {
			fields[name] = json.RawMessage(v)
		}
	}
	return paramsOf(fields)
}

// paramsOf takes only what has the right type: JSON that is decoded loosely would turn a list into nothing.
func paramsOf(fields map[string]json.RawMessage) (*graphql.RawParams, *wrongRequest) {
	p := &graphql.RawParams{}
	for name, into := range map[string]any{"query": &p.Query, "operationName": &p.OperationName, "variables": &p.Variables, "extensions": &p.Extensions} {
		raw, ok := fields[name]
		if !ok || string(bytes.TrimSpace(raw)) == "null" {
			continue
		}
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if err := d.Decode(into); err != nil {
			kind := "an object"
			if name == "query" || name == "operationName" {
				kind = "a string"
			}
			return nil, &wrongRequest{http.StatusBadRequest, name + " must be " + kind}
		}
	}
	if p.Query == "" && p.Extensions["persistedQuery"] == nil {
		return nil, &wrongRequest{http.StatusBadRequest, "query is missing"}
	}
	return p, nil
}
