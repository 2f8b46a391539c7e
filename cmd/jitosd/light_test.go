package main

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// light is a subscriber that costs little: it counts frames by a look at fixed places, so that what is measured beside it is the
// server. It speaks graphql-transport-ws without a library.
type light struct {
	conn net.Conn
	seq  int64      // of the last rewrite
	line uint64     // a checksum of the ids of all, in order
	got  []delivery // what came in one read
}

// delivery are rewrites that were there at a moment.
type delivery struct {
	at       time.Time
	from, to int64
}

var lineTable = crc64.MakeTable(crc64.ECMA)

// next is how a frame of a rewrite begins, before its id and its number.
const next = `{"id":"1","type":"next","payload":{"data":{"rewrites":{"id":"`

// light subscribes to the system line behind a commit, whose number is given.
func (d *daemon) light(after string, seq int64) (*light, error) {
	conn, err := d.bare("", 0)
	if err != nil {
		return nil, err
	}
	l := &light{conn: conn, seq: seq}
	return l, l.subscribe(`subscription ($after: ID) { rewrites(after: $after) { id seq } }`, map[string]any{"after": after})
}

// bare opens a WebSocket and leaves the rest to the caller. header is a line of the request more, or ""; the system takes as much as
// buffer says for a client that does not read, 0 for as much as it likes.
func (d *daemon) bare(header string, buffer int) (net.Conn, error) {
	host := strings.TrimSuffix(strings.TrimPrefix(d.url, "http://"), "/graphql")
	conn, err := net.Dial("tcp", host)
	if err == nil && buffer > 0 {
		err = conn.(*net.TCPConn).SetReadBuffer(buffer)
	}
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(conn, "GET /graphql HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n%s\r\n", host, d.token, header)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err == nil && resp.StatusCode != http.StatusSwitchingProtocols {
		err = errors.New(resp.Status)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return conn, nil
}

// subscribe begins the connection, and a subscription.
func (l *light) subscribe(query string, variables map[string]any) error {
	subscribe, err := json.Marshal(map[string]any{"id": "1", "type": "subscribe", "payload": map[string]any{"query": query, "variables": variables}})
	return errors.Join(err, l.say(`{"type":"connection_init"}`), l.say(string(subscribe)))
}

// say sends a message: clients mask their frames, and zeros are a mask.
func (l *light) say(text string) error {
	head := []byte{0x81, 0x80 | 126, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint16(head[2:], uint16(len(text)))
	_, err := l.conn.Write(append(head, text...))
	return err
}

// read counts rewrites until last has come, or the connection ends.
func (l *light) read(last func() int64) error {
	buf := make([]byte, 256<<10)
	held := 0
	for l.seq != last() {
		n, err := l.conn.Read(buf[held:])
		if err != nil {
			return fmt.Errorf("after rewrite %d: %w", l.seq, err)
		}
		one := delivery{at: time.Now(), from: l.seq + 1}
		rest := buf[:held+n]
		for {
			frame, more, ok := cutFrame(rest)
			if !ok {
				break
			}
			if err := l.frame(frame); err != nil {
				return err
			}
			rest = more
		}
		held = copy(buf, rest)
		if one.to = l.seq; one.to >= one.from {
			l.got = append(l.got, one)
		}
	}
	return nil
}

// cutFrame takes the payload of one frame off what was read.
func cutFrame(b []byte) (frame, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, b, false
	}
	head, size := 2, int(b[1])
	if size == 126 {
		if len(b) < 4 {
			return nil, b, false
		}
		head, size = 4, int(binary.BigEndian.Uint16(b[2:]))
	}
	if size == 127 || len(b) < head+size {
		return nil, b, false
	}
	return b[head : head+size], b[head+size:], true
}

func (l *light) frame(frame []byte) error {
	if !bytes.HasPrefix(frame, []byte(next)) {
		switch {
		case bytes.Contains(frame, []byte(`"ping"`)):
			return l.say(`{"type":"pong"}`)
		case bytes.Contains(frame, []byte(`"connection_ack"`)):
			return nil
		}
		return fmt.Errorf("after rewrite %d: %s", l.seq, frame)
	}
	id, rest := frame[len(next):len(next)+40], frame[len(next)+40:]
	number, _, _ := bytes.Cut(bytes.TrimPrefix(rest, []byte(`","seq":`)), []byte("}"))
	seq, err := strconv.ParseInt(string(number), 10, 64)
	if err != nil || seq != l.seq+1 {
		return fmt.Errorf("rewrite %s after %d: one is lost, or came twice", number, l.seq)
	}
	l.seq, l.line = seq, crc64.Update(l.line, lineTable, id)
	return nil
}

// end leaves, and waits until the server has noticed.
func (l *light) end() {
	l.conn.(*net.TCPConn).CloseWrite()
	io.Copy(io.Discard, l.conn)
	l.conn.Close()
}
