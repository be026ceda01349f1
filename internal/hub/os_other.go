//go:build !linux && !darwin && !freebsd

package hub

import (
	"context"
	"errors"
)

// lockFile has no lock to take here: two processes may download the same file.
func lockFile(context.Context, string) (unlock func(), err error) { return func() {}, nil }

func isDiskFull(err error) bool { return errors.Is(err, errNoSpace) }
