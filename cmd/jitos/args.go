package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves the flags of each command before its arguments, because the flag package stops at the first argument,
// and people write `jitos do "fix it" --jobs 4`. All after "--" are arguments. A lone "-" is an argument too.
func flagsFirst(program *cli.App, args []string) ([]string, error) {
	out, rest := args[:1:1], args[1:]
	flags, commands, path := program.Flags, program.Commands, "jitos"
	for {
		// The flags that stand before the next word.
		head, tail, err := leading(flags, rest, path)
		if err != nil {
			return nil, err
		}
		out, rest = append(out, head...), tail
		if len(rest) == 0 || len(commands) == 0 {
			break
		}
		next := find(commands, rest[0])
		if next == nil {
			break
		}
		out, rest, path = append(out, rest[0]), rest[1:], path+" "+next.Name
		flags, commands = next.Flags, next.Subcommands
	}
	var words []string
	for len(rest) > 0 {
		if rest[0] == "--" {
			words = append(words, rest[1:]...)
			break
		}
		if !isFlag(rest[0]) {
			words, rest = append(words, rest[0]), rest[1:]
			continue
		}
		head, tail, err := leading(flags, rest, path)
		if err != nil {
			return nil, err
		}
		out, rest = append(out, head...), tail
	}
	if len(words) > 0 && slices.ContainsFunc(words, isFlag) {
		out = append(out, "--")
	}
	return append(out, words...), nil
}

// leading splits off the flags, with their values, at the head of the arguments.
func leading(flags []cli.Flag, args []string, path string) (head, tail []string, err error) {
	for len(args) > 0 && isFlag(args[0]) && args[0] != "--" {
		name, _, joined := strings.Cut(strings.TrimLeft(args[0], "-"), "=")
		n := 1
		if !joined && takesValue(flags, name) {
			if len(args) < 2 {
				return nil, nil, usage("flag %s of `%s` needs a value", args[0], path)
			}
			n = 2
		}
		head, args = append(head, args[:n]...), args[n:]
	}
	return head, args, nil
}

func isFlag(arg string) bool { return len(arg) > 1 && arg[0] == '-' }

func takesValue(flags []cli.Flag, name string) bool {
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			_, isBool := f.(*cli.BoolFlag)
			return !isBool
		}
	}
	return false
}

func find(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// arguments returns the command's arguments, which must number at least min and at most max; max -1 means any number.
func arguments(c *cli.Context, min, max int) ([]string, error) {
	got := c.Args().Slice()
	if len(got) < min || max >= 0 && len(got) > max {
		want := fmt.Sprint(min)
		switch {
		case max < 0:
			want = fmt.Sprintf("at least %d", min)
		case max != min:
			want = fmt.Sprintf("%d to %d", min, max)
		}
		noun := "arguments"
		if want == "1" {
			noun = "argument"
		}
		if max == 0 {
			want = "no"
		}
		return nil, usage("`%s %s` takes %s %s, not %d", c.Command.HelpName, c.Command.ArgsUsage, want, noun, len(got))
	}
	return got, nil
}
