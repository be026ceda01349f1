package checkpoints

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/advice"
	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// CheckOutput refuses what [Write] would refuse of the folder dir, to be asked before
// long work: one of the inputs, or a folder around it; a file; a folder that is not
// empty, unless overwrite is set and it is a model's or a run's. Paths are compared
// absolute and with links followed.
func CheckOutput(dir string, overwrite bool, inputs ...string) error {
	if dir == "" {
		return errors.New("write output: no folder given")
	}
	if err := CheckFolder(dir); err != nil {
		return err
	}
	path, err := fsx.Resolve(dir)
	if err != nil {
		return fmt.Errorf("write %s: %w", dir, err)
	}
	for _, input := range inputs {
		if err := checkApart(path, input); err != nil {
			return fmt.Errorf("write %s: %w", dir, err)
		}
	}
	switch _, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("write %s: %w", dir, bare(err))
	}
	if err := checkReplaceable(path, overwrite); err != nil {
		return fmt.Errorf("write %s: %w", dir, err)
	}
	return nil
}

// CheckFolder refuses a path at which no folder can be made, because a file is there or on
// the way. It is part of [CheckOutput], for those who check the rest in another way.
func CheckFolder(dir string) error {
	for at := filepath.Clean(dir); ; at = filepath.Dir(at) {
		stat, err := os.Stat(at)
		switch {
		case err == nil && !stat.IsDir():
			return advice.On(fmt.Errorf("write %s: %s is a file, want a folder or nothing there", dir, at),
				"choose another folder with -o, or move that file away")
		case err == nil || filepath.Dir(at) == at:
			return nil
		}
	}
}

func checkApart(path, input string) error {
	in, err := fsx.Resolve(input)
	if err != nil {
		return err
	}
	switch {
	case path == in || sameFile(path, in):
		return advice.On(fmt.Errorf("output is the input %s", input), "choose another folder")
	case within(in, path):
		return advice.On(fmt.Errorf("output holds the input %s", input), "choose another folder")
	}
	return nil
}

// sameFile tells of folders that have two names, as on file systems that ignore case.
func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// within reports whether path lies in dir, at any depth, or is dir.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// outputMarks are files of which a folder that we may replace has at least one.
var outputMarks = []string{configName, singleName, indexName, "linearize.json", "recipe.yaml", "adapter_config.json"}

func checkReplaceable(path string, overwrite bool) error {
	if filepath.Dir(path) == path {
		return errors.New("this is the root folder, which is never replaced")
	}
	for _, keep := range []struct {
		what string
		path func() (string, error)
	}{{"home", os.UserHomeDir}, {"working", os.Getwd}} {
		given, err := keep.path()
		if err != nil {
			continue // there is none to protect
		}
		if kept, err := fsx.Resolve(given); err == nil && within(kept, path) {
			return fmt.Errorf("this is or holds the %s folder, which is never replaced", keep.what)
		}
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return bare(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	switch {
	case len(names) == 0:
		return nil
	case !overwrite:
		return advice.On(fmt.Errorf("folder is not empty: it holds %s", some(names)), "choose another folder, or replace this one with --overwrite")
	case !slices.ContainsFunc(outputMarks, func(mark string) bool { return slices.Contains(names, mark) }):
		return advice.On(fmt.Errorf("folder holds %s, which is no model or run to replace", some(names)), "choose another folder, or remove this one yourself")
	}
	return nil
}

// some lists the first few names.
func some(names []string) string {
	const most = 4
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
