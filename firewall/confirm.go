package firewall

import (
	"errors"
	"time"
)

// A Confirm guards new rules: unless somebody confirms in time, the previous state
// comes back. It keeps no clock and runs nothing; its owner asks Due with the time.
type Confirm struct {
	previous *Ruleset // nil: no rules
	deadline time.Duration
	done     bool
}

// ErrTooLate is the error of a confirmation that comes after the deadline or twice.
var ErrTooLate = errors.New("firewall: nothing to confirm: the time is over or it was confirmed already")

// NewConfirm starts at now, on a monotonic clock of the caller's, to wait for window.
// previous is the ruleset that was in place before, nil for none.
func NewConfirm(now, window time.Duration, previous *Ruleset) *Confirm {
	return &Confirm{previous: previous, deadline: now + window}
}

// Confirm keeps the new rules.
func (c *Confirm) Confirm(now time.Duration) error {
	if c.done || now >= c.deadline {
		return ErrTooLate
	}
	c.done = true
	return nil
}

// Left returns how long the owner has left to confirm; 0 when it is decided.
func (c *Confirm) Left(now time.Duration) time.Duration {
	if c.done {
		return 0
	}
	return max(0, c.deadline-now)
}

// Due reports whether the time is over and the previous state must come back.
func (c *Confirm) Due(now time.Duration) bool { return !c.done && now >= c.deadline }

// Revert puts the previous state back. After an error it is still Due, so that the
// owner tries again.
func (c *Confirm) Revert(b Backend) error {
	var err error
	if c.previous == nil {
		err = b.Remove()
	} else {
		err = b.Apply(c.previous)
	}
	c.done = err == nil
	return err
}
