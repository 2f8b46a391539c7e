package server

import (
	"crypto/sha256"
	"encoding/hex"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/jitos/jitos/server/viewer"
)

// policy lets a page load and reach what comes from this server, and nothing else: no script or style in the page itself, no
// other host, no frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
	"form-action 'none'; frame-ancestors 'none'"

// Viewer serves the pages of the viewer, and the login that they need. The pages hold nothing of the fabric, so they need no
// token; what they ask for does.
//
//	GET  /…          the page; the path says what it shows, so that a link can be shared
//	GET  /assets/…   its script and style
//	POST /login      see Logins
func (s *Server) Viewer(g Guard) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /", func(w http.ResponseWriter, r *http.Request) { asset(w, r, "index.html") })
	mux.HandleFunc("GET /assets/{name}", func(w http.ResponseWriter, r *http.Request) { asset(w, r, r.PathValue("name")) })
	mux.Handle("POST /login", g.home(g.login))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status, why := misdirected(r); status != 0 { // a link on another site may lead here; another name may not
			refuse(w, typeJSON, status, why)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// asset answers with a file of the viewer. Browsers ask each time and are told when it is the one that they have: another
// daemon may bring another version.
func asset(w http.ResponseWriter, r *http.Request, name string) {
	raw, err := viewer.File(name)
	if err != nil {
		refuse(w, typeJSON, http.StatusNotFound, r.URL.Path+" is not here")
		return
	}
	sum := sha256.Sum256(raw)
	h := w.Header()
	h.Set("ETag", `"`+hex.EncodeToString(sum[:8])+`"`)
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if strings.Contains(r.Header.Get("If-None-Match"), h.Get("ETag")) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Write(raw)
}
