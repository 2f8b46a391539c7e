package server

import (
	"errors"
	"net/http"
	"os"
	"time"
)

// Patient gives each write of a handler its time: a client that does not read is cut off.
func (s *Server) Patient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&patientWriter{w, http.NewResponseController(w), s}, r)
	})
}

type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	s       *Server
}

func (w *patientWriter) Write(p []byte) (int, error) {
	w.control.SetWriteDeadline(time.Now().Add(w.s.Limits.Patience))
	n, err := w.ResponseWriter.Write(p)
	w.count(err)
	return n, err
}

func (w *patientWriter) Flush() {
	w.control.SetWriteDeadline(time.Now().Add(w.s.Limits.Patience))
	w.count(w.control.Flush())
}

func (w *patientWriter) count(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		w.s.metrics.cut.Inc()
	}
}

func (w *patientWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
