// Package viewer holds the built pages of the viewer and the operations that they send. The sources are in src and ops; `npm ci &&
// npm run build` makes dist from them, and a test compares.
package viewer

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"sync"
)

//go:embed dist
var dist embed.FS

//go:embed ops/*.graphql
var ops embed.FS

// File returns a built file: index.html, viewer.js, viewer.css, icon.svg.
func File(name string) ([]byte, error) { return dist.ReadFile("dist/" + name) }

// Operations are the documents that the pages send, by the SHA-256 of their text.
var Operations = sync.OnceValue(func() map[string]string {
	known := map[string]string{}
	files, err := ops.ReadDir("ops")
	if err != nil {
		panic(err) // it is embedded
	}
	for _, f := range files {
		raw, err := ops.ReadFile("ops/" + f.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(raw)
		known[hex.EncodeToString(sum[:])] = string(raw)
	}
	return known
})
