package divert

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// queueTable lists the queues of the calling thread's network namespace.
const queueTable = "/proc/thread-self/net/netfilter/nfnetlink_queue"

// A queueRow is a line of queueTable (seq_show in nfnetlink_queue.c).
type queueRow struct {
	number      uint16
	portID      uint32 // netlink port of the socket that is bound to it
	waiting     uint32 // packets without a verdict
	dropped     uint32 // because the queue was full
	userDropped uint32 // because the socket's buffer was full
	lastID      uint32 // the newest packet's id
}

// openQueueTable opens the table; where that cannot be, nothing, and caps says so. Reading it later needs no privilege.
func openQueueTable(caps *Caps) (*os.File, error) {
	f, err := os.Open(queueTable)
	if err == nil {
		return f, nil
	}
	caps.Missing = append(caps.Missing, fmt.Sprintf("Kernel drops cannot be counted and a predecessor's packets wait for the next one: %v.", err))
	return os.Open(os.DevNull)
}

// readQueueTable reads the table from its start; f may be nil.
func readQueueTable(f *os.File) ([]queueRow, error) {
	if f == nil {
		return nil, os.ErrNotExist
	}
	buf := make([]byte, 0, 4096)
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := f.ReadAt(buf[len(buf):cap(buf)], int64(len(buf)))
		buf = buf[:len(buf)+n]
		if n == 0 || err != nil { // io.EOF, or what has come so far
			return parseQueueTable(string(buf)), nil
		}
	}
}

func parseQueueTable(text string) (rows []queueRow) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 8 {
			continue
		}
		rows = append(rows, queueRow{
			number:      uint16(number(f[0])),
			portID:      number(f[1]),
			waiting:     number(f[2]),
			dropped:     number(f[5]),
			userDropped: number(f[6]),
			lastID:      number(f[7]),
		})
	}
	return rows
}

// number reads a column. Some kernels print the port as a signed number.
func number(s string) uint32 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return uint32(n)
}

// queueOwner says who is bound to a queue, "" if nobody is.
func queueOwner(queue uint16) string {
	f, err := os.Open(queueTable)
	if err != nil {
		return ""
	}
	defer f.Close()
	rows, _ := readQueueTable(f)
	for _, r := range rows {
		if r.number != queue {
			continue
		}
		pid := socketOwner(netlinkInode(r.portID))
		if pid == 0 {
			return fmt.Sprintf("taken by netlink port %d; no process seen from here has it open", r.portID)
		}
		comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		return fmt.Sprintf("taken by pid %d (%s)", pid, strings.TrimSpace(string(comm)))
	}
	return ""
}

// netlinkInode returns the inode of the netfilter socket with a port, "" if unknown.
func netlinkInode(portID uint32) string {
	text, _ := os.ReadFile("/proc/thread-self/net/netlink")
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line) // sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode
		if len(f) >= 10 && f[1] == strconv.Itoa(unix.NETLINK_NETFILTER) && number(f[2]) == portID {
			return f[9]
		}
	}
	return ""
}

// socketOwner returns the pid of a process that has the socket open, 0 if none is seen.
func socketOwner(inode string) int {
	if inode == "" {
		return 0
	}
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && to == "socket:["+inode+"]" {
			pid, _ := strconv.Atoi(strings.Split(l, "/")[2])
			return pid
		}
	}
	return 0
}
