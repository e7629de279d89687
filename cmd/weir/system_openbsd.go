package main

const (
	defaultPolicy = "/etc/weir/weir.yaml"
	confinement   = "as nobody in an empty root directory, by pledge"
)
