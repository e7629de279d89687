//go:build !linux

package firewall

// KernelBridge returns the kernel's bridge of which all of the interfaces are ports; "" where Weir cannot be a bridge.
func KernelBridge([]string, Options) string { return "" }
