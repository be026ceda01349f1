package fsx

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// RemoveDir removes a folder so that a reader sees all of it or nothing; what a killed
// process leaves of it [Sweep] removes. One that is not there is no error.
func RemoveDir(dir string) error {
	sweep(dir)
	tmp := partialName(dir)
	if err := os.Rename(dir, tmp); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(tmp), syncDir(filepath.Dir(dir)))
}
