// Package sandbox takes away from a process what it does not need, before it reads hostile bytes.
//
// Its law: the parent gives the child as few privileges as its Needs say (Attributes), and the child then gives up, for good
// and for all threads, files, sockets, programs and other processes (Enter). What a kernel lacks is named in the Report,
// never passed over in silence.
//
// Its honest limit: CAP_NET_ADMIN, which a verdict of NFQUEUE requires, together with an inherited netlink socket would let
// a process that was taken over change the firewall rules of its network namespace. A system call
// filter cannot look into a netlink message. Package holder watches the rules for that.
package sandbox

import "fmt"

// Needs says what a process keeps.
type Needs struct {
	NetAdmin bool     // CAP_NET_ADMIN, for verdicts
	Write    []string // directories below which files may be made and written
	Sockets  bool     // outgoing connections, unix sockets
}

// A Report says what Enter achieved.
type Report struct {
	NoNewPrivs bool
	Seccomp    bool
	Landlock   bool
	Missing    []string // what this kernel cannot do, each a sentence
}

// String returns the report in a line for logs.
func (r Report) String() string {
	return fmt.Sprintf("no-new-privs=%v seccomp=%v landlock=%v", r.NoNewPrivs, r.Seccomp, r.Landlock)
}

// An Attempt is one thing that a sandboxed process must not be able to do, and what came of trying.
type Attempt struct {
	Name    string // "open", "socket", "exec", "ptrace", "namespace"
	Refused bool
	Err     string // what the system said
}
