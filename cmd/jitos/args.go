package main

import (
	"fmt"

	"github.com/jitos/jitos/cmd/jitos/cli"
)

// arguments returns the command's arguments, which must number at least min and at most max; max -1 means any number.
func arguments(c *cli.Context, min, max int) ([]string, error) {
	got := c.Args
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
		return nil, usage("`%s %s` takes %s %s, not %d", c.Path, c.Command.ArgsUsage, want, noun, len(got))
	}
	return got, nil
}
