//go:build linux

package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	bulkPort = ":5001"
	httpPort = ":8080"
	clients  = 32 // concurrent HTTP connections
)

var (
	request  = []byte("GET / HTTP/1.1\r\nHost: bench\r\n\r\n")
	response = makeResponse("")

	// Of a connection for one request both ends say so (RFC 9112 §9.6).
	onlyRequest  = []byte("GET / HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
	lastResponse = makeResponse("Connection: close\r\n")
)

// makeResponse has, in the middle of a body of 1024 bytes, the word that bench/lane looks for.
func makeResponse(lines string) []byte {
	b := append([]byte("HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n"+lines+"\r\n"), make([]byte, 1024)...)
	copy(b[len(b)-512:], "weir-bench-marker")
	return b
}

// generate is the load generator's command line: what to do, and for how long.
func generate(args []string) {
	var t time.Duration
	if len(args) > 1 {
		t, _ = time.ParseDuration(args[1])
	}
	var v float64
	var err error
	switch args[0] {
	case "serve":
		err = serve()
	case "ready":
		err = ready()
	case "bulk":
		v, err = bulk(t)
	case "keepalive":
		v, err = requests(t, true)
	case "short":
		v, err = requests(t, false)
	default:
		err = fmt.Errorf("unknown metric %q", args[0])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(v)
}

func serve() error {
	sink, err := net.Listen("tcp4", bulkPort)
	if err != nil {
		return err
	}
	web, err := net.Listen("tcp4", httpPort)
	if err != nil {
		return err
	}
	go accept(sink, swallow)
	return accept(web, answer)
}

func accept(l net.Listener, f func(net.Conn)) error {
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go f(c)
	}
}

// swallow reads all there is and replies with its length.
func swallow(c net.Conn) {
	defer c.Close()
	var n uint64
	for buf := make([]byte, 256<<10); ; {
		k, err := c.Read(buf)
		n += uint64(k)
		if err != nil {
			break
		}
	}
	c.Write(binary.BigEndian.AppendUint64(nil, n))
}

// answer gives every request, which comes in one read, the same response.
func answer(c net.Conn) {
	defer c.Close()
	for buf := make([]byte, 4096); ; {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if n == len(onlyRequest) {
			_, _ = c.Write(lastResponse)
			return
		}
		if _, err := c.Write(response); err != nil {
			return
		}
	}
}

func ready() error {
	var err error
	for range 100 {
		var c net.Conn
		if c, err = net.DialTimeout("tcp4", serverAddr+bulkPort, 200*time.Millisecond); err == nil {
			return c.Close()
		}
		time.Sleep(20 * time.Millisecond)
	}
	return err
}

// bulk sends one stream and returns Gbit/s.
func bulk(t time.Duration) (float64, error) {
	c, err := net.Dial("tcp4", serverAddr+bulkPort)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	begin := time.Now()
	for buf := make([]byte, 256<<10); time.Since(begin) < t; {
		if _, err := c.Write(buf); err != nil {
			return 0, err
		}
	}
	c.(*net.TCPConn).CloseWrite()
	var n [8]byte
	if _, err := io.ReadFull(c, n[:]); err != nil {
		return 0, err
	}
	return float64(binary.BigEndian.Uint64(n[:])) * 8 / time.Since(begin).Seconds() / 1e9, nil
}

// requests keeps clients busy and returns thousands of requests per second.
func requests(t time.Duration, keep bool) (float64, error) {
	var done atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, clients)
	begin := time.Now()
	for range clients {
		wg.Go(func() {
			if err := client(begin.Add(t), keep, &done); err != nil {
				errs <- err
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return 0, err
	default:
	}
	return float64(done.Load()) / time.Since(begin).Seconds() / 1e3, nil
}

func client(until time.Time, keep bool, done *atomic.Int64) error {
	var c net.Conn
	buf := make([]byte, 4096)
	ask := request
	if !keep {
		ask = onlyRequest
	}
	for time.Now().Before(until) {
		var err error
		if c == nil {
			if c, err = net.Dial("tcp4", serverAddr+httpPort); err != nil {
				return err
			}
		}
		if _, err = c.Write(ask); err == nil {
			err = readResponse(c, buf)
		}
		if err != nil {
			return err
		}
		done.Add(1)
		if !keep {
			c.Close()
			c = nil
		}
	}
	if c != nil {
		c.Close()
	}
	return nil
}

// readResponse reads one response, whose length is told by Content-Length, or whose last chunk ends it.
func readResponse(c net.Conn, buf []byte) error {
	head, need := 0, 0
	for n := 0; ; {
		k, err := c.Read(buf[n:])
		if err != nil {
			return err
		}
		n += k
		if head == 0 {
			if head = bytes.Index(buf[:n], []byte("\r\n\r\n")); head < 0 {
				head = 0
				continue
			}
			head += 4
			if at := bytes.Index(buf[:head], []byte("Content-Length: ")); at >= 0 {
				line, _, _ := bytes.Cut(buf[at+len("Content-Length: "):head], []byte("\r"))
				size, err := strconv.Atoi(string(line))
				if err != nil {
					return err
				}
				need = head + size
			}
		}
		switch {
		case need > 0 && n == need, need == 0 && bytes.HasSuffix(buf[:n], []byte("\r\n0\r\n\r\n")):
			return nil
		case need > 0 && n > need:
			return fmt.Errorf("%d bytes came, %d were announced", n, need)
		}
	}
}
