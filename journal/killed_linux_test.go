package journal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/weir-project/weir/internal/memfile"
)

// The test binary runs itself again as the writer that is killed; the journal is its descriptor 3.
func TestMain(m *testing.M) {
	if os.Getenv("WEIR_TEST_JOURNAL") == "" {
		os.Exit(m.Run())
	}
	if err := write(os.NewFile(3, "journal")); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const keysOfTest = 20

// write goes on where the journal ends, for ever: it counts each key up, and fills the value with
// the count. On standard output it says each count once it is promised, in rounds of all keys.
func write(f *os.File) error {
	j, err := Open(f)
	if err != nil {
		return err
	}
	s := j.Shard(0)
	n := uint64(0)
	for _, v := range s.All() {
		n = max(n, binary.BigEndian.Uint64(v))
	}
	out := os.Stdout
	for n++; ; n++ {
		for k := range keysOfTest {
			if !s.Put(fmt.Append(nil, "key", k), filled(n, k)) {
				return fmt.Errorf("no room: %+v", s.Stats())
			}
		}
		if _, err := out.Write(binary.BigEndian.AppendUint64(nil, n)); err != nil {
			return err
		}
	}
}

// filled is a value of a size that depends on its count.
func filled(n uint64, key int) []byte {
	v := bytes.Repeat([]byte{byte(n), byte(key)}, int(n*37%2000)+4)
	binary.BigEndian.PutUint64(v, n)
	return v
}

// TestKilledWriters kills writers at random moments. Every key has the last value that was
// promised, or the one that was being written, whole.
func TestKilledWriters(t *testing.T) {
	lives := 60
	if testing.Short() {
		lives = 8
	}
	f, err := Create("weir-journal-test", Config{Slots: keysOfTest})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	total, stale, torn := uint64(0), 0, 0
	for life := range lives {
		promised := oneLife(t, f)
		j, err := Open(f)
		if err != nil {
			t.Fatal(err)
		}
		s := j.Shard(0)
		st := s.Stats()
		stale, torn = stale+st.Stale, torn+st.Torn
		if st.Found != keysOfTest {
			t.Fatalf("life %d: %+v", life, st)
		}
		for k := range keysOfTest {
			v, ok := s.Get(fmt.Append(nil, "key", k))
			if !ok || len(v) < 8 {
				t.Fatalf("life %d: key %d is gone", life, k)
			}
			n := binary.BigEndian.Uint64(v)
			if n < promised || !bytes.Equal(v, filled(n, k)) {
				t.Fatalf("life %d: key %d is at %d, promised %d, whole %v", life, k, n, promised, bytes.Equal(v, filled(n, k)))
			}
			total = max(total, n)
		}
		j.Close()
	}
	if torn != 0 {
		t.Errorf("%d torn records were committed", torn)
	}
	t.Logf("%d kills, %d records written, %d times killed between commit and release", lives, total*keysOfTest, stale)
}

// oneLife runs a writer and kills it, and returns what it had promised.
func oneLife(t *testing.T, f *os.File) (promised uint64) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{"WEIR_TEST_JOURNAL=1"}
	cmd.ExtraFiles = []*os.File{f}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(out)
	end := time.Now().Add(time.Duration(1000+rand.IntN(8000)) * time.Microsecond)
	var b [8]byte
	killed := false
	for {
		if _, err := r.Read(b[:]); err != nil {
			break
		}
		// Messages of 8 bytes in a pipe come whole: the buffer is a multiple of 8.
		promised = binary.BigEndian.Uint64(b[:])
		if !killed && time.Now().After(end) {
			_ = cmd.Process.Kill()
			killed = true
		}
	}
	_ = cmd.Wait()
	if !killed || promised == 0 {
		t.Fatal("the writer ended by itself")
	}
	return promised
}

func TestSharedFileIsSealed(t *testing.T) {
	f, err := Create("weir-journal-test", Config{Slots: 2, Value: 10})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Truncate(0) == nil || f.Truncate(1<<20) == nil {
		t.Error("the file can be resized")
	}
	plain, err := os.CreateTemp(t.TempDir(), "journal")
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	if _, err := Open(plain); err == nil {
		t.Error("opened a file that can shrink")
	}
	empty, err := memfile.Shared("no journal", 2*pageSize, func([]byte) {})
	if err != nil {
		t.Fatal(err)
	}
	defer empty.Close()
	if _, err := Open(empty); err == nil {
		t.Error("opened zeros")
	}
	if _, err := Create("too big", Config{Slots: MaxSlots, Value: MaxValue}); err == nil {
		t.Error("made a journal beyond all bounds")
	}
}
