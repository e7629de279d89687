package sandbox

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// A Status is what /proc says of a process's privileges.
type Status struct {
	UID        int
	CapEff     uint64
	CapPrm     uint64
	NoNewPrivs bool
	Seccomp    int // 0 none, 1 strict, 2 filter
}

// ReadStatus returns the status of the calling process.
func ReadStatus() (Status, error) { return ReadStatusOf("self") }

// ReadStatusOf returns the status of the process with the given id.
func ReadStatusOf(pid string) (Status, error) {
	text, err := os.ReadFile("/proc/" + pid + "/status")
	if err != nil {
		return Status{}, err
	}
	return parseStatus(string(text))
}

func parseStatus(text string) (s Status, err error) {
	seen := 0
	number := func(value string, base int) uint64 {
		n, e := strconv.ParseUint(strings.Fields(value + " x")[0], base, 64)
		if e != nil {
			err = fmt.Errorf("sandbox: process status: %w", e)
		}
		seen++
		return n
	}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, ":")
		switch key {
		case "Uid":
			s.UID = int(number(value, 10))
		case "CapEff":
			s.CapEff = number(value, 16)
		case "CapPrm":
			s.CapPrm = number(value, 16)
		case "NoNewPrivs":
			s.NoNewPrivs = number(value, 10) == 1
		case "Seccomp":
			s.Seccomp = int(number(value, 10))
		}
	}
	if err == nil && seen != 5 {
		err = fmt.Errorf("sandbox: process status has %d of 5 lines", seen)
	}
	return s, err
}
