package main

import (
	"log/slog"
	"strings"

	"github.com/weir-project/weir/firewall"
	"github.com/weir-project/weir/packet"
)

// warnBridge says so where frames will not do without weir what the policy wants.
func warnBridge(log *slog.Logger, ports []string, absent packet.Verdict) {
	names := strings.Join(ports, " and ")
	switch bridge := firewall.KernelBridge(ports, firewall.Options{}); {
	case absent == packet.Accept && bridge == "":
		log.Warn("outcomes.absent is pass, and nothing will cross while there is no weir: make both interfaces ports of one bridge of the kernel", "interfaces", names)
	case absent == packet.Drop && bridge != "":
		log.Warn("outcomes.absent is drop, and the kernel's bridge will carry frames while there is no weir: take the interfaces out of it", "interfaces", names, "bridge", bridge)
	}
}
