//go:build linux || freebsd || openbsd

package main

import (
	"io/fs"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/weir-project/weir/event/eve"
	"github.com/weir-project/weir/policy"
)

func TestUnwritableEventsSayWhatToDo(t *testing.T) {
	denied := &fs.PathError{Op: "open", Path: "/var/log/weir/eve.json", Err: os.ErrPermission}
	file := policy.Sink{Kind: "file", File: eve.FileConfig{Path: denied.Path}}
	advice := "chown -R " + strconv.Itoa(os.Geteuid()) + " /var/log/weir"
	for _, c := range []struct {
		name   string
		sink   policy.Sink
		err    error
		advice bool
	}{
		{"a file that is another user's", file, denied, true},
		{"a file that cannot be there", file, &fs.PathError{Op: "open", Path: denied.Path, Err: fs.ErrNotExist}, false},
		{"a socket that is another user's", policy.Sink{Kind: "unix", Path: "/run/x"}, denied, false},
	} {
		got := unwritable(c.sink, c.err).Error()
		if strings.Contains(got, advice) != c.advice || !strings.Contains(got, c.err.Error()) {
			t.Errorf("%s: %q", c.name, got)
		}
	}
}
