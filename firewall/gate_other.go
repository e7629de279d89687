//go:build !linux

package firewall

// KernelBridge returns the kernel's bridge of which all of the interfaces are ports; "" where Weir cannot be a bridge.
func KernelBridge([]string, Options) string { return "" }

// BridgePorts returns the ports of the kernel's bridge of that name; nil where Weir cannot be a bridge.
func BridgePorts(string, Options) []string { return nil }

// Upon returns the interfaces, and those that receive what comes in at them; only the former where Weir cannot be a bridge.
func Upon(names []string, _ Options) []string { return names }
