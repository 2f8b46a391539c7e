package sandbox

import (
	"os"
	"path/filepath"
	"slices"
)

// Of what a job may start the kernel knows two things. A file is executed only with Landlock's right to, and so are the interpreter
// that a script names and the loader of a dynamic program. But that loader is a program itself, which maps whatever file it is
// given; it maps none of a mount that is noexec, and none that it cannot read. So what is written is noexec, and of the directories
// with the system's programs nothing is read but what may be executed.

// programDirs are those that any system has.
var programDirs = slices.Concat(SystemDirs, []string{"/usr/games", "/usr/libexec", "/usr/lib/git-core"})

// beside lists what there is in paths and beneath them, less some directories: each path as it is where none of those is beneath
// it. Links are followed: of two names of one directory either will do.
func beside(paths, less []string) []string {
	gone := map[string]bool{} // by their real paths
	above := map[string]bool{}
	for _, dir := range less {
		real, err := filepath.EvalSymlinks(dir)
		if err != nil {
			continue
		}
		gone[real] = true
		for up := filepath.Dir(real); up != "/"; up = filepath.Dir(up) {
			above[up] = true
		}
	}
	var rest []string
	var add func(p string)
	add = func(p string) {
		real, err := filepath.EvalSymlinks(p)
		switch {
		case err != nil || inAny(real, gone):
		case !above[real]:
			rest = append(rest, real)
		default:
			list, err := os.ReadDir(real)
			if err != nil {
				return
			}
			for _, e := range list {
				if e.Type()&os.ModeSymlink == 0 { // what it leads to is shown by itself, or not
					add(filepath.Join(real, e.Name()))
				}
			}
		}
	}
	for _, p := range paths {
		add(p)
	}
	return rest
}

// inAny tells whether a path is one of the directories or lies beneath one.
func inAny(p string, dirs map[string]bool) bool {
	for ; p != "/"; p = filepath.Dir(p) {
		if dirs[p] {
			return true
		}
	}
	return false
}

// mayRun tells whether something of what may be executed is at a path or beneath it, or has it beneath itself.
func (s *Spec) mayRun(p string) bool {
	for _, program := range s.Programs {
		if in(program, p) || in(p, program) {
			return true
		}
	}
	return !s.Held
}
