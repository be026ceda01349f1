//go:build !linux

package fsx

import "os"

// BeginSync does nothing where the system cannot be asked.
func BeginSync(*os.File, int64, int64) {}
