package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

func (f *BoolFlag) Text() (names, what string) { return Dashed(f.Name), f.Usage }

func (f *StringFlag) Text() (names, what string) {
	word, what := placeholder(f.Usage)
	if f.Value != "" {
		what += " (default: " + strconv.Quote(f.Value) + ")"
	}
	return Dashed(f.Name) + " " + word, what
}

func (f *StringSliceFlag) Text() (names, what string) {
	word, what := placeholder(f.Usage)
	one := Dashed(f.Name) + " " + word
	return one + " [ " + one + " ]", what
}

func (f *IntFlag) Text() (names, what string) {
	word, what := placeholder(f.Usage)
	return Dashed(f.Name) + " " + word, what + " (default: " + strconv.Itoa(f.Value) + ")"
}

// placeholder takes the word in backquotes out of a usage.
func placeholder(usage string) (word, rest string) {
	before, after, _ := strings.Cut(usage, "`")
	word, after, found := strings.Cut(after, "`")
	if !found {
		return "value", usage
	}
	return word, before + word + after
}

// help prints the help of the command that was called.
func help(root *Command, c *Context) error {
	text := ""
	if c.Command == root && root.Help != nil {
		text = root.Help(root)
	} else {
		text = helpOf(c.Command, c.Path)
	}
	_, err := io.WriteString(root.Out, text)
	return err
}

func helpOf(c *Command, path string) string {
	var b strings.Builder
	usage := path + " [FLAGS]"
	if c.ArgsUsage != "" {
		usage += " " + c.ArgsUsage
	}
	fmt.Fprintf(&b, "Usage: %s\n\n%s\n", usage, c.Usage)
	if c.Description != "" {
		fmt.Fprintf(&b, "\n%s\n", c.Description)
	}
	if len(c.Subcommands) > 0 {
		b.WriteString("\nCommands\n")
		for _, sub := range c.Subcommands {
			fmt.Fprintf(&b, "  %-10s %s\n", sub.Name, sub.Usage)
		}
	}
	b.WriteString("\nFlags\n")
	lines := [][2]string{}
	for _, f := range c.Flags {
		names, what := f.Text()
		lines = append(lines, [2]string{names, what})
	}
	lines = append(lines, [2]string{"--help, -h", "show help"})
	width := 0
	for _, l := range lines {
		width = max(width, utf8.RuneCountInString(l[0]))
	}
	for _, l := range lines {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, l[0], l[1])
	}
	return b.String()
}
