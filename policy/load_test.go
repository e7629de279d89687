package policy

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/weir-project/weir/inspect"
	"github.com/weir-project/weir/packet"
)

// testFiles are the files beside the policies of tests.
func testFiles(src string) fstest.MapFS {
	fs := fstest.MapFS{
		"etc/weir/weir.yaml":   {Data: []byte(src)},
		"etc/weir/block.txt":   {Data: []byte("one\ntwo\n")},
		"etc/weir/wrong.txt":   {Data: []byte("one\n\nbad line\n")},
		"srv/lists/block.txt":  {Data: []byte("three\n")},
		"etc/weir/lists/a.txt": {Data: []byte("a\n")},
	}
	return fs
}

func loadText(t testing.TB, src string) (*Policy, error) {
	t.Helper()
	return load(testFiles(src), "etc/weir/weir.yaml", Options{Name: "weir.yaml", Apps: []string{"dns", "tls", "http"}}, append([]room{probeRoom}, rooms...))
}

// probe is an inspector of these tests: its configuration has a value of every kind, and it reads
// files.
type probe struct{ name string }

func (p *probe) Name() string { return p.name }
func (p *probe) InspectPacket(*inspect.Context, *packet.Packet) inspect.Decision {
	return inspect.Decision{}
}

type probeConfig struct {
	Lists   []string           `yaml:"lists"`
	Classes []probeClass       `yaml:"classes"`
	Rate    float64            `yaml:"rate"`
	Small   uint8              `yaml:"small"`
	Signed  int16              `yaml:"signed"`
	Yes     bool               `yaml:"yes"`
	TTL     *uint32            `yaml:"ttl"`
	Named   map[string]int     `yaml:"named"`
	Any     any                `yaml:"any"`
	Inner   map[string]Network `yaml:"inner"`
	Wait    Duration           `yaml:"wait"`
	More    probeMore          `yaml:",inline"`
	hidden  int
}

type probeMore struct {
	Extra string `yaml:"extra"`
}

type probeClass struct {
	Name string `yaml:"name"`
	Rate int    `yaml:"rate"`
}

var probeRoom = inspector("probe", func(c probeConfig, env inspect.Env) (inspect.Maker, inspect.Mistakes) {
	var m inspect.Mistakes
	for i, class := range c.Classes {
		if class.Rate <= 0 {
			m.Add(index("classes", i)+".rate", "write 1 or more", "%d is no rate", class.Rate)
		}
	}
	for i, name := range c.Lists {
		checkList(&m, env, index("lists", i), name)
	}
	if c.hidden != 0 {
		m.Add("", "", "the decoder wrote to a field that is not exported")
	}
	return func() inspect.Inspector { return &probe{"probe"} }, m
})

func checkList(m *inspect.Mistakes, env inspect.Env, path, name string) {
	f, err := env.Files.Open(name)
	if err != nil {
		m.Add(path, "", "%v", err)
		return
	}
	var b [1000]byte
	n, _ := f.Read(b[:])
	for i, line := range strings.Split(string(b[:n]), "\n") {
		if strings.Contains(line, " ") {
			*m = append(*m, inspect.Mistake{File: name, Line: i + 1, Col: 1 + strings.Index(line, " "), What: "a space in a name", Hint: "one name a line"})
		}
	}
}

func mustLoad(t testing.TB, src string) *Policy {
	t.Helper()
	p, err := loadText(t, src)
	if err != nil {
		t.Fatalf("%v\n%s", err, src)
	}
	return p
}
