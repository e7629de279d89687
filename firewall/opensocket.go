package firewall

import (
	"errors"
	"time"
)

// openSocket is Open for the kinds that divert to a socket.
func openSocket(k Kind, f Features, run runner) (Backend, error) {
	if k == Auto {
		best, err := f.Best()
		if err != nil {
			return nil, err
		}
		k = best
	}
	switch k {
	case PF:
		return &pf{run: run, sleep: time.Sleep}, nil
	case IPFW:
		return &ipfw{run: run}, nil
	}
	return nil, ErrUnsupported
}

// removeOtherSockets is RemoveOthers for these kinds.
func removeOtherSockets(k Kind, f Features, run runner) error {
	var errs []error
	for _, other := range []Kind{IPFW, PF} {
		if other == k || !f.Has(other) {
			continue
		}
		b, err := openSocket(other, f, run)
		if err == nil {
			err = b.Remove()
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
