package stats

import (
	"time"

	"github.com/weir-project/weir/inspect"
)

// Config is the stats block of a policy. The zero Config is complete.
type Config struct {
	// Interval is how often counts are told: default 10s, 1s to 24h. They are told at the end of a run too.
	Interval time.Duration `yaml:"interval,omitempty"`

	// Flows tells of each flow when it ends.
	Flows bool `yaml:"flows,omitempty"`

	// Top is how many talkers are told: default 10, at most 20.
	Top int `yaml:"top,omitempty"`

	// Counters is how many addresses are followed to find them: default 256, 64 to 65536. Of T bytes, no talker's count is too
	// high by more than T/Counters.
	Counters int `yaml:"counters,omitempty"`
}

// settings are a Config, checked; lanes share them.
type settings struct {
	interval time.Duration
	flows    bool
	top      int
	counters int
	appKeys  [maxApps + 1][3]string
}

// New checks c and returns what makes the inspectors of it.
func New(c Config, env inspect.Env) (inspect.Maker, inspect.Mistakes) {
	var m inspect.Mistakes
	s := &settings{interval: 10 * time.Second, flows: c.Flows, top: 10, counters: 256}
	if c.Interval != 0 {
		if s.interval = c.Interval; c.Interval < time.Second || c.Interval > 24*time.Hour {
			m.Add("interval", "write 10s; 1s to 24h", "cannot tell counts every %v", c.Interval)
		}
	}
	if c.Top != 0 {
		if s.top = c.Top; c.Top < 0 || c.Top > maxTop {
			m.Add("top", "write 1 to 20", "cannot tell of %d talkers", c.Top)
		}
	}
	if c.Counters != 0 {
		if s.counters = c.Counters; c.Counters < 64 || c.Counters > 65536 {
			m.Add("counters", "write 64 to 65536", "%d is not a number of counters", c.Counters)
		}
	}
	if len(m) > 0 {
		return nil, m
	}
	s.appKeys[0] = keys("unknown")
	for i, name := range env.Apps[:min(len(env.Apps), maxApps-1)] {
		s.appKeys[i+1] = keys(name)
	}
	for i := len(env.Apps) + 1; i <= maxApps; i++ {
		s.appKeys[i] = keys("other")
	}
	if len(env.Apps) >= maxApps {
		s.appKeys[maxApps] = keys("other")
	}
	return func() inspect.Inspector {
		return &Inspector{set: s, talkers: newSketch(s.counters)}
	}, nil
}
