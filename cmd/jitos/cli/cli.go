// Package cli reads a command line: a tree of commands, each with flags that may stand before or after its arguments.
//
// A library would do, but not for free: the common ones bring text/template, regexp and a converter of Markdown, whose
// initialisation takes longer than all that `jitos status` does, and a reflection that keeps the linker from leaving out
// methods that nobody calls.
package cli

import (
	"context"
	"io"
	"slices"
	"strings"
)

// Command is one command, or the program itself: that is the command at the root of all others.
type Command struct {
	Name        string
	Aliases     []string
	Category    string
	Usage       string // what it does, in a line
	ArgsUsage   string // its arguments, in a word or two
	Description string // all else
	Hidden      bool   // not in help, completion and manual

	Flags           []Flag
	SkipFlagParsing bool // all words are arguments
	Subcommands     []*Command
	Action          func(*Context) error // nil: it only has subcommands; then without one it prints its help

	Out  io.Writer             // of the root: where help goes
	Help func(*Command) string // of the root: its own help
}

// Context is one call of a command.
type Context struct {
	Context context.Context
	Command *Command
	Path    string // the names that lead to the command, from the program's on
	Args    []string

	set map[string]value // by any name of the flag
}

// Misuse is a call that makes no sense; it says why.
type Misuse struct{ Why string }

func (m *Misuse) Error() string { return m.Why }

// First is the first argument, "" where there is none.
func (c *Context) First() string {
	if len(c.Args) == 0 {
		return ""
	}
	return c.Args[0]
}

// IsSet tells whether a flag was given.
func (c *Context) IsSet(name string) bool { _, ok := c.set[name]; return ok }

// Bool is the value of a BoolFlag.
func (c *Context) Bool(name string) bool { return c.set[name].yes }

// Strings are the values of a StringSliceFlag, in the order in which they were given.
func (c *Context) StringSlice(name string) []string { return c.set[name].texts }

// String is the value of a StringFlag, its default where it was not given.
func (c *Context) String(name string) string {
	if v, ok := c.set[name]; ok {
		return v.texts[len(v.texts)-1]
	}
	if f, ok := lookUp(c.Command.Flags, name).(*StringFlag); ok {
		return f.Value
	}
	return ""
}

// Int is the value of an IntFlag, its default where it was not given.
func (c *Context) Int(name string) int {
	if v, ok := c.set[name]; ok {
		return v.number
	}
	if f, ok := lookUp(c.Command.Flags, name).(*IntFlag); ok {
		return f.Value
	}
	return 0
}

// Run calls the command that the arguments name, the program's own name not among them. --help prints help in its stead.
// The error of a call that makes no sense is a *Misuse.
func (root *Command) Run(ctx context.Context, args []string) error {
	c := &Context{Context: ctx, Command: root, Path: root.Name, set: map[string]value{}}
	words := args
	for {
		head, tail, err := leading(c.Command, words, c.Path)
		if err != nil {
			return err
		}
		if err := c.take(head); err != nil {
			return err
		}
		words = tail
		if len(words) == 0 || c.wantsHelp() {
			break
		}
		next := Find(c.Command.Subcommands, words[0])
		if next == nil {
			break
		}
		c.Command, c.Path, words = next, c.Path+" "+next.Name, words[1:]
	}
	if err := c.arguments(words); err != nil {
		return err
	}
	switch {
	case c.wantsHelp(), c.Command.Action == nil && c.First() == "":
		return help(root, c)
	case c.Command.Action == nil:
		return &Misuse{"`" + c.Path + "` has no command \"" + c.First() + "\": see `" + c.Path + " --help`"}
	}
	return c.Command.Action(c)
}

// arguments takes the words after the command's name: flags, until "--", and arguments.
func (c *Context) arguments(words []string) error {
	if c.Command.SkipFlagParsing {
		c.Args = words
		return nil
	}
	for len(words) > 0 && words[0] != "--" {
		if !IsFlag(words[0]) {
			c.Args, words = append(c.Args, words[0]), words[1:]
			continue
		}
		head, tail, err := leading(c.Command, words, c.Path)
		if err != nil {
			return err
		}
		if err := c.take(head); err != nil {
			return err
		}
		words = tail
	}
	if len(words) > 0 {
		c.Args = append(c.Args, words[1:]...)
	}
	return nil
}

// leading splits off the flags, with their values, at the head of the words.
func leading(cmd *Command, words []string, path string) (head, tail []string, err error) {
	for !cmd.SkipFlagParsing && len(words) > 0 && IsFlag(words[0]) && words[0] != "--" {
		name, _, joined := strings.Cut(strings.TrimLeft(words[0], "-"), "=")
		n := 1
		if !joined && TakesValue(cmd.Flags, name) {
			if len(words) < 2 {
				return nil, nil, &Misuse{"flag " + words[0] + " of `" + path + "` needs a value"}
			}
			n = 2
		}
		head, words = append(head, words[:n]...), words[n:]
	}
	return head, words, nil
}

func (c *Context) wantsHelp() bool { return c.set["help"].yes }

// IsFlag tells a flag from an argument; a lone "-" is an argument.
func IsFlag(word string) bool { return len(word) > 1 && word[0] == '-' }

// Find returns the command of a name, nil where there is none.
func Find(commands []*Command, name string) *Command {
	for _, c := range commands {
		if c.Name == name || slices.Contains(c.Aliases, name) {
			return c
		}
	}
	return nil
}
