package sandbox

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// proxyFD is where a porter hands the listener of its proxy out.
const proxyFD = 5

// handOut makes the listener of the proxy in the network of the job, and gives it to whoever started the sandbox. A socket stays in the
// network that it was made in: so what connects to it inside is accepted outside, and nothing else of the outside is in
// reach, no path and no descriptor.
func handOut(s *Spec) error {
	if !s.Proxy {
		return nil
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	err = unix.Bind(fd, &unix.SockaddrInet4{Port: proxyPort, Addr: [4]byte{127, 0, 0, 1}})
	if err == nil {
		err = unix.Listen(fd, unix.SOMAXCONN)
	}
	if err == nil {
		err = unix.Sendmsg(proxyFD, []byte{0}, unix.UnixRights(fd), nil, 0)
	}
	if err != nil {
		return fmt.Errorf("the listener of the proxy: %w", err)
	}
	return unix.Close(proxyFD)
}

// proxyPair are the two ends over which a listener is handed out: ours, and that of the porter.
func proxyPair() (ours int, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, nil, err
	}
	return pair[0], os.NewFile(uintptr(pair[1]), "proxy"), nil
}

// takeListener receives the listener. It was handed out before the porter said that the program began, or never will be: so there is
// no waiting.
func takeListener(ours int) (*os.File, error) {
	var b [1]byte
	control := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(ours, b[:], control, unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
	if err != nil {
		return nil, fmt.Errorf("no listener came: %w", err)
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) != 1 {
		return nil, errors.Join(err, errors.New("no listener came"))
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return nil, errors.Join(err, errors.New("no listener came"))
	}
	return os.NewFile(uintptr(fds[0]), "listener"), nil
}
