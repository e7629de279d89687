package firewall

import (
	"errors"
	"os"
)

// Options says where a Backend works.
type Options struct {
	// NetNS is an open network namespace (/proc/PID/ns/net, /run/netns/NAME), which
	// must stay open; nil is that of the calling thread at each call.
	NetNS *os.File
}

// Open returns the backend of kind k, which f must have (Features.Has). It touches
// nothing yet.
func Open(k Kind, f Features, o Options) (Backend, error) {
	if k == Auto {
		best, err := f.Best()
		if err != nil {
			return nil, err
		}
		k = best
	}
	switch k {
	case NFT:
		return &nft{ns: o.NetNS}, nil
	case NFTCompat:
		return &nft{ns: o.NetNS, dialect: nftDialect{xtQueue: true, xtConnMark: !f.ConnMark}}, nil
	case IPTables:
		return &iptables{ns: o.NetNS, ipv6: f.IPv6}, nil
	case Bridge:
		return &gate{ns: o.NetNS}, nil
	}
	return nil, ErrUnsupported
}

// RemoveOthers takes away what any backend but that of kind k has written, of whatever process; with k
// Auto what any has. It looks where f says that there can be something.
func RemoveOthers(k Kind, f Features, o Options) error {
	var errs []error
	if f.NFTables && k != NFT && k != NFTCompat { // these two write the same table
		errs = append(errs, (&nft{ns: o.NetNS}).Remove())
	}
	if f.IPTables != "" && k != IPTables {
		errs = append(errs, (&iptables{ns: o.NetNS, ipv6: f.IP6Tables != ""}).Remove())
	}
	return errors.Join(errs...)
}
