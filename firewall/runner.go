package firewall

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// A runner runs a command with stdin as its input and returns what it printed. Its error ends with what the command
// complained of.
type runner func(stdin, name string, args ...string) (stdout string, err error)

// Commands of the BSDs. The full path: what runs as root looks nowhere else.
const (
	pfctlPath   = "/sbin/pfctl"
	ipfwPath    = "/sbin/ipfw"
	sysctlPath  = "/sbin/sysctl"
	kldstatPath = "/sbin/kldstat"
)

// runLimit is how long a command may take.
const runLimit = 10 * time.Second

// runCommand is the runner of the real system.
func runCommand(stdin, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), runLimit)
	defer cancel()
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &complaint
	if err := cmd.Run(); err != nil {
		return "", complain(err, complaint.String(), name, args)
	}
	return out.String(), nil
}

// complaints are what the commands say, and what to do about it.
var complaints = []struct{ says, hint string }{
	{"ermission denied", "run weir as root"},
	{"peration not permitted", "run weir as root"},
	{"/dev/pf: No such file", "load pf: kldload pf, and pf_enable=YES in /etc/rc.conf"},
	{"Protocol not available", "load ipfw, which refuses everything at first: kenv net.inet.ip.fw.default_to_accept=1, then kldload ipfw ipdivert"},
	{"Cannot allocate memory", "divert fewer networks, or raise set limit table-entries in pf.conf"},
}

func complain(err error, complaint, name string, args []string) error {
	complaint = strings.TrimSpace(complaint)
	what := fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.ReplaceAll(complaint, "\n", "; "))
	for _, c := range complaints {
		if strings.Contains(complaint, c.says) {
			return fmt.Errorf("%w (%s)", what, c.hint)
		}
	}
	return what
}
