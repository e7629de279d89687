package holder_test

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/weir-project/weir/lab"
)

// growingDNS is what the policies of questions say: answers become longer.
const growingDNS = `inspect:
  dns:
    answers: [{name: www.example.com, type: A, replace: [192.0.2.80, 192.0.2.81, 192.0.2.82]}]
`

// questions are connections on which one DNS question after the other is asked, whose answers Weir makes longer: all
// that comes later on them is shifted for good.
type questions struct {
	wg        sync.WaitGroup
	stop      chan struct{}
	rewritten atomic.Int64 // answers that came as the policy wants them
	untouched atomic.Int64 // as the server gave them: nobody had inspected them
	mu        sync.Mutex
	failed    []error
}

func startQuestions(t *testing.T, l *lab.Lab, count int) *questions {
	t.Helper()
	server := l.Server().In.V4
	serveNames(t, l, server, lab.Zone{"www.example.com.": {netip.MustParseAddr("198.51.100.7")}})
	q := &questions{stop: make(chan struct{})}
	for i := range count {
		c, err := l.Client().Dial("tcp", netip.AddrPortFrom(server, 53).String())
		if err != nil {
			t.Fatal(err)
		}
		q.wg.Go(func() {
			defer c.Close()
			if err := q.ask(&dns.Conn{Conn: c}); err != nil {
				q.mu.Lock()
				q.failed = append(q.failed, fmt.Errorf("questions %d: %w", i, err))
				q.mu.Unlock()
			}
		})
	}
	return q
}

// ask asks until finish, and wants each answer to be one of the two that there can be.
func (q *questions) ask(c *dns.Conn) error {
	for n := 0; ; n++ {
		select {
		case <-q.stop:
			return nil
		case <-time.After(20 * time.Millisecond):
		}
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		m := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)
		if err := c.WriteMsg(m); err != nil {
			return fmt.Errorf("question %d: %w", n, err)
		}
		answer, err := c.ReadMsg()
		if err != nil {
			return fmt.Errorf("answer %d: %w", n, err)
		}
		if answer.Id != m.Id || !slices.Equal(answer.Question, m.Question) {
			return fmt.Errorf("answer %d is to another question: %v", n, answer)
		}
		switch got := addresses(answer); {
		case slices.Equal(got, []string{"192.0.2.80", "192.0.2.81", "192.0.2.82"}):
			q.rewritten.Add(1)
		case slices.Equal(got, []string{"198.51.100.7"}):
			q.untouched.Add(1)
		default:
			return fmt.Errorf("answer %d is %v", n, got)
		}
	}
}

// finish ends the questions and returns what went wrong with any.
func (q *questions) finish() []error {
	close(q.stop)
	q.wg.Wait()
	return q.failed
}
