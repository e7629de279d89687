package policy

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// Limits of the files that a policy names. What exceeds them is a mistake.
const (
	MaxFileBytes = 64 << 20  // of one
	MaxAllBytes  = 256 << 20 // of all
	MaxFiles     = 1000
)

// A File is one file of a policy as it was read.
type File struct {
	Name   string // full path, without the slash in front
	SHA256 [32]byte
	Data   []byte // read only
}

// library opens the files of a policy: a name that begins with a slash from the root, any other
// from the directory of the policy. It reads each file once, so that a policy is made of one state
// of it, and keeps what it read.
type library struct {
	root  fs.FS
	dir   string
	files map[string]File
	bytes int64
}

// Open opens a file by the name that the policy uses for it.
func (l *library) Open(name string) (fs.File, error) {
	f, err := l.read(name)
	if err != nil {
		return nil, err
	}
	return &opened{File: f, rest: f.Data}, nil
}

// ReadFile returns the contents, to be read only.
func (l *library) ReadFile(name string) ([]byte, error) {
	f, err := l.read(name)
	return f.Data, err
}

func (l *library) read(name string) (File, error) {
	full := l.full(name)
	if f, ok := l.files[full]; ok {
		return f, nil
	}
	fail := func(err error) (File, error) { return File{}, &fs.PathError{Op: "open", Path: name, Err: err} }
	if !fs.ValidPath(full) {
		return fail(fmt.Errorf("is not the name of a file"))
	}
	info, err := fs.Stat(l.root, full) // a look first, since opening a FIFO would wait for a writer
	switch {
	case err != nil:
		return fail(reason(err))
	case !info.Mode().IsRegular():
		return fail(fmt.Errorf("is not a regular file"))
	case info.Size() > MaxFileBytes || l.bytes+info.Size() > MaxAllBytes:
		return fail(fmt.Errorf("is too long: one file can have %d MiB, all together %d MiB", MaxFileBytes>>20, MaxAllBytes>>20))
	case len(l.files) == MaxFiles:
		return fail(fmt.Errorf("is one file too many: a policy can have %d", MaxFiles))
	}
	data, err := readAtMost(l.root, full, MaxFileBytes)
	if err != nil {
		return fail(reason(err))
	}
	f := File{Name: full, SHA256: sha256.Sum256(data), Data: data}
	l.files[full] = f
	l.bytes += int64(len(data))
	return f, nil
}

var errTooLong = errors.New("is too long")

// readAtMost reads a file that may grow while it is read.
func readAtMost(fsys fs.FS, name string, most int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = errTooLong
	}
	return data, err
}

// reason takes the path off an error that will get one of its own.
func reason(err error) error {
	if p, ok := err.(*fs.PathError); ok {
		return p.Err
	}
	return err
}

func (l *library) full(name string) string {
	if rest, ok := strings.CutPrefix(name, "/"); ok {
		return path.Clean(rest)
	}
	return path.Join(l.dir, name)
}

// list returns all files that were read but the policy itself, which goes first.
func (l *library) list(policy File) []File {
	others := slices.SortedFunc(maps.Values(l.files), func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	return append([]File{policy}, others...)
}

// opened is a file in memory.
type opened struct {
	File
	rest []byte
}

func (f *opened) Stat() (fs.FileInfo, error) { return fileInfo{f.File}, nil }
func (f *opened) Close() error               { return nil }

func (f *opened) Read(b []byte) (int, error) {
	if len(f.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, f.rest)
	f.rest = f.rest[n:]
	return n, nil
}

type fileInfo struct{ file File }

func (i fileInfo) Name() string       { return path.Base(i.file.Name) }
func (i fileInfo) Size() int64        { return int64(len(i.file.Data)) }
func (i fileInfo) Mode() fs.FileMode  { return 0o444 }
func (i fileInfo) ModTime() time.Time { return time.Time{} }
func (i fileInfo) IsDir() bool        { return false }
func (i fileInfo) Sys() any           { return nil }
