package server

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/server/client"
	"github.com/jitos/jitos/server/viewer"
)

// Operations are the documents that may be carried out, by the SHA-256 of their text: those of the viewer and the command line, and
// those that somebody persisted into a directory of this clone. They are known by what they say, so adding one takes nothing from others.
type Operations struct {
	Dir string // HASH.graphql files; "" for none

	mu    sync.Mutex
	known map[string]string
}

// HashOperation is the name of a document.
func HashOperation(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Persist checks a document against the schema and keeps it. The error Is jitos.ErrInvalid where the schema does not allow it.
func (o *Operations) Persist(text string) (hash string, err error) {
	schema := NewExecutableSchema(Config{}).Schema()
	if _, errs := gqlparser.LoadQueryWithRules(schema, text, nil); len(errs) > 0 {
		return "", fmt.Errorf("%w: %s", jitos.ErrInvalid, errs.Error())
	}
	hash = HashOperation(text)
	if err := os.MkdirAll(o.Dir, 0o777); err != nil {
		return "", err
	}
	tmp, err := os.CreateTemp(o.Dir, "new-*")
	if err != nil {
		return "", err
	}
	defer os.Remove(tmp.Name())
	if _, err = tmp.WriteString(text); err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), filepath.Join(o.Dir, hash+".graphql"))
	}
	return hash, err
}

// builtIn are the operations that every daemon carries out: those of the viewer and of the command line.
var builtIn = sync.OnceValue(func() map[string]string {
	all := maps.Clone(viewer.Operations())
	for _, text := range client.Operations() {
		all[HashOperation(text)] = text
	}
	return all
})

// text finds a document by its hash. What is read from the directory must have the hash that its name says.
func (o *Operations) text(hash string) (string, bool) {
	if o == nil || len(hash) != 64 || strings.Trim(hash, "0123456789abcdef") != "" {
		return "", false
	}
	if text, ok := builtIn()[hash]; ok {
		return text, true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if text, ok := o.known[hash]; ok {
		return text, true
	}
	if o.Dir == "" {
		return "", false
	}
	raw, err := os.ReadFile(filepath.Join(o.Dir, hash+".graphql"))
	if err != nil || HashOperation(string(raw)) != hash {
		return "", false
	}
	if o.known == nil {
		o.known = map[string]string{}
	}
	o.known[hash] = string(raw)
	return string(raw), true
}

// resolve puts the text of a persisted operation in its place, and refuses others unless free is given. A client names an
// operation by extensions.persistedQuery.sha256Hash, or sends its text.
func (o *Operations) resolve(p *graphql.RawParams, free bool) *gqlerror.Error {
	hash := ""
	if named, ok := p.Extensions["persistedQuery"].(map[string]any); ok {
		if hash, ok = named["sha256Hash"].(string); !ok {
			return coded(codePersisted, "extensions.persistedQuery.sha256Hash must be a string")
		}
		if p.Query != "" && HashOperation(p.Query) != hash {
			return coded(codePersisted, "the hash is not that of the query")
		}
	} else if !free {
		hash = HashOperation(p.Query)
	}
	if hash == "" {
		return nil
	}
	text, ok := o.text(hash)
	switch {
	case ok:
		p.Query = text
	case !free || p.Query == "":
		return coded(codePersisted, "no persisted operation has the hash %s; `jitosd persist FILE` adds one, `jitosd --dev` allows all", clip(hash))
	}
	return nil
}

func clip(s string) string { return s[:min(len(s), 64)] }
