//go:build cgo && !noxla && ((linux && (amd64 || arm64)) || (darwin && arm64))

package engine

import (
	"path/filepath"
	"strings"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
)

var newXLA = func(plugin string) (compute.Backend, error) {
	if err := loadLibrary(plugin); err != nil {
		return nil, err
	}
	xla.EnableAutoInstall(false)
	if strings.Contains(filepath.Base(plugin), "cuda") {
		// fp32 means fp32: TF32 keeps ten bits of a product.
		plugin += ",tf32=false,preallocate=false"
	}
	return xla.New(plugin)
}
