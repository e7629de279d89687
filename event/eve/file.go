package eve

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Defaults of FileConfig: at most 800 MiB on disk.
const (
	DefaultMaxBytes = 100 << 20
	DefaultKeep     = 7
)

// FileConfig says how a File is kept. All zero values but Path's are usable.
type FileConfig struct {
	Path string

	// MaxBytes is the size at which the file is rotated; only a single longer line makes
	// it longer. 0 means DefaultMaxBytes.
	MaxBytes int64

	// MaxAge cuts files at the multiples of itself since 1970, in UTC: 24h at midnight,
	// across restarts too. 0 means never.
	MaxAge time.Duration

	// Keep is the number of rotated files: Path.1 is the youngest, Path.Keep the oldest.
	// 0 means DefaultKeep.
	Keep int

	// Now is the wall clock that MaxAge goes by; nil means time.Now.
	Now func() time.Time
}

// A File is an Output to a file of mode 0640, with rotation by atomic renames. A line
// that a full disk cut is taken back, or, if that fails, ended, so that no two lines
// run together. If rotation fails, writing goes on in the old file. A file that was
// deleted is made anew; without its directory, that is an error. A last path element
// that is a symbolic link is refused, and so is anything but a regular file or a
// character device (which is never rotated).
type File struct {
	config  FileConfig
	f       *os.File
	regular bool
	size    int64 // bytes, iff regular
	period  int64 // of MaxAge, in which the file was begun or last written before
	torn    bool  // the file does not end at the end of a line
	rotated int
	failed  int
}

// OpenFile opens or makes the file, to append to it.
func OpenFile(config FileConfig) (*File, error) {
	if config.Path == "" || config.MaxBytes < 0 || config.MaxAge < 0 || config.Keep < 0 {
		return nil, errors.New("eve: a file needs a path, and limits that are not negative")
	}
	if config.MaxBytes == 0 {
		config.MaxBytes = DefaultMaxBytes
	}
	if config.Keep == 0 {
		config.Keep = DefaultKeep
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	f := &File{config: config}
	if err := f.open(config.Path, 0); err != nil {
		return nil, err
	}
	return f, nil
}

// open opens path for appending and makes it the current file; the one before is closed.
func (f *File) open(path string, more int) error {
	// A look before opening, since opening a FIFO without a reader would wait.
	if st, err := os.Lstat(path); err == nil && !acceptable(st.Mode()) {
		return fmt.Errorf("eve: %s: neither a regular file nor a character device", path)
	}
	const flags = os.O_RDWR | os.O_APPEND | os.O_CREATE | syscall.O_NOFOLLOW
	file, err := os.OpenFile(path, flags|more, 0o640)
	if err != nil {
		return fmt.Errorf("eve: %w", err)
	}
	st, err := file.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("eve: %w", err), file.Close())
	}
	old := f.f
	f.f, f.regular, f.size, f.torn = file, st.Mode().IsRegular(), st.Size(), false
	f.period = f.periodOf(f.config.Now())
	if f.regular && f.size > 0 {
		f.period = f.periodOf(st.ModTime())
		var last [1]byte
		_, err := file.ReadAt(last[:], f.size-1)
		f.torn = err != nil || last[0] != '\n'
	}
	if old != nil {
		return old.Close()
	}
	return nil
}

func acceptable(m fs.FileMode) bool { return m.IsRegular() || m&fs.ModeCharDevice != 0 }

func (f *File) periodOf(t time.Time) int64 {
	if f.config.MaxAge == 0 {
		return 0
	}
	return t.UnixNano() / int64(f.config.MaxAge)
}

// Write appends lines and rotates where it is due. See Output.
func (f *File) Write(lines []byte) (done, lost int, err error) {
	if err := f.ready(); err != nil {
		return 0, 0, err
	}
	for done < len(lines) {
		n := f.fit(lines[done:])
		if n == 0 {
			if f.rotate() == nil {
				continue
			}
			n = len(lines) - done
		}
		n, err := f.write(lines[done : done+n])
		done += n
		if err != nil {
			return done, 0, err
		}
	}
	return done, 0, nil
}

// ready learns the file's size, which others may change, begins another file if it was
// deleted, since nobody would ever read it, and rotates by age.
func (f *File) ready() error {
	if !f.regular {
		return nil
	}
	st, err := f.f.Stat()
	if err != nil {
		return fmt.Errorf("eve: %w", err)
	}
	if s, ok := st.Sys().(*syscall.Stat_t); ok && s.Nlink == 0 {
		return f.open(f.config.Path, 0)
	}
	f.size = st.Size()
	if now := f.periodOf(f.config.Now()); now > f.period {
		if f.size > 0 && f.rotate() != nil {
			return nil
		}
		f.period = now
	}
	return nil
}

// fit returns the length of the lines that fit the file, at least one if it is empty,
// 0 if it is time to rotate.
func (f *File) fit(lines []byte) int {
	room := f.config.MaxBytes - f.size
	if !f.regular || int64(len(lines)) <= room {
		return len(lines)
	}
	if n := whole(lines[:max(0, room)]); n > 0 {
		return n
	}
	if f.size > 0 {
		return 0
	}
	return bytes.IndexByte(lines, '\n') + 1
}

// write returns how much was written, in whole lines.
func (f *File) write(p []byte) (int, error) {
	if f.torn {
		if _, err := f.f.Write([]byte{'\n'}); err != nil {
			return 0, fmt.Errorf("eve: %w", err)
		}
		f.torn = false
		f.size++
	}
	n, err := f.f.Write(p)
	done := whole(p[:n])
	f.size += int64(done)
	if n > done {
		f.torn = !f.regular || f.f.Truncate(f.size) != nil
	}
	if err != nil {
		return done, fmt.Errorf("eve: %w", err)
	}
	return done, nil
}

// rotate moves the files up by one and begins a new one, which is made first: a disk
// that has no room for it changes nothing. Each rename is atomic. A kill or an error
// between two leaves a gap in the numbers, and the next rotation moves files only up to
// the first gap, so that no history falls off the end twice.
func (f *File) rotate() error {
	err := f.begin()
	if err != nil {
		f.failed++
		return err
	}
	f.rotated++
	return nil
}

func (f *File) begin() error {
	old, fresh := *f, f.config.Path+".new"
	f.f = nil // open shall not close it yet
	if err := f.open(fresh, os.O_TRUNC); err != nil {
		*f = old
		return err
	}
	err := f.shift()
	if err == nil {
		err = os.Rename(fresh, f.config.Path)
	}
	if err != nil {
		err = errors.Join(err, f.f.Close(), os.Remove(fresh))
		*f = old
		return err
	}
	return old.f.Close()
}

// shift frees the path's own name. If it is free already, an earlier rotation stopped
// there and nothing is to be moved.
func (f *File) shift() error {
	name := func(i int) string {
		if i == 0 {
			return f.config.Path
		}
		return fmt.Sprintf("%s.%d", f.config.Path, i)
	}
	gap := 0
	for ; gap < f.config.Keep; gap++ {
		if _, err := os.Lstat(name(gap)); errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	for i := gap; i > 0; i-- {
		if err := os.Rename(name(i-1), name(i)); err != nil {
			return err
		}
	}
	return nil
}

// Reopen opens the path again. If that fails, the old file goes on.
func (f *File) Reopen() error { return f.open(f.config.Path, 0) }

// Rotations returns how often the file was rotated, and how often that failed.
func (f *File) Rotations() (done, failed int) { return f.rotated, f.failed }

// Close closes the file.
func (f *File) Close() error { return f.f.Close() }
