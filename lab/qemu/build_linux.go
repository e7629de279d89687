package main

import (
	"bufio"
	"context"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Commands that tests call, if they are here, and where their plug-ins are.
var (
	commands = []string{
		"sh", "grep", "cat", "sed", "sleep", "nft", "ip", "ss", "xtables-nft-multi", "xtables-legacy-multi",
		"iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore",
		"sysctl", "id", "true", "false", "curl", "dig",
	}
	plugins = []string{"/usr/lib/x86_64-linux-gnu/xtables", "/etc/protocols", "/etc/services", "/etc/iproute2"}
)

// build makes the tests and the first file system of the machine.
func build(ctx context.Context, kernelDir, dir string) (image, initrd string, err error) {
	images, _ := filepath.Glob(filepath.Join(kernelDir, "boot", "vmlinuz-*"))
	modules, _ := filepath.Glob(filepath.Join(kernelDir, "lib", "modules", "*"))
	if len(images) != 1 || len(modules) != 1 {
		return "", "", fmt.Errorf("%s has %d kernels and %d sets of modules, want one of each (lab/qemu/kernel.sh fetches them)", kernelDir, len(images), len(modules))
	}
	initrd = filepath.Join(dir, "initrd")
	f, err := os.Create(initrd)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	a := newArchive(w)
	a.directories("/dev", "/proc", "/sys", "/tmp", "/var/tmp", "/run", "/root", "/usr/sbin", "/usr/bin")
	a.symlink("/bin", "usr/bin")
	a.symlink("/sbin", "usr/sbin")
	self, err := os.Executable()
	if err != nil {
		return "", "", err
	}
	if libs, err := libraries(self); err != nil || len(libs) > 0 {
		return "", "", errors.Join(err, errors.New("this program must be its machine's init, and needs libraries: build it with CGO_ENABLED=0"))
	}
	a.file("/init", self)
	a.symlink("/usr/sbin/modprobe", "/init")
	a.text("/etc/passwd", "root:x:0:0::/root:/bin/sh\nnobody:x:65534:65534::/nonexistent:/bin/false\n")
	a.text("/etc/group", "root:x:0:\nnogroup:x:65534:\n")
	if err := a.userland(); err != nil {
		return "", "", err
	}
	if err := a.modules(modules[0]); err != nil {
		return "", "", err
	}
	if err := a.tests(ctx, dir); err != nil {
		return "", "", err
	}
	return images[0], initrd, errors.Join(a.close(), w.Flush())
}

func (a *archive) userland() error {
	for _, name := range commands {
		path, err := exec.LookPath(name)
		if err != nil {
			if path, err = exec.LookPath("/usr/sbin/" + name); err != nil {
				continue // its tests say that they miss it
			}
		}
		if err := a.program(path); err != nil {
			return err
		}
	}
	for _, path := range plugins {
		if _, err := os.Stat(path); err == nil {
			a.tree(path, path)
		}
	}
	return a.err
}

// program adds a command, under its own name, with its libraries.
func (a *archive) program(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	libs, err := libraries(real)
	if err != nil {
		return err
	}
	a.file(path, real)
	for _, l := range libs {
		a.file(l, l)
	}
	return a.err
}

// libraries asks the loader what an ELF program needs, itself included; nothing, if it is static.
func libraries(path string) ([]string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	if !slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return nil, nil
	}
	out, err := exec.Command("ldd", path).Output()
	if err != nil {
		return nil, fmt.Errorf("ldd %s: %w", path, err)
	}
	var libs []string
	for _, word := range strings.Fields(string(out)) {
		if strings.HasPrefix(word, "/") {
			libs = append(libs, word)
		}
	}
	return libs, nil
}

// Modules that have to do with networks, and what they build on.
var moduleDirs = []string{"kernel/net", "kernel/lib", "kernel/crypto", "kernel/arch/x86/crypto", "kernel/drivers/net", "kernel/drivers/net/wireguard"}

// modules adds the modules, and the index by which modprobe finds them.
func (a *archive) modules(root string) error {
	index := moduleIndex{Files: map[string]moduleFile{}}
	for _, dir := range moduleDirs {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				if d != nil && d.IsDir() && path != filepath.Join(root, dir) && dir == "kernel/drivers/net" {
					return filepath.SkipDir // cards
				}
				return err
			}
			if !strings.HasSuffix(path, ".ko") {
				return nil
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			a.file("/lib/modules/"+rel, path)
			return index.add("/lib/modules/"+rel, path)
		})
		if err != nil {
			return err
		}
	}
	text, err := json.Marshal(index)
	a.text("/lib/modules/index", string(text))
	return errors.Join(err, a.err)
}

// tests builds what there is to run, and adds what it reads.
func (a *archive) tests(ctx context.Context, dir string) error {
	weir := filepath.Join(dir, "weir")
	if err := compile(ctx, "build", "-o", weir, "./cmd/weir"); err != nil {
		return err
	}
	a.file("/usr/bin/weir", weir)
	var order []string
	for _, j := range jobs {
		binary := filepath.Join(dir, filepath.Base(j.Room)+".test")
		if err := compile(ctx, "test", "-c", "-o", binary, "./"+j.Room); err != nil {
			return err
		}
		at := "/src/" + j.Room
		a.file("/src/"+testOf(j.Room), binary)
		if data := filepath.Join(j.Room, "testdata"); isDir(data) {
			a.tree(at+"/testdata", data)
		}
		order = append(order, j.Room+" "+j.Run)
	}
	a.tree("/src/docs", "docs") // whose commands are tried
	a.tree("/src/examples", "examples")
	a.text("/jobs", strings.Join(order, "\n"))
	return a.err
}

// testOf is where a room's tests are below /src.
func testOf(room string) string { return room + "/" + filepath.Base(room) + ".test" }

func compile(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

func isDir(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.IsDir()
}
