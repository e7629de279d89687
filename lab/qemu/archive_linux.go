package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// An archive is a cpio archive in the "newc" format, as the kernel unpacks it
// (Documentation/driver-api/early-userspace/buffer-format.rst). Its first error stays.
type archive struct {
	w    io.Writer
	seen map[string]bool
	ino  int
	err  error
}

func newArchive(w io.Writer) *archive { return &archive{w: w, seen: map[string]bool{"/": true}} }

// entry begins one, with the directories that lead to it; false if it is there already.
func (a *archive) entry(name string, mode uint32, size int64) bool {
	if a.err != nil || a.seen[name] {
		return false
	}
	a.directories(filepath.Dir(name))
	a.seen[name] = true
	a.ino++
	name = strings.TrimPrefix(name, "/")
	head := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\x00",
		a.ino, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, len(name)+1, 0, name)
	a.write([]byte(head))
	a.pad(len(head))
	return true
}

func (a *archive) write(b []byte) {
	if a.err == nil {
		_, a.err = a.w.Write(b)
	}
}

// pad fills up to the next multiple of four.
func (a *archive) pad(n int) { a.write(make([]byte, -n&3)) }

func (a *archive) directories(names ...string) {
	for _, name := range names {
		if name != "/" && name != "." {
			a.entry(name, 0o40777, 0) // all is root's; the tests become nobody too
		}
	}
}

func (a *archive) symlink(name, to string) {
	if a.entry(name, 0o120777, int64(len(to))) {
		a.write([]byte(to))
		a.pad(len(to))
	}
}

func (a *archive) text(name, text string) {
	if a.entry(name, 0o100644, int64(len(text))) {
		a.write([]byte(text))
		a.pad(len(text))
	}
}

// file adds the file at path under a name.
func (a *archive) file(name, path string) {
	// What is called /bin and /lib is a link to /usr in there, if it is here.
	for _, dir := range []string{"/bin/", "/sbin/"} {
		if strings.HasPrefix(name, dir) {
			name = "/usr" + name
		}
	}
	b, err := os.ReadFile(path)
	if err != nil && a.err == nil {
		a.err = err
	}
	if a.entry(name, 0o100755, int64(len(b))) {
		a.write(b)
		a.pad(len(b))
	}
}

// tree adds all that is below path.
func (a *archive) tree(name, path string) {
	err := filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			rel, _ := filepath.Rel(path, p)
			a.file(filepath.Join(name, rel), p)
		}
		return err
	})
	if err != nil && a.err == nil {
		a.err = err
	}
}

func (a *archive) close() error {
	a.entry("/TRAILER!!!", 0, 0)
	return a.err
}
