package methods

// Toolchain is how one kind of project is recognised, prepared and tested. Names of files and directories are relative to
// the root of the file tree.
type Toolchain struct {
	Name    string
	Title   string            // in words: "Go"
	Files   []string          // a file that matches any of these (jitos.MatchPath) at the root gives it away
	Unless  []string          // toolchains that, where they are recognised, take from this one what they can do themselves
	Words   []string          // commands of it ("go", "gofmt"): a command line that starts one belongs to this toolchain
	Version string            // shell command whose output, on stdout, names the version: part of every result's environment
	Tests   []string          // path patterns of its tests
	Lend    []string          // ignored paths that a working tree may lend to a job ("node_modules", ".venv")
	Env     []string          // names of variables that jobs inherit where they are set
	Ask     map[string]string // variable ← shell command run outside the job, in the user's own environment; its output is the value
	Caches  []string          // variables that name a cache directory of jitos's own, kept between jobs and never captured
	Shares  []string          // variables that name a cache of the user's, lent to jobs copy-on-write
	Prepare []Prepare         // in order of preference; the first whose Where is there is used; none: nothing to prepare
	Can     []Ability         // what it can do
	Origin  string            // hash of the file that defines it; "" for the embedded library
	Pos     Pos
}

// Prepare makes what git ignores: installed dependencies. It runs in a directory that holds only the files of Where and
// Key (with their directories), so that its result depends on nothing else; it may use the network.
type Prepare struct {
	Where []string // files that must all be in the tree for it to be used
	Key   []string // files beside those of Where that it depends on, where they are there (exact paths)
	Run   string   // shell command
	Lend  []string // directories that it makes, lent to jobs copy-on-write and cached by Key, platform and Version
}

// Ability is one thing that a toolchain can do, by its name: "test", "format". The variants are tried in order and the
// first whose conditions hold for the files is taken; the ability is absent where none is.
type Ability struct {
	Name     string
	Variants []Variant
}

// Variant is one way to do it.
type Variant struct {
	When    []Condition // on files alone
	Run     Text        // shell command
	Report  string      // how its output tells the tests, see jitos.Step.Report
	Needs   []string    // capabilities
	Timeout int         // seconds; 0 means the default
	Pos     Pos
}
