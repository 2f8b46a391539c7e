package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// program is a small command line whose commands say how they were called.
func program(said, out *strings.Builder) *Command {
	act := func(c *Context) error {
		fmt.Fprintf(said, "%s %q", c.Path, c.Args)
		for _, f := range c.Command.Flags {
			name := f.FlagName()
			if !c.IsSet(name) {
				continue
			}
			switch f.(type) {
			case *BoolFlag:
				fmt.Fprintf(said, " %s=%t", name, c.Bool(name))
			case *IntFlag:
				fmt.Fprintf(said, " %s=%d", name, c.Int(name))
			case *StringFlag:
				fmt.Fprintf(said, " %s=%q", name, c.String(name))
			case *StringSliceFlag:
				fmt.Fprintf(said, " %s=%q", name, c.StringSlice(name))
			}
		}
		return nil
	}
	dir := ""
	return &Command{
		Name: "jitos", Out: out, Action: act,
		Help:  func(*Command) string { return "all commands" },
		Flags: []Flag{&StringFlag{Name: "C", Destination: &dir}},
		Subcommands: []*Command{
			{Name: "do", Usage: "do it", Action: act, Flags: []Flag{&IntFlag{Name: "jobs", Value: 2}, &BoolFlag{Name: "land"}, &StringSliceFlag{Name: "gate"}}},
			{Name: "sws", Aliases: []string{"ws"}, Subcommands: []*Command{
				{Name: "save", Usage: "keep `WHAT`", Action: act, Flags: []Flag{&StringFlag{Name: "m", Usage: "why, in `WORDS`", Value: "none"}}}}},
			{Name: "__complete", SkipFlagParsing: true, Action: act},
		},
	}
}

// Flags may stand anywhere before "--"; what they take goes with them; arguments keep their order.
func TestRun(t *testing.T) {
	for in, want := range map[string]string{
		"do|fix it|--jobs|4":                 `jitos do ["fix it"] jobs=4`,
		"do|fix|--land|it|--gate|make lint":  `jitos do ["fix" "it"] land=true gate=["make lint"]`,
		"do|--gate=a b|fix|-gate|c":          `jitos do ["fix"] gate=["a b" "c"]`,
		"-C|dir|ws|save|name|-m|done":        `jitos sws save ["name"] m="done"`,
		"do|--|--strange|words":              `jitos do ["--strange" "words"]`,
		"do|word|--|--strange":               `jitos do ["word" "--strange"]`,
		"do|-":                               `jitos do ["-"]`,
		"do|--land=false|--gate|--land":      `jitos do [] land=false gate=["--land"]`,
		"":                                   `jitos []`,
		"unknown|word":                       `jitos ["unknown" "word"]`,
		"__complete|--|do|--jobs":            `jitos __complete ["--" "do" "--jobs"]`,
		"do|--jobs|3|--jobs|4|x|--gate=--a=": `jitos do ["x"] jobs=4 gate=["--a="]`,
	} {
		var said, out strings.Builder
		args := split(in)
		before := slices.Clone(args)
		if err := program(&said, &out).Run(context.Background(), args); err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if said.String() != want {
			t.Errorf("%s\n got %s\nwant %s", in, said.String(), want)
		}
		if !slices.Equal(before, args) {
			t.Errorf("%s: the arguments of the caller were changed: %q", in, args)
		}
	}
}

// A call that makes no sense runs nothing, and is told from what a command fails with.
func TestRun_misuse(t *testing.T) {
	for in, want := range map[string]string{
		"do|--jobs":            "flag --jobs of `jitos do` needs a value",
		"-C":                   "flag -C of `jitos` needs a value",
		"ws|save|-m":           "flag -m of `jitos sws save` needs a value",
		"do|--unknown|x":       "not defined: -unknown",
		"do|x|--unknown=1":     "not defined: -unknown",
		"--unknown":            "not defined: -unknown",
		"do|--jobs|many":       "whole number",
		"do|--land=maybe":      "boolean",
		"sws|frobnicate":       "no command",
		"sws|frobnicate|-m|no": "not defined: -m",
	} {
		var said, out strings.Builder
		err := program(&said, &out).Run(context.Background(), split(in))
		var misuse *Misuse
		if !errors.As(err, &misuse) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want a misuse: %s", in, err, want)
		}
		if said.Len()+out.Len() > 0 {
			t.Errorf("%s: it ran: %s%s", in, said.String(), out.String())
		}
	}
}

// --help wins over what a command would do, wherever it stands; a command that only has others shows its own.
func TestRun_help(t *testing.T) {
	for in, want := range map[string]string{
		"--help":        "all commands",
		"-h|do":         "all commands",
		"do|x|--help":   "Usage: jitos do [FLAGS]\n\ndo it\n\nFlags\n  --jobs value                    (default: 2)\n",
		"sws":           "Commands\n  save       keep `WHAT`\n",
		"ws|save|-help": "  -m WORDS    why, in WORDS (default: \"none\")\n  --help, -h  show help\n",
	} {
		var said, out strings.Builder
		if err := program(&said, &out).Run(context.Background(), split(in)); err != nil || said.Len() > 0 {
			t.Errorf("%s: %v %s", in, err, said.String())
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s\n got %q\nwant %q", in, out.String(), want)
		}
	}
}

// A flag that was not given has its default.
func TestContext_defaults(t *testing.T) {
	c := &Context{Command: &Command{Flags: []Flag{&IntFlag{Name: "jobs", Value: 2}, &StringFlag{Name: "m", Value: "none"}, &BoolFlag{Name: "land"}}}}
	if c.Int("jobs") != 2 || c.String("m") != "none" || c.Bool("land") || c.StringSlice("gate") != nil || c.First() != "" {
		t.Errorf("got %d %q %t", c.Int("jobs"), c.String("m"), c.Bool("land"))
	}
}

func split(in string) []string {
	if in == "" {
		return nil
	}
	return strings.Split(in, "|")
}
