package server

import (
	"context"
	"crypto/subtle"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Guard says who may ask over HTTP: whoever shows the token, from this machine, and no page of another site.
//
// A name that resolves to 127.0.0.1 lets a foreign page speak to a server on loopback; such a request has that name as its
// Host. So only the names of loopback are answered, and an Origin must be the server's own.
type Guard struct {
	Token  string
	Logins *Logins // the sessions of browsers; nil for none
}

type admittedKey struct{}

func isAdmitted(ctx context.Context) bool {
	ok, _ := ctx.Value(admittedKey{}).(bool)
	return ok
}

// Admits tells whether a request has shown the token, or both halves of a session. It compares in constant time.
func (g Guard) Admits(ctx context.Context, token string) bool {
	if g.Token != "" && subtle.ConstantTimeCompare([]byte(token), []byte(g.Token)) == 1 {
		return true
	}
	cookie, _ := ctx.Value(cookieKey{}).(string)
	return g.Logins.admits(cookie, token)
}

// Protect guards a handler. Requests for a WebSocket may show the token in their first message: browsers cannot set headers
// there.
func (g Guard) Protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = withCookie(r)
		status, why := g.foreign(r)
		admitted := g.Admits(r.Context(), bearer(r.Header.Get("Authorization")))
		if status == 0 && !admitted && r.Header.Get("Upgrade") == "" {
			w.Header().Set("WWW-Authenticate", "Bearer")
			status, why = http.StatusUnauthorized, "send Authorization: Bearer with the token"
		}
		if status != 0 {
			refuse(w, typeJSON, status, why)
			return
		}
		if admitted {
			r = r.WithContext(context.WithValue(r.Context(), admittedKey{}, true))
		}
		next.ServeHTTP(w, r)
	})
}

// home guards what needs no token: requests must still come from this machine and none of another site's pages.
func (g Guard) home(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status, why := g.foreign(r); status != 0 {
			refuse(w, typeJSON, status, why)
			return
		}
		next(w, r)
	})
}

// foreign says why a request comes from elsewhere; 0 where it does not.
func (g Guard) foreign(r *http.Request) (status int, why string) {
	if status, why := misdirected(r); status != 0 {
		return status, why
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "http" || u.Host != r.Host {
			return http.StatusForbidden, "requests from other origins are refused"
		}
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		return http.StatusForbidden, "requests from other sites are refused"
	}
	if r.URL.Query().Has("token") || r.URL.Query().Has("access_token") {
		return http.StatusBadRequest, "a token does not belong into a URL, where it is logged and remembered: send Authorization: Bearer"
	}
	return 0, ""
}

func misdirected(r *http.Request) (status int, why string) {
	if !loopback(r.Host) {
		return http.StatusMisdirectedRequest, "this server answers to 127.0.0.1, [::1] and localhost only"
	}
	return 0, ""
}

func loopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	name = strings.Trim(name, "[]")
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}

// Trust admits every request: those of a unix socket, whose peer was asked for its user when it connected.
func Trust(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != "" {
			refuse(w, typeJSON, http.StatusForbidden, "no page speaks to this socket")
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), admittedKey{}, true)))
	})
}

// Admitted passes only requests that have shown who they are. Protect lets one for a WebSocket through before it has.
func Admitted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isAdmitted(r.Context()) {
			w.Header().Set("WWW-Authenticate", "Bearer")
			refuse(w, typeJSON, http.StatusUnauthorized, "send Authorization: Bearer with the token")
			return
		}
		next.ServeHTTP(w, r)
	})
}
