//go:build linux || freebsd || openbsd

package bundle

import (
	"io/fs"
	"testing"
)

func TestPackAndOpen(t *testing.T) {
	f, err := Pack([]File{{"etc/weir/weir.yaml", []byte("mode: monitor\n")}, {"etc/weir/lists/ads.txt", []byte("ads.example\n")}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	root, policy, err := Open(f)
	if err != nil || policy != "etc/weir/weir.yaml" {
		t.Fatalf("policy %q, %v", policy, err)
	}
	for name, want := range map[string]string{policy: "mode: monitor\n", "etc/weir/lists/ads.txt": "ads.example\n"} {
		if b, err := fs.ReadFile(root, name); string(b) != want || err != nil {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	if _, err := f.WriteAt([]byte("x"), 0); err == nil {
		t.Error("a sealed bundle was written to")
	}
	if err := f.Truncate(0); err == nil {
		t.Error("a sealed bundle was cut")
	}
}
