package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"
)

// What doctor finds about NFQUEUE.

func lookQueue(e *evidence) []finding {
	if e.probe.Bound {
		return []finding{{Name: "NFQUEUE", Mark: markOK, Text: "the kernel queues packets to user space; a queue was bound to see it"}}
	}
	hint := []string{"sudo modprobe nfnetlink_queue"}
	if !e.has(unix.CAP_NET_ADMIN) {
		hint = []string{"sudo weir doctor"}
	}
	return []finding{{Name: "NFQUEUE", Mark: markMissing, Text: "no queue can be bound: " + e.probe.Refusal, Hint: hint}}
}

// lookQueueFlags is about what a queue can be asked for.
func lookQueueFlags(e *evidence) []finding {
	if !e.probe.Bound {
		return nil
	}
	caps := e.probe.Caps
	return []finding{
		either(caps.GSO, finding{Name: "large packets", Text: "offload-sized packets come whole (GSO): offloads can stay on"},
			finding{Mark: markWarn, Text: "offload-sized packets are cut before they come: bulk TCP will be several times slower", Hint: []string{"use a kernel of Linux 3.10 or later"}}),
		either(caps.FailOpen, finding{Name: "fail-open", Text: "a full queue can let packets pass, where the policy says so"},
			finding{Mark: markWarn, Text: "a full queue drops packets, whatever outcomes.overload says", Hint: []string{"use a kernel of Linux 3.6 or later"}}),
		either(caps.ConntrackInfo, finding{Name: "conntrack data", Text: "the kernel can attach connection data to packets"},
			finding{Mark: markNote, Text: "the kernel attaches no connection data to packets (CONFIG_NETFILTER_NETLINK_GLUE_CT): Weir keeps marks by rules instead"}),
	}
}

// either returns good, marked ok, or what lacks under the same name.
func either(good bool, is, lacks finding) finding {
	if good {
		is.Mark = markOK
		return is
	}
	lacks.Name = is.Name
	return lacks
}

func lookInjection(e *evidence) []finding {
	if !e.probe.Bound {
		return nil
	}
	is := finding{Name: "injection", Text: "resets and ICMP errors can be sent to those who are rejected"}
	return []finding{either(e.probe.Caps.InjectOut, is, finding{
		Mark: markWarn, Text: "raw sockets cannot be opened (CAP_NET_RAW): reject will be as silent as drop", Hint: []string{"sudo weir run …"},
	})}
}

// lookBuffer is about the receive buffer that packets wait in.
func lookBuffer(e *evidence) []finding {
	for _, m := range e.probe.Caps.Missing {
		if strings.HasPrefix(m, "The receive buffer") && !e.has(unix.CAP_NET_ADMIN) {
			return []finding{{Name: "receive buffer", Mark: markNote, Text: "without CAP_NET_ADMIN of the whole machine the kernel limits it to " + e.read("/proc/sys/net/core/rmem_max") + " bytes; root is not limited"}}
		}
		if strings.HasPrefix(m, "The receive buffer") {
			return []finding{{Name: "receive buffer", Mark: markWarn, Text: m, Hint: []string{"sudo sysctl -w net.core.rmem_max=67108864"}}}
		}
	}
	if !e.probe.Bound {
		return nil
	}
	return []finding{{Name: "receive buffer", Mark: markOK, Text: "as large as Weir asks for"}}
}

// lookTaken says which queue numbers others have.
func lookTaken(e *evidence) []finding {
	const name = "queue numbers"
	switch {
	case !e.has(unix.CAP_NET_ADMIN) || errors.Is(e.queueErr, fs.ErrPermission):
		return []finding{{Name: name, Mark: markNote, Text: "only root can see which are taken"}}
	case e.queueErr != nil || len(e.queues) == 0:
		return []finding{{Name: name, Mark: markOK, Text: "none is taken"}}
	}
	var out []finding
	for _, q := range e.queues {
		owner := "a process that is not seen from here"
		if q.PID != 0 {
			owner = fmt.Sprintf("%s, pid %d", q.Program, q.PID)
		}
		f := finding{Name: name, Mark: markWarn, Text: fmt.Sprintf("%d is taken by %s (%d waiting, %d dropped)", q.Number, owner, q.Waiting, q.Dropped)}
		if strings.HasPrefix(q.Program, "weir") {
			f.Mark, f.Hint = markNote, []string{"weir status"}
		} else {
			f.Hint = []string{fmt.Sprintf("choose others in weir.yaml: divert: {queues: %s}", freeQueues(e))}
		}
		out = append(out, f)
	}
	return out
}

// freeQueues is the first number above all that are taken.
func freeQueues(e *evidence) string {
	top := 0
	for _, q := range e.queues {
		top = max(top, int(q.Number))
	}
	return fmt.Sprint(min(top+1, 65535))
}
