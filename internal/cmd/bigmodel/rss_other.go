//go:build !linux && !darwin && !freebsd

package main

import (
	"errors"
	"os"
)

func maxRSS(*os.ProcessState) (int64, error) {
	return 0, errors.New("resident memory is not measured on this system")
}
