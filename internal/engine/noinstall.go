//go:build !(cgo && !noxla && ((linux && (amd64 || arm64)) || (darwin && arm64)))

package engine

import "context"

// Install is for binaries that have the engine xla.
func Install(_ context.Context, name string) (Plugin, error) {
	return Plugin{}, notBuilt("xla:" + name)
}
