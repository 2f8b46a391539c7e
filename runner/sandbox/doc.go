// Package sandbox runs the processes of a job where they can reach nothing but what a Spec names.
//
// # Layers
//
// Each stops something that the others do not, and all are needed: where one does not work, Check names it and nothing runs.
//
//   - mount: a root of its own, read only: the system, the toolchains, and the directories of the job. No home, no /run, no
//     other job, no repository. /proc, /tmp and /dev are its own.
//   - pid: it sees and signals its own processes alone, and they all end with the first, whatever they did to be forgotten.
//   - net: no interface but a loopback of its own, unless Spec.HostNet; so no UDP, no abstract sockets of others either.
//   - ipc, uts: no queues, no shared memory of others; a host name of its own.
//   - user: for whoever is not root, what makes the other namespaces possible.
//   - capabilities: none, and none to be had by set-user-ID programs (no_new_privs).
//   - landlock: the same paths once more, by what may be done beneath each (strict: every right that the kernel's version of
//     Landlock knows is restricted, never fewer than those of version 2).
//   - seccomp: no vsock, netlink, io_uring, keyring, ptrace, mounts, namespaces, clocks, terminals' input; no system call that
//     this program does not know.
//   - limits: of processes, memory, file size, descriptors and processor time; see Limits.
//   - descriptors: none is inherited but the three standard streams.
//
// # How a process is started
//
// Start runs this program again as the first process of new namespaces (the porter). It lays out the root, lets go of every
// right, starts the job's program as its child and reaps what the job leaves behind; when that child ends it ends, and the
// kernel kills the rest before Wait returns. The porter does its work before main, in this package's init: the packages of
// a large program would cost it more time to initialise than all the layers together. Arguments that begin with Arg are
// therefore not to be used by anybody else.
//
// # What it does not hold
//
// A fault of the kernel's. Side channels. How much is written to disk in all (each file is bounded). Memory and the number
// of processes are watched by the porter some forty times a second, since control groups are not everybody's to make: a job
// may exceed them for such a moment.
package sandbox
