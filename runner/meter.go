package runner

import (
	"fmt"
	"io"
	"sync/atomic"
)

// meter counts what a command prints on both of its streams, and calls over when that is too much. What comes after is not read.
type meter struct {
	most int64
	said atomic.Int64
	over func(error)
}

// tooMuch is the end of a command that printed too much.
type tooMuch struct{ most int64 }

func (e *tooMuch) Error() string { return fmt.Sprintf("more than %d KB of output", e.most>>10) }

func (m *meter) reader(from io.Reader) io.Reader { return &metered{m, from} }

type metered struct {
	*meter
	from io.Reader
}

func (r *metered) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	if beyond := r.said.Add(int64(n)) - r.most; beyond > 0 {
		r.over(&tooMuch{r.most})
		return max(0, n-int(min(beyond, int64(n)))), io.EOF
	}
	return n, err
}
