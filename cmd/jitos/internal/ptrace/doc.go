// Package ptrace stands between a program and the kernel: it counts, refuses and records the system calls by which a program
// and its children change files, and kills them at any. The tests of what a crash, a full disk or a power cut may do are
// built on it. It knows Linux on amd64; elsewhere it is empty.
package ptrace
