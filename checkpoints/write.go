package checkpoints

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// Output is a model folder to write.
type Output struct {
	Config  *Config
	Tensors []Source
	Files   map[string][]byte // other files, by base name
	Copy    []string          // paths of files to copy byte for byte, under their base names

	// Last are files whose content is asked for when the tensors are written, by base
	// name: it may be worked out meanwhile.
	Last map[string]func() ([]byte, error)

	// Before, which may be nil, is called before each tensor is written. Its error is that
	// of the write.
	Before func(Source) error

	MaxShardSize int64 // bytes of tensors per shard; 0 means DefaultShardSize
	Overwrite    bool  // replace a folder that is not empty

	// NoSync does not wait for the disk, as cp does not, for what can be made again: after
	// a power failure in the half minute or so that follows, files may lack parts, and [Open]
	// tells only that one is too short. It has no effect with Overwrite.
	NoSync bool
}

// Write makes dir a model folder: config.json, model.safetensors or shards with an
// index, and the other files. Everything that can be refused is refused first. The
// files are written into a sibling folder that becomes dir when all of them are on
// the disk, so dir holds the old model, the new one or nothing, even after a crash
// (but see [Output.NoSync]).
func Write(dir string, out Output) error {
	if err := out.check(); err != nil {
		return fmt.Errorf("write %s: %w", dir, err)
	}
	if err := CheckOutput(dir, out.Overwrite, out.inputs()...); err != nil {
		return err
	}
	var err error
	if out.NoSync = out.NoSync && !out.Overwrite; out.NoSync {
		err = fsx.PlaceDir(dir, out.fill)
	} else {
		err = fsx.ReplaceDir(dir, out.Overwrite, out.fill)
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", dir, err)
	}
	return nil
}

// check refuses an output that contradicts itself.
func (out *Output) check() error {
	if out.Config == nil {
		return errors.New("no config")
	}
	if len(out.Tensors) == 0 {
		return errors.New("no tensors")
	}
	if out.MaxShardSize < 0 {
		return fmt.Errorf("shards of %d bytes, want more than 0", out.MaxShardSize)
	}
	var bad problems
	if err := checkSources(out.Tensors); err != nil {
		bad.add(err)
	}
	taken := map[string]bool{configName: true}
	claim := func(name string) {
		switch {
		case name == "" || name == "." || name == ".." || strings.ContainsAny(name, `/\`):
			bad.add(fmt.Errorf("file %q: want a name without a folder", name))
		case strings.HasSuffix(name, ".safetensors") || name == indexName:
			bad.add(fmt.Errorf("file %s: weights are written from tensors", name))
		case taken[name]:
			bad.add(fmt.Errorf("file %s: given twice", name))
		}
		taken[name] = true
	}
	for _, name := range sortedNames(out.Files) {
		claim(name)
	}
	for _, name := range sortedNames(out.Last) {
		claim(name)
	}
	for _, path := range out.Copy {
		claim(filepath.Base(path))
		if stat, err := os.Stat(path); err != nil {
			bad.add(err)
		} else if !stat.Mode().IsRegular() {
			bad.add(fmt.Errorf("file %s: not a regular file", path))
		}
	}
	return bad.err()
}

// inputs returns the folders that the output's bytes come from.
func (out *Output) inputs() []string {
	set := map[string]bool{}
	for _, t := range out.Tensors {
		if t.view.file != nil {
			set[filepath.Dir(t.view.file.path)] = true
		}
	}
	for _, path := range out.Copy {
		set[filepath.Dir(path)] = true
	}
	return sortedNames(set)
}

func (out *Output) fill(tmp string) error {
	before := out.Before
	if before == nil {
		before = func(Source) error { return nil }
	}
	shards := PlanShards(out.Tensors, out.MaxShardSize)
	for _, shard := range shards {
		err := out.create(filepath.Join(tmp, shard.File), func(w *fsx.Writer) error {
			return writeTensors(w, shard.Tensors, map[string]string{"format": "pt"}, before)
		})
		if err != nil {
			return fmt.Errorf("%s: %w", shard.File, err)
		}
	}
	files := map[string][]byte{configName: out.Config.Bytes()}
	if len(shards) > 1 {
		index, err := indexOf(shards)
		if err != nil {
			return err
		}
		files[indexName] = index
	}
	maps.Copy(files, out.Files)
	for name, content := range out.Last {
		data, err := content()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		files[name] = data
	}
	for _, name := range sortedNames(files) {
		if err := os.WriteFile(filepath.Join(tmp, name), files[name], 0o644); err != nil {
			return err
		}
	}
	for _, path := range out.Copy {
		if err := out.copyFile(filepath.Join(tmp, filepath.Base(path)), path); err != nil {
			return err
		}
	}
	return nil
}

func (out *Output) copyFile(to, from string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	stat, err := src.Stat()
	if err != nil {
		return err
	}
	return out.create(to, func(w *fsx.Writer) error { return w.CopyFrom(src, 0, stat.Size()) })
}

func (out *Output) create(path string, write func(*fsx.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	w := fsx.NewWriter(f, !out.NoSync)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	return errors.Join(err, f.Close())
}
