// Package sandbox takes away from a process what it does not need, before it reads hostile bytes.
//
// Its law: the parent gives the child as few privileges as its Needs say (Attributes), and the child then gives up, for good
// and for all threads, files, sockets, programs and other processes (Enter). What a kernel lacks is named in the Report,
// never passed over in silence. A process that is still root, or another user than meant, is an error.
//
// What protects where:
//
//	          Linux                            OpenBSD                      FreeBSD
//	user      nobody from its start            nobody; the worker begins as root and gives it up itself
//	files     Landlock, system call filter     chroot (worker),             chroot (worker),
//	                                           unveil (reporter), pledge    user id (reporter)
//	sockets   Landlock, system call filter     worker: none of unix's       nothing: it can open and connect them
//	programs  no-new-privs, filter             pledge                       no-new-privs, no new process (worker)
//	tracing   not dumpable                     pledge                       procctl, as far as the kernel knows it
//
// Its honest limits. On Linux CAP_NET_ADMIN, which a verdict of NFQUEUE requires, together with an inherited netlink socket
// would let a process that was taken over change the firewall rules of its network namespace. A system call
// filter cannot look into a netlink message. Package holder watches the rules for that. A bridge's worker has no capability. But an address given to
// sendmsg (struct sockaddr_ll) overrides what a packet socket is bound to: taken over, it can put any frame out of any interface of
// its network namespace, that of management included; it can receive nothing but from the two. On a BSD a verdict is a sendto with
// an address, and what allows that (pledge inet) allows to connect to others; capability mode (Capsicum) forbids it, so that
// FreeBSD's worker has none and is held by its user id and an empty root directory. With a divert socket a process can put any
// datagram into the network, on every system. Holder and guard stay root: they read no packet, and the programs that they start
// (pfctl, ipfw, the children) need what a pledge of theirs would take.
package sandbox

import "strings"

// Needs says what a process keeps.
type Needs struct {
	User     uint32   // whom it runs as, with the group of that number and no other groups
	NetAdmin bool     // on Linux CAP_NET_ADMIN, for verdicts of NFQUEUE
	Write    []string // directories below which files may be made and written
	Connect  []string // unix sockets to connect to
	// Empty: no file at all. On a BSD that takes an empty root directory, and so a process that is started as root and becomes
	// User in Enter.
	Empty bool
}

// Worker returns the needs of a process that gives verdicts, on sockets that it was given. Iff bridge, these are all a bridge's: packet
// sockets, which are read and written without any capability.
func Worker(user uint32, bridge bool) Needs { return Needs{User: user, NetAdmin: !bridge, Empty: true} }

// A Report says what Enter achieved. A field that is not of this system is false.
type Report struct {
	NoNewPrivs bool     // Linux, FreeBSD
	Seccomp    bool     // Linux
	Landlock   bool     // Linux
	Chroot     bool     // BSD: the root directory is an empty one
	Pledge     bool     // OpenBSD
	Unveil     bool     // OpenBSD
	NoTrace    bool     // FreeBSD: nobody may trace it
	Missing    []string // what this kernel cannot do, each a sentence
}

// A means is a way to hold a process, and whether it is used.
type means struct {
	name string
	on   bool
}

// String returns the report in a line for logs: the means of this system.
func (r Report) String() string {
	var words []string
	for _, m := range r.means() {
		word := m.name + "=false"
		if m.on {
			word = m.name + "=true"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// An Attempt is one thing that a sandboxed process must not be able to do, and what came of trying.
type Attempt struct {
	Name    string // "open", "socket", "exec", "ptrace", "namespace"
	Refused bool
	Err     string // what the system said
}
