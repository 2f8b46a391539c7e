package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// Flags may stand anywhere before "--"; what they take goes with them; arguments keep their order.
func TestFlagsFirst(t *testing.T) {
	program := &cli.App{
		Flags: []cli.Flag{&cli.StringFlag{Name: "C"}},
		Commands: []*cli.Command{
			{Name: "do", Flags: []cli.Flag{&cli.IntFlag{Name: "jobs"}, &cli.BoolFlag{Name: "land"}, &cli.StringSliceFlag{Name: "gate"}}},
			{Name: "sws", Aliases: []string{"ws"}, Subcommands: []*cli.Command{{Name: "save", Flags: []cli.Flag{&cli.StringFlag{Name: "m"}}}}},
			{Name: "plan", Flags: []cli.Flag{&cli.StringFlag{Name: "from"}}},
		},
	}
	for in, want := range map[string]string{
		"do|fix it|--jobs|4":                   "do|--jobs|4|fix it",
		"do|fix|--land|it|--gate|make lint":    "do|--land|--gate|make lint|fix|it",
		"do|--gate=a b|fix":                    "do|--gate=a b|fix",
		"-C|dir|ws|save|name|-m|done":          "-C|dir|ws|save|-m|done|name",
		"do|--|--strange|words":                "do|--|--strange|words",
		"do|word|--|--strange":                 "do|--|word|--strange",
		"plan|task|--from|-":                   "plan|--from|-|task",
		"plan|-":                               "plan|-",
		"sws|unknown|--m|x":                    "sws|--m|unknown|x",
		"":                                     "",
		"do|--land|--land":                     "do|--land|--land",
		"do|--gate|--land|fix":                 "do|--gate|--land|fix",
		"do|--gate|a|--gate|b|fix|--unknown|x": "do|--gate|a|--gate|b|--unknown|fix|x",
	} {
		args := []string{"jitos"}
		if in != "" {
			args = append(args, strings.Split(in, "|")...)
		}
		got, err := flagsFirst(program, args)
		if err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if joined := strings.Join(got[1:], "|"); joined != want {
			t.Errorf("%s\n got %s\nwant %s", in, joined, want)
		}
	}
	for _, in := range []string{"do|--jobs", "-C", "ws|save|-m"} {
		if got, err := flagsFirst(program, append([]string{"jitos"}, strings.Split(in, "|")...)); exitCode(err) != exitUsage {
			t.Errorf("%s: %v, %v: want an error of usage", in, got, err)
		}
	}
	if before := []string{"jitos", "do", "a", "--land"}; true {
		kept := slices.Clone(before)
		flagsFirst(program, before)
		if !slices.Equal(before, kept) {
			t.Errorf("the arguments of the caller were changed: %q", before)
		}
	}
}
