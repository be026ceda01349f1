//go:build !linux

package fsx

import "os"

// beginSync does nothing where the system cannot be asked.
func beginSync(*os.File, int64, int64) {}

// copyRange is not to be had here.
func copyRange(_, _ *os.File, _, _ int64) int64 { return 0 }

// reserve does nothing where the system cannot be asked.
func reserve(*os.File, int64) error { return nil }
