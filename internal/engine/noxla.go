//go:build !(cgo && !noxla && ((linux && (amd64 || arm64)) || (darwin && arm64)))

package engine

import "github.com/gomlx/compute"

var newXLA func(plugin string) (compute.Backend, error)
