// Package runner executes actions: a step of a plan on one file tree, in a directory that can be thrown away.
//
// # Terms
//
//   - Place: the directory lent to one job, with its files (tree), a home, a temporary directory and one for artifacts
//     beside them. It lies below $XDG_CACHE_HOME/jitos/work, never inside a repository.
//   - Slot: a place that this process owns by a lock. It is filled, used, captured, and filled anew for the next job by the
//     difference alone; its path stays, so that compilers which key their caches by path find what they built.
//   - Overlay: a place whose files are not copied: a layer, a file tree laid out once and kept, shows below what the job
//     writes. Its mount exists for the job's processes alone, see overlay.go.
//   - Checkout: laying a file tree out in a place. Capture: reading what a job left, into staged objects.
//   - Loan: what git ignores and a job needs (node_modules, .venv), lent copy-on-write by an overlay of its own or by a copy,
//     never captured. It comes from the user's working tree, or from what the toolchain's prepare made for equal dependency
//     files.
//   - Worker: what carries out a step: shell, bisect, revert, patch, repair, and what the Roster configures: agents, models,
//     adapters. It sees a directory and the job, never a store.
//   - Report: which tests ran, passed and failed, read from the whole output of a known test runner.
//
// # The path of an action
//
//	Execute → worker (fileless: trees alone)
//	        → loans → slot → lay out (overlay, or fill and lend) → Work → everything it started is killed → judge → capture → capabilities
//
// What goes in: the tree without .jitos/ and .git, no filters, modes 100644, 100755 and 120000; submodules are empty
// directories. A name or a link that could lead out of the directory is refused by its path, and the job does not run.
// All files carry one modification time in the past, another for each tree or layer: a cache that takes a file of equal size
// and time for unchanged (Python's, Go's) must not be wrong in a directory that is used again.
//
// Trees of OverlayFrom files or more are laid out as overlays, by root and by whoever may make user namespaces (kernel 5.11
// or newer). The first job on a tree makes its layer; the next ones mount it, as do jobs on trees that differ little. Layers
// are kept in $XDG_CACHE_HOME/jitos/layers until the machine restarts, up to 4 GB of files, each for a week after its last
// use. In an overlay, rename(2) of a directory of the tree fails with EXDEV, on which mv copies; in a user namespace nothing
// is owned by anybody but the user, and set-user-ID programs have no power.
//
// What comes out: the files that changed, by a walk that follows no link, after every process of the job is dead. An
// unchanged file is recognised by size, times, inode and mode, and read again where the file system's clock was too coarse
// to tell. Untracked paths that the repository's .gitignore files ignore are left out, except those of Step.Keeps.
//
// A path may be changed where a need of the step for fs.write covers it and a grant does: "fs.write:docs/**". Anything
// more and the step has failed, with a Finding about "denied". A gate, and a test run that may not write, only measure: what
// they leave is dropped.
//
// # Verdicts
//
// Pass, Fail, and CouldNot: something was missing (a command, a dependency, the network), or nothing was collected. The
// last never starts a fix, so it is only said where no test failed by its name; see Shell and Executor.Execute.
//
// # Limits
//
// A job's processes run in a sandbox (package sandbox; confine.go says what they see). Where there is none and the user allowed
// that, they run with the user's rights, and are found by session, descent and a mark in their environment, on Linux;
// elsewhere by process group. This is order, not security. Loans are no part of
// Environment: a result holds for the tree and the toolchain's version, whatever is installed in node_modules.
package runner
