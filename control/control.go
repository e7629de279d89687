//go:build unix

// Package control is how a running weir is spoken to: a unix socket that only its owner and root
// may use, one request and one answer a connection, each a line of JSON.
package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// A Request is one thing asked for: "status", "reload", "confirm", "stop".
type Request struct {
	Do string `json:"do"`
}

// An Answer is what came of it. Error is empty iff it was done.
type Answer struct {
	Error string          `json:"error,omitempty"`
	Data  json.RawMessage `json:"data,omitempty"`
}

// Limits of the socket.
const (
	maxRequest = 4096             // bytes
	within     = 90 * time.Second // a request and its answer; a reload of long lists takes a while
	atOnce     = 8                // connections; more wait in the kernel
)

// Listen opens the socket at path, which a dead predecessor may have left. It fails if a living one
// answers there, or if there is something else.
func Listen(path string) (*net.UnixListener, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	if err := vacate(path); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("control: %w", err)
	}
	return l, nil
}

// vacate removes a socket at path that nobody listens to.
func vacate(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("control: %s is there already and no socket; choose another --control", path)
	}
	c, err := net.Dial("unix", path)
	if err == nil {
		defer c.Close()
		_, pid, _ := peer(c.(*net.UnixConn))
		return fmt.Errorf("control: %s: another weir (pid %d) answers there; stop it first (weir stop), or choose another --control", path, pid)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) { // of a living one that is busy too
		return fmt.Errorf("control: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("control: %w", err)
	}
	return nil
}

// Serve answers requests by do until l is closed.
func Serve(l *net.UnixListener, do func(ctx context.Context, request string) (any, error)) {
	slots := make(chan struct{}, atOnce)
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			time.Sleep(100 * time.Millisecond) // out of descriptors: packets flow, the caller waits
			continue
		}
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			defer c.Close()
			answer(c, do)
		}()
	}
}

func answer(c *net.UnixConn, do func(context.Context, string) (any, error)) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	_ = c.SetDeadline(time.Now().Add(within))
	var a Answer
	if uid, _, err := peer(c); err != nil || uid != 0 && uid != os.Geteuid() {
		a.Error = "permission denied: only root and the user that runs weir may ask"
	} else if r, err := read(c); err != nil {
		a.Error = err.Error()
	} else if data, err := do(ctx, r.Do); err != nil {
		a.Error = err.Error()
	} else if a.Data, err = json.Marshal(data); err != nil {
		a.Error = err.Error()
	}
	_ = json.NewEncoder(c).Encode(a)
}

func read(c net.Conn) (r Request, err error) {
	line, err := bufio.NewReaderSize(c, maxRequest).ReadSlice('\n')
	if err != nil {
		return r, errors.New("a request is one line of JSON of at most 4096 bytes")
	}
	if err := json.Unmarshal(line, &r); err != nil {
		return r, fmt.Errorf("a request is one line of JSON: %w", err)
	}
	return r, nil
}

// Ask sends a request to the weir that listens at path, and stores the answer's data in data unless
// that is nil.
func Ask(path, request string, data any) error {
	c, err := net.Dial("unix", path)
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("%s: permission denied: only root and the user that runs weir may ask", path)
	}
	if err != nil {
		return fmt.Errorf("no weir answers at %s (%w); is it running?", path, err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(within))
	if err := json.NewEncoder(c).Encode(Request{request}); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	var a Answer
	if err := json.NewDecoder(c).Decode(&a); err != nil {
		return fmt.Errorf("control: no answer: %w", err)
	}
	if a.Error != "" {
		return errors.New(a.Error)
	}
	if data == nil {
		return nil
	}
	return json.Unmarshal(a.Data, data)
}
