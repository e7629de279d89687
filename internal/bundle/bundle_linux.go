// Package bundle packs a policy and every file it names into one sealed memory file, so that a process without access to files
// can load exactly what was checked, and a reload is one descriptor.
package bundle

import (
	"archive/zip"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// A File is one file of a bundle. Name is a valid fs path.
type File struct {
	Name string
	Data []byte
}

// nameFile holds the name of the policy among the others.
const nameFile = ".policy"

// Pack returns a memory file that holds files, the first of which is the policy. Nobody can change it any more.
func Pack(files []File) (*os.File, error) {
	if len(files) == 0 {
		return nil, fmt.Errorf("bundle: no files")
	}
	fd, err := unix.MemfdCreate("weir-policy", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("bundle: memory file: %w", err)
	}
	f := os.NewFile(uintptr(fd), "policy bundle")
	z := zip.NewWriter(f)
	for _, file := range append([]File{{nameFile, []byte(files[0].Name)}}, files...) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: file.Name, Method: zip.Store})
		if err == nil {
			_, err = w.Write(file.Data)
		}
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("bundle: %s: %w", file.Name, err)
		}
	}
	if err := z.Close(); err != nil {
		f.Close()
		return nil, fmt.Errorf("bundle: %w", err)
	}
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		f.Close()
		return nil, fmt.Errorf("bundle: seal: %w", err)
	}
	return f, nil
}

// Open returns the files of a bundle and the name of the policy among them. f must stay open as long as they are used.
func Open(f *os.File) (root fs.FS, policy string, err error) {
	info, err := f.Stat()
	if err != nil {
		return nil, "", fmt.Errorf("bundle: %w", err)
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil {
		return nil, "", fmt.Errorf("bundle: %w", err)
	}
	name, err := fs.ReadFile(z, nameFile)
	if err != nil {
		return nil, "", fmt.Errorf("bundle: %w", err)
	}
	return z, string(name), nil
}
