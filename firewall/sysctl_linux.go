package firewall

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// sysctlState is the file that SetSysctls leaves, so that a later process can put the
// settings back. A reboot or another namespace voids it.
type sysctlState struct {
	BootID string         `json:"boot_id"`
	NetNS  uint64         `json:"netns"` // inode of the namespace
	Saved  []sysctlChange `json:"saved"`
}

type sysctlChange struct {
	Name string `json:"name"`
	Was  string `json:"was"`
	Set  string `json:"set"`
}

const sysctlRoot = "/proc/sys/"

// SetSysctls gives the settings their values and records the former ones in the file
// at path, before it changes anything. Leftovers of a crashed predecessor in that file
// keep their former values, which are the true ones. With no settings it only restores
// such leftovers.
func SetSysctls(path string, settings []Sysctl, o Options) error {
	return inNetNS(o.NetNS, func() error {
		old, err := readSysctlState(path)
		if err != nil {
			return err
		}
		next, err := currentState()
		if err != nil {
			return err
		}
		for _, s := range settings {
			was, err := readSysctl(s.Name)
			if err != nil {
				return fmt.Errorf("firewall: setting %s: %w (is connection tracking on in this namespace?)", s.Name, err)
			}
			for _, c := range old.Saved {
				if c.Name == s.Name && c.Set == was {
					was = c.Was
				}
			}
			next.Saved = append(next.Saved, sysctlChange{Name: s.Name, Was: was, Set: s.Value})
		}
		if err := old.restoreExcept(next.Saved); err != nil {
			return err
		}
		if len(settings) == 0 {
			return removeState(path)
		}
		if err := next.write(path); err != nil {
			return err
		}
		for _, s := range settings {
			if err := writeSysctl(s.Name, s.Value); err != nil {
				return err
			}
		}
		return nil
	})
}

// RestoreSysctls puts back what SetSysctls recorded at path and removes the file. A
// setting that somebody has changed since stays as it is. Without the file there is
// nothing to do.
func RestoreSysctls(path string, o Options) error {
	return inNetNS(o.NetNS, func() error {
		old, err := readSysctlState(path)
		if err != nil {
			return err
		}
		if err := old.restoreExcept(nil); err != nil {
			return err
		}
		return removeState(path)
	})
}

// restoreExcept puts back the settings that keep does not name.
func (s sysctlState) restoreExcept(keep []sysctlChange) error {
	var errs []error
	for _, c := range s.Saved {
		kept := false
		for _, k := range keep {
			kept = kept || k.Name == c.Name
		}
		if now, err := readSysctl(c.Name); !kept && err == nil && now == c.Set {
			errs = append(errs, writeSysctl(c.Name, c.Was))
		}
	}
	return errors.Join(errs...)
}

func removeState(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("firewall: %w", err)
	}
	return nil
}

// readSysctlState returns the state at path, empty if there is none or it is void.
func readSysctlState(path string) (sysctlState, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return sysctlState{}, nil
	}
	if err != nil {
		return sysctlState{}, fmt.Errorf("firewall: saved settings: %w", err)
	}
	var s sysctlState
	if err := json.Unmarshal(b, &s); err != nil {
		return sysctlState{}, fmt.Errorf("firewall: saved settings in %s cannot be read: %w; check %snet/netfilter and remove the file", path, err, sysctlRoot)
	}
	now, err := currentState()
	if err != nil || s.BootID != now.BootID || s.NetNS != now.NetNS {
		return sysctlState{}, err
	}
	return s, nil
}

// currentState returns an empty state of this boot and namespace.
func currentState() (sysctlState, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return sysctlState{}, fmt.Errorf("firewall: %w", err)
	}
	ns, err := os.Stat("/proc/thread-self/ns/net")
	if err != nil {
		return sysctlState{}, fmt.Errorf("firewall: %w", err)
	}
	return sysctlState{BootID: strings.TrimSpace(string(id)), NetNS: ns.Sys().(*syscall.Stat_t).Ino}, nil
}

// write replaces the file at path as a whole.
func (s sysctlState) write(path string) error {
	b, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		return fmt.Errorf("firewall: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("firewall: save settings: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("firewall: save settings: %w", err)
	}
	return nil
}

func readSysctl(name string) (string, error) {
	b, err := os.ReadFile(sysctlRoot + name)
	return strings.TrimSpace(string(b)), err
}

func writeSysctl(name, value string) error {
	if err := os.WriteFile(sysctlRoot+name, []byte(value+"\n"), 0o644); err != nil {
		return fmt.Errorf("firewall: set %s to %s: %w", name, value, err)
	}
	return nil
}
