package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos/cmd/internal/exit"
	"github.com/jitos/jitos/server"
)

// operationsDir is where a clone keeps the operations that may be carried out.
func operationsDir(common string) string { return filepath.Join(common, "jitos", "operations") }

func persistCommand(stdout io.Writer) *cli.Command {
	return &cli.Command{
		Name:      "persist",
		Usage:     "allow the GraphQL operations in files to be carried out in this clone",
		ArgsUsage: "FILE...",
		Description: `Each file is one document, checked against the schema. Its hash is printed: a client sends it as
extensions.persistedQuery.sha256Hash, or sends the same text.`,
		Action: func(c *cli.Context) error { return persist(c, stdout) },
	}
}

func persist(c *cli.Context, stdout io.Writer) error {
	if !c.Args().Present() {
		return exit.Usage("persist: name a FILE that holds an operation")
	}
	f, err := open(c.Context, c.String("C"))
	if err != nil {
		return err
	}
	defer f.Repo.Close()
	operations := &server.Operations{Dir: operationsDir(f.Repo.Common)}
	for _, name := range c.Args().Slice() {
		raw, err := os.ReadFile(name)
		if err != nil {
			return &exit.UsageError{Err: err}
		}
		hash, err := operations.Persist(string(raw))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Fprintf(stdout, "%s  %s\n", hash, name)
	}
	return nil
}
