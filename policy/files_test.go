package policy

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
)

// TestFilesAreReadOnce wants lists to count from the policy's directory or from the root, and to be
// part of the fingerprint.
func TestFilesAreReadOnce(t *testing.T) {
	p := mustLoad(t, "inspect: {probe: {lists: [block.txt, /srv/lists/block.txt, ./lists/../block.txt, lists/a.txt]}}\n")
	var names []string
	for _, f := range p.Files() {
		names = append(names, f.Name)
	}
	if want := []string{"etc/weir/weir.yaml", "etc/weir/block.txt", "etc/weir/lists/a.txt", "srv/lists/block.txt"}; !slices.Equal(names, want) {
		t.Errorf("files %v, want %v", names, want)
	}
	other := testFiles("inspect: {probe: {lists: [block.txt]}}\n")
	load1, err1 := load(other, "etc/weir/weir.yaml", Options{}, []room{probeRoom})
	other["etc/weir/block.txt"].Data = []byte("other\n")
	load2, err2 := load(other, "etc/weir/weir.yaml", Options{}, []room{probeRoom})
	if err1 != nil || err2 != nil || load1.Fingerprint() == load2.Fingerprint() {
		t.Errorf("a changed list does not change the fingerprint (%v, %v)", err1, err2)
	}
	changes, effect := load2.Changes(load1)
	if len(changes) != 1 || changes[0].Key != "files.etc/weir/block.txt" || effect != EffectProgram {
		t.Errorf("changes %+v", changes)
	}
}

func TestFileBounds(t *testing.T) {
	l := library{root: testFiles(""), dir: "etc/weir", files: make(map[string]File)}
	b, err := fs.ReadFile(&l, "block.txt")
	if err != nil || string(b) != "one\ntwo\n" {
		t.Fatalf("%q, %v", b, err)
	}
	l.bytes = MaxAllBytes
	if _, err := l.Open("lists/a.txt"); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("beyond all bytes: %v", err)
	}
	if f, err := l.Open("block.txt"); err != nil {
		t.Errorf("what was read is there: %v", err)
	} else if info, err := f.Stat(); err != nil || info.Name() != "block.txt" || info.Size() != 8 {
		t.Errorf("%v, %v", info, err)
	}
	l.bytes = 0
	for i := len(l.files); i < MaxFiles; i++ {
		l.files[fmt.Sprint(i)] = File{}
	}
	if _, err := l.Open("lists/a.txt"); err == nil || !strings.Contains(err.Error(), "one file too many") {
		t.Errorf("beyond the number of files: %v", err)
	}
}
