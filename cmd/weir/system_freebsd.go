package main

const (
	defaultPolicy = "/usr/local/etc/weir/weir.yaml"
	confinement   = "as nobody in an empty root directory"
)
