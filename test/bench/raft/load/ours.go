package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// The frames of client-wire.ts: u32 bytes that follow, u32 number of the request, u8 kind, body; little endian.
const (
	headBytes = 9
	kindWrite = 1
	kindRead  = 2
	done      = 0
)

var errFailed = errors.New("the member could not do it")

type ourConnection struct {
	socket  net.Conn
	mutex   sync.Mutex
	last    uint32
	waiting map[uint32]chan error
	broken  error
}

func dialOurs(endpoint string, config *tls.Config) (connection, error) {
	// Members are known by their name among agents, not by their address.
	own := config.Clone()
	own.InsecureSkipVerify = true
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	socket, err := tls.DialWithDialer(dialer, "tcp", endpoint, own)
	if err != nil {
		return nil, err
	}
	one := &ourConnection{socket: socket, waiting: map[uint32]chan error{}}
	go one.listen()
	return one, nil
}

func (one *ourConnection) listen() {
	reader := bufio.NewReaderSize(one.socket, 64*1024)
	head := make([]byte, headBytes)
	for {
		if _, err := io.ReadFull(reader, head); err != nil {
			one.fail(err)
			return
		}
		if length := binary.LittleEndian.Uint32(head); length != headBytes-4 {
			one.fail(fmt.Errorf("an answer of %d bytes", length))
			return
		}
		number := binary.LittleEndian.Uint32(head[4:])
		var answer error
		if head[8] != done {
			answer = errFailed
		}
		one.mutex.Lock()
		waiting := one.waiting[number]
		delete(one.waiting, number)
		one.mutex.Unlock()
		if waiting != nil {
			waiting <- answer
		}
	}
}

func (one *ourConnection) fail(err error) {
	one.mutex.Lock()
	defer one.mutex.Unlock()
	one.broken = err
	for _, waiting := range one.waiting {
		waiting <- err
	}
	clear(one.waiting)
}

func (one *ourConnection) ask(ctx context.Context, kind byte, body string) error {
	answer := make(chan error, 1)
	frame := make([]byte, headBytes+len(body))
	binary.LittleEndian.PutUint32(frame, uint32(headBytes-4+len(body)))
	frame[8] = kind
	copy(frame[headBytes:], body)
	one.mutex.Lock()
	if one.broken != nil {
		one.mutex.Unlock()
		return one.broken
	}
	one.last++
	binary.LittleEndian.PutUint32(frame[4:], one.last)
	one.waiting[one.last] = answer
	_, err := one.socket.Write(frame)
	one.mutex.Unlock()
	if err != nil {
		return err
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (one *ourConnection) write(ctx context.Context, _, value string) error {
	return one.ask(ctx, kindWrite, value)
}

func (one *ourConnection) read(ctx context.Context) error {
	return one.ask(ctx, kindRead, "")
}

func (one *ourConnection) close() {
	one.socket.Close()
}
