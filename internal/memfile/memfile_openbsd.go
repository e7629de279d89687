package memfile

import "os"

// Seals says whether this system has seals. OpenBSD has none: who has a shared file can make mappings of it fault.
const Seals = false

func sealSize(*os.File) error { return nil }

func sizeSealed(*os.File) bool { return true }

// create returns an empty file without a name: one of the file system, as shm_open(3) would.
func create(name string) (*os.File, error) {
	f, err := os.CreateTemp("", name)
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}

// ReadOnly returns a file with what write has written, which nobody who is given it can change.
func ReadOnly(name string, write func(f *os.File) error) (*os.File, error) {
	f, err := os.CreateTemp("", name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	defer os.Remove(f.Name())
	if err := write(f); err != nil {
		return nil, err
	}
	return os.Open(f.Name())
}
