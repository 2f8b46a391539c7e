package sandbox

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Arg is the first argument of this program when it runs as a porter.
const Arg = "--porter"

// checkArg is the first argument of this program when it looks at the sandbox that it is in, see Check.
const checkArg = "--porter-check"

// Spec says what the processes of a job see and may do. Paths are absolute and clean; they are the same inside as outside.
// Later ones lie over former ones: the system, what is hidden, what is read, what is written.
type Spec struct {
	System []string // read only; those that are not there are left out. Links on the way are made anew
	Hide   []string // empty directories, where they would be seen otherwise
	Read   []string // read only, likewise
	Write  []string // must be there
	Lay    []Overlay

	Memory map[string]string // files of these names in MemoryDir: in memory, read only, gone with the job

	Cover []string // files and directories in what is written that can be neither read nor changed, where they are there

	// Held says that only Programs may be started: files, and directories for all beneath them. What is there beside them in
	// ProgramDirs, and in those of the system, cannot even be read, so that nobody copies it or hands it to the loader; what is
	// written somewhere else than in Programs cannot be mapped to be run.
	Held        bool
	Programs    []string
	ProgramDirs []string

	Bare    bool // no sandbox, only the overlays, with Hide: for a user who allowed that
	Userns  bool // a user namespace is needed to be allowed to mount
	HostNet bool // the network of the machine
	Proxy   bool // what connects to ProxyAddress inside is accepted by Running.Listener outside
	Limits  Limits
	Without Layers // for tests: layers to leave out
}

// SystemDirs are the directories in which the programs of the whole system are.
var SystemDirs = []string{"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"}

// ProxyAddress is where a job finds the proxy that leads out of its network, see Spec.Proxy.
const ProxyAddress = "127.0.0.1:3128"

const proxyPort = 3128

// MemoryDir is where a job finds the files of Spec.Memory.
const MemoryDir = "/run/secrets"

// Overlay is a directory shown above another one: what is written goes to Upper, and Work is a scratch directory beside it. An
// Upper of "" makes it read only; Lower may then be several directories.
type Overlay struct {
	On          string
	Lower       []string
	Upper, Work string
}

// Limits of all processes of a job together, unless said otherwise. Zero fields are not limited.
type Limits struct {
	Processes int           // alive at once
	Memory    int64         // bytes that are theirs alone (not files of the disk)
	File      int64         // bytes of one file
	Written   int64         // bytes written to disks, where the kernel counts them
	Files     int           // open descriptors of one process
	CPU       time.Duration // of one process
}

// Layers is a set of layers.
type Layers uint

const (
	Mount Layers = 1 << iota
	Pid
	Net
	Ipc
	Uts
	User
	Capabilities
	Landlock
	Seccomp
	Limit
	Descriptors
)

var layerNames = []string{"mount", "pid", "net", "ipc", "uts", "user", "capabilities", "landlock", "seccomp", "limits", "descriptors"}

// All are the layers of a sandbox, in the order of their names in the package comment.
func All() []Layers {
	all := make([]Layers, len(layerNames))
	for i := range all {
		all[i] = 1 << i
	}
	return all
}

func (l Layers) String() string {
	var names []string
	for i, name := range layerNames {
		if l&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

func (l Layers) has(one Layers) bool { return l&one != 0 }

// ErrUnsupported is what Check returns where this system has no sandboxes at all.
var ErrUnsupported = errors.New("only Linux has what a sandbox is made of")

// LayerError says which layer does not work here. Nothing of the job has run.
type LayerError struct {
	Layer Layers // 0 where it is not known
	Why   string
}

func (e *LayerError) Error() string {
	if e.Layer == 0 {
		return "the sandbox does not work: " + e.Why
	}
	return fmt.Sprintf("the sandbox does not work: layer %s: %s", e.Layer, e.Why)
}

// Ended is how a job's program came to its end.
type Ended struct {
	Exit   int    // 128 + the number of the signal where one ended it
	Signal int    // 0 for none
	Limit  string // the limit that it went beyond and was killed for, in words; "" for none
}
