package demo

import (
	"bufio"
	"context"
	"fmt"
	"os"

	"github.com/weir-project/weir/lab"
)

// keep leaves the lab open and says how to use it.
func (r *live) keep(ctx context.Context) {
	s := &r.screen
	s.blank()
	s.line("  " + s.paint("The lab is open", bold) + "   in another terminal of this machine:")
	enter := "sudo nsenter "
	if os.Geteuid() != 0 {
		enter = fmt.Sprintf("nsenter --preserve-credentials --user=/proc/%d/ns/user ", os.Getpid())
	}
	for _, n := range []*lab.Node{r.lab.Client(), r.lab.Router(), r.lab.Server()} {
		s.line(fmt.Sprintf("    %-8s %s--net=%s sh", n.Name, enter, n.Path()))
	}
	s.blank()
	for _, l := range [][2]string{
		{"as the client", "curl -d 'card=" + r.Card + "' http://" + r.server(false) + "/"},
		{"", "curl -H 'Host: ads.example.com' http://" + r.server(false) + "/"},
		{"", "dig @" + r.server(false) + " www.example.com"},
		{"what Weir says", "tail -f " + r.journal.path},
		{"", r.Weir + " status --control " + r.daemon.socket},
		{"another policy", "edit " + r.daemon.policy + " and then"},
		{"", r.Weir + " reload --control " + r.daemon.socket},
	} {
		s.line(fmt.Sprintf("    %-15s %s", s.paint(fmt.Sprintf("%-15s", l[0]), dim), l[1]))
	}
	s.blank()
	s.line("  " + s.paint("Enter or Ctrl-C closes it.", bold))
	pressed := make(chan struct{})
	go func() {
		_, _ = bufio.NewReader(r.Keep).ReadString('\n')
		close(pressed)
	}()
	select {
	case <-pressed:
	case <-ctx.Done():
	case <-r.daemon.ended:
		r.fail("the daemon ended meanwhile: %s", r.daemon.lastWords())
	}
}
