package cli

import (
	"strconv"
	"strings"
)

// Flag is one of BoolFlag, StringFlag, StringSliceFlag and IntFlag. A word in backquotes in its Usage stands for its value.
type Flag interface {
	FlagName() string
	// Text is the flag as help prints it, its names and what it does.
	Text() (names, what string)
	parse(text string, given bool, was value) (value, error)
}

// BoolFlag is set by being there; --name=false takes it back.
type BoolFlag struct{ Name, Usage string }

// StringFlag takes a word.
type StringFlag struct {
	Name, Usage, Value string
	Destination        *string // set as well, where it is not nil
}

// StringSliceFlag may be given several times.
type StringSliceFlag struct{ Name, Usage string }

// IntFlag takes a whole number.
type IntFlag struct {
	Name, Usage string
	Value       int
}

func (f *BoolFlag) FlagName() string        { return f.Name }
func (f *StringFlag) FlagName() string      { return f.Name }
func (f *StringSliceFlag) FlagName() string { return f.Name }
func (f *IntFlag) FlagName() string         { return f.Name }

// value is what a flag was set to.
type value struct {
	yes    bool
	texts  []string
	number int
}

func (f *BoolFlag) parse(text string, given bool, was value) (value, error) {
	if !given {
		return value{yes: true}, nil
	}
	yes, err := strconv.ParseBool(text)
	if err != nil {
		return was, &Misuse{`invalid boolean value "` + text + `" for ` + Dashed(f.Name)}
	}
	return value{yes: yes}, nil
}

func (f *StringFlag) parse(text string, _ bool, _ value) (value, error) {
	if f.Destination != nil {
		*f.Destination = text
	}
	return value{texts: []string{text}}, nil
}

func (f *StringSliceFlag) parse(text string, _ bool, was value) (value, error) {
	return value{texts: append(was.texts, text)}, nil
}

func (f *IntFlag) parse(text string, _ bool, was value) (value, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return was, &Misuse{`invalid value "` + text + `" for ` + Dashed(f.Name) + `: want a whole number`}
	}
	return value{number: n}, nil
}

// take sets flags from words as leading returns them.
func (c *Context) take(words []string) error {
	for len(words) > 0 {
		name, text, given := strings.Cut(strings.TrimLeft(words[0], "-"), "=")
		if name == "help" || name == "h" {
			c.set["help"] = value{yes: true}
			words = words[1:]
			continue
		}
		f := lookUp(c.Command.Flags, name)
		if f == nil {
			return &Misuse{"flag provided but not defined: -" + name}
		}
		n := 1
		if _, alone := f.(*BoolFlag); !alone && !given {
			text, n = words[1], 2
		}
		v, err := f.parse(text, given, c.set[name])
		if err != nil {
			return err
		}
		c.set[name], words = v, words[n:]
	}
	return nil
}

// TakesValue tells whether the word after a flag belongs to it.
func TakesValue(flags []Flag, name string) bool {
	f := lookUp(flags, name)
	_, alone := f.(*BoolFlag)
	return f != nil && !alone
}

func lookUp(flags []Flag, name string) Flag {
	for _, f := range flags {
		if f.FlagName() == name {
			return f
		}
	}
	return nil
}

// Dashed is a flag as people write it.
func Dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
