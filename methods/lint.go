package methods

// Codes of problems: what `method lint` calls them, and what scripts may match. Load refuses a library that has one of the
// first group; the second is about what loads and will not do what was meant.
const (
	CodeSyntax           = "malformed"            // it is no YAML of this language
	CodeUnbound          = "unbound-variable"     // nothing gives the variable a value
	CodeUnknownTask      = "unknown-task"         // a name that nothing defines
	CodeUnknownJob       = "unknown-job"          //
	CodeUnknownGate      = "unknown-gate"         //
	CodeUnknownStep      = "unknown-step"         //
	CodeUnknownToolchain = "unknown-toolchain"    //
	CodeUnknownAbility   = "unknown-ability"      // no toolchain can it
	CodeUnknownParam     = "unknown-parameter"    //
	CodeMissingArgument  = "missing-argument"     // a parameter without a value
	CodeDuplicate        = "duplicate-definition" //
	CodeNoMethod         = "no-method"            // a task that nothing says how to do
	CodeCycle            = "step-cycle"           // steps wait for each other
	CodeUse              = "wrong-use"            // something that has no place there

	CodeUnreachableTask   = "unreachable-task"   // no phrase says it and no step leads to it
	CodeUnreachableMethod = "unreachable-method" // it can never be carried out
	CodeUnused            = "unused-variable"    // it is bound, and nothing depends on it
	CodeLeftRecursion     = "left-recursion"     // a task leads back to itself without a measure that decreases
	CodeGoalNotReached    = "goal-not-reached"   // what the steps are predicted to do does not make the goal true
	CodeMissingCapability = "missing-capability" // a command evidently needs a right that is not asked for
	CodeDuplicatePhrase   = "duplicate-phrase"   // two tasks say the same
	CodeAmbiguousPhrase   = "ambiguous-phrase"   // words that fit two tasks equally well, or are the name of another
)

// linter looks for what loads and will not do what was meant.
type linter struct {
	lib      *Library
	problems []Problem
}

// Lint looks at files of a fabric (extra) beside the embedded library, and says what is wrong with those named, in order of
// files and lines; with no names, with all of them, embedded ones too. Where the files do not load there is no library to look
// at: then the error is a *LoadError, whichever file it is about.
func Lint(extra map[string][]byte, names ...string) ([]Problem, error) {
	lib, err := Load(extra)
	if err != nil {
		return nil, err
	}
	return lint(lib, names), nil
}

func lint(lib *Library, names []string) []Problem {
	l := &linter{lib: lib}
	l.reach()
	l.unused()
	l.recursion()
	l.goals()
	l.capabilities()
	l.phrases(names)
	var own []Problem
	for _, p := range l.problems {
		if len(names) == 0 || contains(names, p.File) {
			own = append(own, p)
		}
	}
	inOrder(own)
	return own
}

func (l *linter) complain(pos Pos, code, do, format string, args ...any) {
	c := checker{}
	c.complain(pos, code, do, format, args...)
	l.problems = append(l.problems, c.problems...)
}

// each visits all steps of all methods.
func (l *linter) each(visit func(t *Task, m *Method, s *Step)) {
	for _, t := range l.lib.Tasks() {
		for _, m := range t.Methods {
			for _, s := range m.Steps {
				visit(t, m, s)
			}
		}
	}
}
