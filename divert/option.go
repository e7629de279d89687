package divert

import (
	"os"
	"time"

	"github.com/weir-project/weir/packet"
)

// What the zero Config stands for.
const (
	defaultQueueLen   = 65535
	defaultRecvBuffer = 32 << 20
	defaultBatch      = 64
	maxCopyRange      = 65531 // a netlink attribute's 16-bit length less its header
	maxBatch          = 1024  // UIO_MAXIOV
)

// WithQueueLen sets how many packets may wait in the kernel.
func WithQueueLen(packets int) Option { return func(c *Config) { c.QueueLen = packets } }

// WithCopyRange sets how many bytes of each packet are copied. A packet that is longer
// arrives truncated and can be accepted or dropped, not changed.
func WithCopyRange(bytes int) Option { return func(c *Config) { c.CopyRange = bytes } }

// WithRecvBuffer sets the size of the socket's receive buffer.
func WithRecvBuffer(bytes int) Option { return func(c *Config) { c.RecvBuffer = bytes } }

// WithBatch sets how many packets one receive may bring, 1 to 1024. Each costs up to
// 68 KiB of memory, once a packet of that size has come.
func WithBatch(packets int) Option { return func(c *Config) { c.Batch = packets } }

// WithFailOpen lets the kernel pass packets uninspected when the queue or the receive
// buffer is full.
func WithFailOpen() Option { return func(c *Config) { c.FailOpen = true } }

// WithoutGSO has the kernel cut offload-sized packets before delivery.
func WithoutGSO() Option { return func(c *Config) { c.NoGSO = true } }

// WithUnfinished sets what becomes of packets that the caller of Packets or Each forgot.
func WithUnfinished(v packet.Verdict) Option { return func(c *Config) { c.Unfinished = v } }

// WithSpin makes Recv poll this long before it sleeps: lower latency for a busy CPU.
func WithSpin(d time.Duration) Option { return func(c *Config) { c.Spin = d } }

// WithKeptProcessor has Recv, while packets come, wait for the next ones without giving Go's processor (GOMAXPROCS) away, for
// 16 ms at most: to have it back takes longer than a verdict. It is for programs with one processor more than goroutines that
// receive: without a spare one, other goroutines run up to 16 ms late, and garbage is collected in 160 ms instead of 1. NFQUEUE and bridges.
func WithKeptProcessor() Option { return func(c *Config) { c.KeepsCPU = true } }

// WithParent has Recv, Finish and Inject of a bridge fail as soon as the process that started this one has ended. It is for one that was stopped meanwhile:
// what waits for it has gone another way by then.
func WithParent() Option { return func(c *Config) { c.Parent = os.Getppid() } }

// WithInjectMark opens a raw socket for Inject, whose datagrams carry this packet mark.
// A rule must exempt the mark, or they are diverted again.
func WithInjectMark(mark uint32) Option { return func(c *Config) { c.InjectMark = mark } }

// WithUntrackedMark gives datagrams of InjectUntracked these bits beside the mark of WithInjectMark. A
// rule at the raw priority of the output hook must say notrack to such packets. Linux before 5.5 sends
// them without: there, InjectUntracked is the same as InjectOut.
func WithUntrackedMark(bits uint32) Option { return func(c *Config) { c.UntrackedMark = bits } }

// configure returns the Config that the options ask for, defaults filled in and limits
// applied.
func configure(opts []Option) Config {
	var c Config
	for _, o := range opts {
		o(&c)
	}
	if c.QueueLen <= 0 {
		c.QueueLen = defaultQueueLen
	}
	if c.CopyRange <= 0 || c.CopyRange > maxCopyRange {
		c.CopyRange = maxCopyRange
	}
	if c.RecvBuffer <= 0 {
		c.RecvBuffer = defaultRecvBuffer
	}
	if c.Batch <= 0 {
		c.Batch = defaultBatch
	}
	c.Batch = min(c.Batch, maxBatch)
	if c.Unfinished != packet.Accept {
		c.Unfinished = packet.Drop
	}
	return c
}
