package control

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestAlone(t *testing.T) {
	first, err := Alone()
	if err != nil {
		t.Skipf("SKIPPED: a weir runs beside this test: %v", err)
	}
	want := fmt.Sprintf("another weir (pid %d)", os.Getpid())
	if _, err := Alone(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a second one: %v", err)
	}
	first.Close()
	again, err := Alone()
	if err != nil {
		t.Fatalf("after the first has gone: %v", err)
	}
	again.Close()
}
