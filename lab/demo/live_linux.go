package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/weir-project/weir/lab"
)

// patience is how long the demo waits for anything that should come at once.
const patience = 5 * time.Second

// A live is a demo in a lab.
type live struct {
	*story
	lab      *lab.Lab
	internet *internet
	daemon   *daemon
	journal  *journal
	captures []*lab.Capture
	begun    time.Time

	direct tempo // without diversion
}

// live tells the story in a lab. errCannotDivert means that nothing was told yet.
func (s *story) live(ctx context.Context) error {
	r := &live{story: s, begun: time.Now()}
	defer func() { r.close() }()
	if err := r.open(); err != nil {
		return err
	}
	s.picture(r.lab)
	r.introduce()
	for _, step := range []func(){r.showDLP, r.showDNS, r.showURLs, r.showIDS, r.showQoS, r.showTempo, r.showStats} {
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		step()
	}
	if s.Keep != nil {
		r.keep(ctx)
	}
	if err := r.daemon.stop(); err != nil {
		s.fail("%v", err)
	}
	return r.closing()
}

// open builds everything and starts the daemon.
func (r *live) open() (err error) {
	if r.lab, err = lab.New(lab.Topology{PlainPackets: r.PcapDir != ""}); err != nil {
		return fmt.Errorf("%w: %w", errCannotDivert, err)
	}
	if r.internet, err = openInternet(r.lab.Server()); err != nil {
		return err
	}
	if r.direct, err = r.measure(); err != nil {
		return fmt.Errorf("without diversion: %w", err)
	}
	events := filepath.Join(r.dir, "events")
	if err := openDirectory(events); err != nil {
		return err
	}
	r.journal = &journal{path: filepath.Join(events, "eve.json")}
	policy, err := r.policyFile(r.journal.path)
	if err != nil {
		return err
	}
	if r.daemon, err = r.startDaemon(r.lab.Router(), policy); err != nil {
		return err
	}
	return r.capture()
}

// openDirectory makes a directory in which the daemon's reporter, which is nobody, may write.
func openDirectory(path string) error {
	if err := os.Mkdir(path, 0o755); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		return os.Chown(path, 65534, 65534)
	}
	return nil
}

// capture begins to record at both ends, if that was asked for.
func (r *live) capture() error {
	if r.PcapDir == "" {
		return nil
	}
	if err := os.MkdirAll(r.PcapDir, 0o755); err != nil {
		return err
	}
	for _, n := range []*lab.Node{r.lab.Client(), r.lab.Server()} {
		c, err := n.Capture(filepath.Join(r.PcapDir, n.Name+".pcap"))
		if err != nil {
			return err
		}
		r.captures = append(r.captures, c)
	}
	return nil
}

func (r *live) close() {
	if r.daemon != nil {
		select {
		case <-r.daemon.ended:
		default:
			r.daemon.kill()
		}
	}
	if r.internet != nil {
		r.internet.close()
	}
	if r.lab != nil {
		r.lab.Close()
	}
}

// introduce says what runs.
func (r *live) introduce() {
	st, err := r.daemon.status()
	if err != nil {
		r.fail("weir status: %v", err)
		return
	}
	user := "as root"
	if os.Geteuid() != 0 {
		user = "without root, in a user namespace"
	}
	r.screen.note(fmt.Sprintf("Three network namespaces with real sockets at the ends, built %s. In the router runs the daemon, weir run: holder %d, worker %d, reporter %d. It took %d ms to divert everything by rules of the kernel's firewall.%s",
		user, r.daemon.cmd.Process.Pid, st.WorkerPID, st.ReporterPID, r.daemon.took.Milliseconds(), confinement(st.Sandbox)))
}

// confinement puts the sandbox of the worker into words.
func confinement(report string) string {
	var by []string
	for _, what := range []struct{ key, name string }{{"seccomp", "seccomp"}, {"landlock", "Landlock"}} {
		if strings.Contains(report, what.key+"=true") {
			by = append(by, what.name)
		}
	}
	if len(by) == 0 {
		return ""
	}
	return " The worker, which reads what strangers send, is confined by " + strings.Join(by, " and ") + "."
}

// closing sums up.
func (r *live) closing() error {
	for _, c := range r.captures {
		if err := c.Close(); err != nil {
			r.fail("%v", err)
		}
	}
	r.screen.blank()
	r.summary(time.Since(r.begun))
	if len(r.captures) > 0 {
		r.screen.blank()
		r.screen.note(fmt.Sprintf("Captured at both ends, with every packet that crossed: %s (%d frames) and %s (%d frames).",
			filepath.Join(r.PcapDir, "client.pcap"), r.captures[0].Frames(), filepath.Join(r.PcapDir, "server.pcap"), r.captures[1].Frames()))
	}
	r.next()
	return nil
}

// picture draws the lab.
func (s *story) picture(l *lab.Lab) {
	ends := func(e lab.Ends) end {
		if !e.V6.IsValid() {
			return end{e.V4.String(), ""}
		}
		return end{e.V4.String(), e.V6.String()}
	}
	s.draw("six uses of packet inspection, on packets that are really diverted", ends(l.Client().Out), ends(l.Server().In))
}
