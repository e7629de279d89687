//go:build linux || freebsd || openbsd

// Package bundle packs a policy and every file it names into one file without a name that nobody can change, so that a process without access to files
// can load exactly what was checked, and a reload is one descriptor.
package bundle

import (
	"archive/zip"
	"fmt"
	"io/fs"
	"os"

	"github.com/weir-project/weir/internal/memfile"
)

// A File is one file of a bundle. Name is a valid fs path.
type File struct {
	Name string
	Data []byte
}

// nameFile holds the name of the policy among the others.
const nameFile = ".policy"

// Pack returns a file that holds files, the first of which is the policy. Nobody can change it any more.
func Pack(files []File) (*os.File, error) {
	if len(files) == 0 {
		return nil, fmt.Errorf("bundle: no files")
	}
	f, err := memfile.ReadOnly("weir-policy", func(f *os.File) error { return write(f, files) })
	if err != nil {
		return nil, fmt.Errorf("bundle: %w", err)
	}
	return f, nil
}

func write(f *os.File, files []File) error {
	z := zip.NewWriter(f)
	for _, file := range append([]File{{nameFile, []byte(files[0].Name)}}, files...) {
		w, err := z.CreateHeader(&zip.FileHeader{Name: file.Name, Method: zip.Store})
		if err == nil {
			_, err = w.Write(file.Data)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file.Name, err)
		}
	}
	return z.Close()
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
