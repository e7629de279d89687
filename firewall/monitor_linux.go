package firewall

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// listen sends who changed our table, from the time it returns until ctx ends. Where
// the kernel does not tell (iptables, no permission) it sends nothing.
func listen(ctx context.Context, b Backend, events chan<- string) {
	n, ok := b.(*nft)
	if !ok {
		return
	}
	cfg := &netlink.Config{}
	if n.ns != nil {
		cfg.NetNS = int(n.ns.Fd())
	}
	conn, err := netlink.Dial(unix.NETLINK_NETFILTER, cfg)
	if err != nil {
		return
	}
	if err := conn.JoinGroup(unix.NFNLGRP_NFTABLES); err != nil {
		conn.Close()
		return
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	go func() {
		defer func() {
			if stop() {
				conn.Close()
			}
		}()
		receive(conn, events)
	}()
}

// receive reads events until the socket is closed. A transaction ends with a message
// that names its author (NFT_MSG_NEWGEN).
func receive(conn *netlink.Conn, events chan<- string) {
	touched := false
	for {
		msgs, err := conn.Receive()
		if errors.Is(err, unix.ENOBUFS) {
			tell(events, "") // events were lost: it may have been our table
			continue
		}
		if err != nil {
			return
		}
		for _, m := range msgs {
			switch {
			case m.Header.Type>>8 != unix.NFNL_SUBSYS_NFTABLES || len(m.Data) < 4:
			case m.Header.Type&0xff == unix.NFT_MSG_NEWGEN:
				if touched {
					tell(events, author(m.Data[4:]))
				}
				touched = false
			case tableOf(m.Data[4:]) == TableName:
				touched = true
			}
		}
	}
}

// tell leaves one event waiting; the comparison that follows sees all changes.
func tell(events chan<- string, by string) {
	select {
	case events <- by:
	default:
	}
}

// tableOf returns the table that a message about a table, chain, rule, set, element or
// object names: for each of them that is attribute 1 (NFTA_TABLE_NAME and its like).
func tableOf(attrs []byte) string {
	ad, err := netlink.NewAttributeDecoder(attrs)
	if err != nil {
		return ""
	}
	for ad.Next() {
		if ad.Type() == unix.NFTA_TABLE_NAME {
			return ad.String()
		}
	}
	return ""
}

func author(attrs []byte) string {
	ad, err := netlink.NewAttributeDecoder(attrs)
	if err != nil {
		return ""
	}
	ad.ByteOrder = binary.BigEndian
	var name string
	var pid uint32
	for ad.Next() {
		switch ad.Type() {
		case unix.NFTA_GEN_PROC_PID:
			pid = ad.Uint32()
		case unix.NFTA_GEN_PROC_NAME:
			name = ad.String()
		}
	}
	if pid == 0 {
		return ""
	}
	return fmt.Sprintf("%s, pid %d", name, pid)
}
