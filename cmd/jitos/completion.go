package main

import (
	"context"
	"errors"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/jitos/jitos"
)

func completionCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Category:  groupTool,
		Usage:     "print the completion script of a shell",
		ArgsUsage: "bash|zsh|fish",
		Description: `Completes commands, flags, and the names of tasks, plans and workspaces.

bash:  source <(jitos completion bash)
zsh:   source <(jitos completion zsh)       after compinit
fish:  jitos completion fish | source`,
		Action: func(c *cli.Context) error { return a.completion(c) },
	}
}

// completeCommand is what the scripts call: the words after jitos, the last one unfinished.
func completeCommand(a *app) *cli.Command {
	return &cli.Command{
		Name:            "__complete",
		Hidden:          true,
		SkipFlagParsing: true,
		Action: func(c *cli.Context) error {
			words := c.Args().Slice()
			if len(words) > 0 && words[0] == "--" {
				words = words[1:]
			}
			for _, w := range a.complete(c.Context, words) {
				a.ui.printf("%s\n", clean(w))
			}
			return nil
		},
	}
}

var completionScripts = map[string]string{
	"bash": `_jitos() {
  local IFS=$'\n'
  COMPREPLY=($(jitos __complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _jitos jitos
`,
	"zsh": `#compdef jitos
_jitos() {
  local -a found
  found=("${(@f)$(jitos __complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n $found[1] ]]; then compadd -- $found; else _files; fi
}
compdef _jitos jitos
`,
	"fish": `function __jitos_complete
  set -l words (commandline -opc) (commandline -ct)
  jitos __complete -- $words[2..-1] 2>/dev/null
end
complete -c jitos -a '(__jitos_complete)'
`,
}

func (a *app) completion(c *cli.Context) error {
	args, err := arguments(c, 1, 1)
	if err != nil {
		return err
	}
	script, ok := completionScripts[args[0]]
	if !ok {
		return usage("no completion for %q: bash, zsh and fish have one", args[0])
	}
	a.ui.printf("%s", script)
	return nil
}

// complete lists what the last word could become. It never fails: where nothing can be known, there is nothing.
func (a *app) complete(ctx context.Context, words []string) []string {
	if len(words) == 0 {
		words = []string{""}
	}
	last, before := words[len(words)-1], words[:len(words)-1]
	program := a.program()
	commands, flags, path := program.Commands, program.Flags, []string{}
	for i := 0; i < len(before); i++ {
		w := before[i]
		if isFlag(w) {
			if takesValue(flags, strings.TrimLeft(w, "-")) && !strings.Contains(w, "=") {
				if i++; i < len(before) && w == "-C" {
					a.dir = before[i]
				}
			}
			continue
		}
		if c := find(commands, w); c != nil {
			commands, flags, path = c.Subcommands, c.Flags, append(path, c.Name)
		}
	}
	var all []string
	switch {
	case len(before) > 0 && isFlag(before[len(before)-1]) && takesValue(flags, strings.TrimLeft(before[len(before)-1], "-")):
		all = a.names(ctx, strings.TrimLeft(before[len(before)-1], "-"))
	case isFlag(last) || last == "-":
		all = flagNames(flags)
	case len(commands) > 0:
		all = commandNames(commands)
	default:
		all = a.names(ctx, strings.Join(path, " "))
	}
	return startingWith(all, last)
}

func flagNames(flags []cli.Flag) []string {
	var names []string
	for _, f := range flags {
		for _, n := range f.Names() {
			if len(n) > 1 {
				names = append(names, "--"+n)
			} else {
				names = append(names, "-"+n)
			}
		}
	}
	return append(names, "--help")
}

func commandNames(commands []*cli.Command) []string {
	var names []string
	for _, c := range commands {
		if !c.Hidden {
			names = append(names, c.Name)
		}
	}
	return names
}

func startingWith(all []string, prefix string) []string {
	var found []string
	for _, w := range all {
		if strings.HasPrefix(w, prefix) {
			found = append(found, w)
		}
	}
	return found
}

// names lists what an argument of a command, or the value of a flag, may be.
func (a *app) names(ctx context.Context, of string) []string {
	switch of {
	case "completion":
		return []string{"bash", "zsh", "fish"}
	case "do", "task new":
		return nil
	}
	f, at, err := a.fabric(ctx)
	if err != nil {
		return nil
	}
	switch {
	case of == "sws" || of == "--sws" || strings.HasPrefix(of, "sws ") && of != "sws new":
		return f.workspaceNames(ctx)
	case of == "plan" || of == "run" || of == "task" || strings.HasPrefix(of, "task "):
		return f.taskNames(ctx)
	case of == "slap":
		return f.planNames(ctx, at)
	case of == "show" || of == "why":
		return append(append(f.taskNames(ctx), f.planNames(ctx, at)...), f.workspaceNames(ctx)...)
	case of == "absorb" || of == "land":
		return f.branchNames(ctx)
	}
	return nil
}

func (f *fabric) workspaceNames(ctx context.Context) []string {
	var names []string
	for at, err := range f.store.Refs(ctx, jitos.SWSPrefix) {
		if err == nil {
			names = append(names, strings.TrimPrefix(string(at.Ref), jitos.SWSPrefix))
		}
	}
	return names
}

func (f *fabric) taskNames(ctx context.Context) []string {
	list, _, err := f.store.Tasks(ctx, true)
	if err != nil {
		return nil
	}
	var names []string
	for _, t := range list {
		names = append(names, string(t.ID))
	}
	return names
}

// planNames are those of the tasks that are open.
func (f *fabric) planNames(ctx context.Context, at jitos.Snapshot) []string {
	list, _, err := f.store.Tasks(ctx, false)
	if err != nil {
		return nil
	}
	var names []string
	for _, t := range list {
		for s, err := range jitos.Targets[jitos.Slap](ctx, at, t.ID.Node(), jitos.LabelPlan) {
			if err != nil {
				return nil
			}
			names = append(names, s.ID.Name)
		}
	}
	return names
}

func (f *fabric) branchNames(ctx context.Context) []string {
	out, err := f.repo.Git(ctx, "for-each-ref", "--format=%(refname:lstrip=2)", "refs/heads")
	if err != nil && !errors.Is(err, context.Canceled) {
		return nil
	}
	var names []string
	for _, n := range strings.Fields(string(out)) {
		if !strings.HasPrefix(n, "jitos/") {
			names = append(names, n)
		}
	}
	return names
}
