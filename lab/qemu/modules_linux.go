package main

import (
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// A moduleIndex says what modules.dep and modules.alias of depmod(8) say.
type moduleIndex struct {
	Files   map[string]moduleFile // by name, with underscores
	Aliases []moduleAlias
}

type moduleFile struct {
	Path    string
	Depends []string
}

type moduleAlias struct{ Pattern, Name string }

// underscores: the kernel makes no difference between the two in names of modules.
func underscores(name string) string { return strings.ReplaceAll(name, "-", "_") }

// add reads what a module says of itself (section .modinfo: "key=value", ended by zero bytes).
func (x *moduleIndex) add(name, file string) error {
	f, err := elf.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	s := f.Section(".modinfo")
	if s == nil {
		return fmt.Errorf("%s: no module", file)
	}
	info, err := s.Data()
	if err != nil {
		return err
	}
	own := underscores(strings.TrimSuffix(path.Base(file), ".ko"))
	m := moduleFile{Path: name}
	for line := range strings.SplitSeq(string(info), "\x00") {
		key, value, _ := strings.Cut(line, "=")
		switch {
		case key == "depends" && value != "":
			for d := range strings.SplitSeq(value, ",") {
				m.Depends = append(m.Depends, underscores(d))
			}
		case key == "alias":
			x.Aliases = append(x.Aliases, moduleAlias{value, own})
		}
	}
	x.Files[own] = m
	return nil
}

// load loads a module and what it depends on.
func (x *moduleIndex) load(name string) error {
	m, ok := x.Files[underscores(name)]
	if !ok {
		return nil // built in, or not of those that were taken along
	}
	for _, d := range m.Depends {
		if err := x.load(d); err != nil {
			return err
		}
	}
	f, err := os.Open(m.Path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), "", 0); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// modprobe is what the kernel calls as "modprobe -q -- ALIAS" (kernel/kmod.c).
func modprobe(args []string) (code int) {
	text, err := os.ReadFile("/lib/modules/index")
	var x moduleIndex
	if err != nil || json.Unmarshal(text, &x) != nil {
		return 1
	}
	code = 1
	for _, want := range args {
		if strings.HasPrefix(want, "-") {
			continue
		}
		names := []string{want}
		for _, a := range x.Aliases {
			if ok, _ := path.Match(underscores(a.Pattern), underscores(want)); ok {
				names = append(names, a.Name)
			}
		}
		for _, name := range names {
			if _, ok := x.Files[underscores(name)]; ok && x.load(name) == nil {
				code = 0
			}
		}
	}
	return code
}
