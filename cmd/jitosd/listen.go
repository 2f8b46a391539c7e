package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/net/netutil"
	"golang.org/x/sys/unix"

	"github.com/jitos/jitos"
	"github.com/jitos/jitos/cmd/internal/exit"
	"github.com/jitos/jitos/server/client"
)

// door is one place where clients come in.
type door struct {
	listener net.Listener
	name     string // for people
	unix     bool
}

// base gives every request of the door the context in which the daemon lives: streams end with it.
func (d door) base(live context.Context) func(net.Listener) context.Context {
	return func(net.Listener) context.Context { return live }
}

type doors struct {
	list      []door
	addr      string // of HTTP, host:port, "" for none
	token     string // for HTTP
	tokenFile string
	locks     []*os.File // beside its sockets
}

// openDoors listens. Another daemon on the same socket is ErrBusy.
func openDoors(common, socket, addr string, most int) (_ *doors, err error) {
	ds := &doors{}
	defer func() {
		if err != nil {
			ds.close()
		}
	}()
	dir := client.Dir(common)
	if err := private(dir); err != nil {
		return nil, err
	}
	activated, err := fromSystemd()
	if err != nil {
		return nil, err
	}
	for _, l := range activated {
		if path := l.Addr().String(); filepath.IsAbs(path) { // an abstract socket has no file
			if err := ds.lock(path); err != nil {
				return nil, err
			}
		}
		ds.list = append(ds.list, door{netutil.LimitListener(userListener{l}, most), "the socket that systemd opened", true})
	}
	if len(activated) == 0 {
		if socket == "" {
			socket = filepath.Join(dir, "socket")
		}
		l, err := ds.listenUnix(socket)
		if err != nil {
			return nil, err
		}
		ds.list = append(ds.list, door{netutil.LimitListener(userListener{l}, most), socket, true})
	}
	if addr == "" {
		return ds, nil
	}
	host, _, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return nil, exit.Usage("--http %s: want 127.0.0.1:PORT or [::1]:PORT: it is for this machine alone", addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--http: %w", err)
	}
	ds.addr = l.Addr().String()
	ds.list = append(ds.list, door{netutil.LimitListener(l, most), ds.base() + "/graphql", false})
	return ds, ds.writeToken(filepath.Join(dir, "token"))
}

// base is where browsers come in, "" for nowhere.
func (ds *doors) base() string {
	if ds.addr == "" {
		return ""
	}
	return "http://" + ds.addr
}

// private makes a directory that only the user may enter. One that somebody else made is refused.
func private(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || int(st.Uid) != os.Getuid() {
		return fmt.Errorf("%s: %w: it is not a directory of yours", dir, jitos.ErrDenied)
	}
	return os.Chmod(dir, 0o700)
}

// lock takes the lock beside a socket: who holds it is the daemon there, and is alive.
func (ds *doors) lock(path string) error {
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("--socket: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		lock.Close()
		return taken(path, "another jitosd")
	}
	ds.locks = append(ds.locks, lock)
	return nil
}

func taken(path, by string) error {
	return jitos.Hint(fmt.Errorf("%s: %w: %s listens there", path, jitos.ErrBusy, by), "use that one, or give --socket PATH")
}

// listenUnix listens on a socket. A socket that a killed daemon left is replaced; one that is open is not: systemd keeps it before
// there is a daemon.
func (ds *doors) listenUnix(path string) (net.Listener, error) {
	if len(path) > client.SocketLimit {
		return nil, exit.Usage("--socket %s: the path has more than %d bytes", path, client.SocketLimit)
	}
	if err := ds.lock(path); err != nil {
		return nil, err
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode()&fs.ModeSocket == 0 {
			return nil, exit.Usage("--socket %s: there is a file that is no socket", path)
		}
		if c, err := net.DialTimeout("unix", path, time.Second); err == nil {
			c.Close()
			return nil, taken(path, "systemd or another program")
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	old := unix.Umask(0o177) // the socket is never, not for a moment, another's to connect to
	defer unix.Umask(old)
	return net.Listen("unix", path)
}

// writeToken makes a new token, for this daemon alone.
func (ds *doors) writeToken(path string) error {
	ds.token, ds.tokenFile = rand.Text(), path
	tmp := path + ".new"
	if err := os.WriteFile(tmp, []byte(ds.token+"\n"), 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func (ds *doors) close() {
	for _, d := range ds.list {
		d.listener.Close()
	}
	if ds.tokenFile != "" {
		os.Remove(ds.tokenFile)
	}
	for _, lock := range ds.locks {
		lock.Close()
	}
}

// userListener takes only connections of the user who runs the daemon.
type userListener struct{ net.Listener }

func (l userListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if uid, err := peerUID(c); err == nil && uid == os.Getuid() {
			return c, nil
		}
		c.Close()
	}
}

// fromSystemd returns the sockets that systemd passed, by its protocol (sd_listen_fds(3)).
func fromSystemd() ([]net.Listener, error) {
	if os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil {
		return nil, fmt.Errorf("LISTEN_FDS: %w", jitos.ErrInvalid)
	}
	var list []net.Listener
	for fd := 3; fd < 3+n; fd++ {
		unix.CloseOnExec(fd)
		f := os.NewFile(uintptr(fd), "socket")
		l, err := net.FileListener(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("socket %d of systemd: %w", fd, err)
		}
		if l.Addr().Network() != "unix" {
			return nil, fmt.Errorf("socket %d of systemd: %w: want a unix socket", fd, jitos.ErrInvalid)
		}
		list = append(list, l)
	}
	return list, nil
}
