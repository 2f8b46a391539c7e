//go:build !linux

package main

import (
	"net"
	"os"
)

// peerUID trusts the modes of the directory and the socket, where the kernel is not asked.
func peerUID(net.Conn) (int, error) { return os.Getuid(), nil }
