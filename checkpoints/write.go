package checkpoints

import (
	"errors"
	"fmt"
	"io"
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

	MaxShardSize int64 // bytes of tensors per shard; 0 means DefaultShardSize
	Overwrite    bool  // replace a folder that is not empty
}

// Write makes dir a model folder: config.json, model.safetensors or shards with an
// index, and the other files. Everything that can be refused is refused first. The
// files are written into a sibling folder that becomes dir when all of them are on
// the disk, so dir holds the old model, the new one or nothing, even after a crash.
func Write(dir string, out Output) error {
	if err := out.check(); err != nil {
		return fmt.Errorf("write %s: %w", dir, err)
	}
	if err := CheckOutput(dir, out.Overwrite, out.inputs()...); err != nil {
		return err
	}
	if err := fsx.ReplaceDir(dir, out.Overwrite, out.fill); err != nil {
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
	shards := PlanShards(out.Tensors, out.MaxShardSize)
	for _, shard := range shards {
		err := create(filepath.Join(tmp, shard.File), func(w io.Writer) error {
			return writeTensors(w, shard.Tensors, map[string]string{"format": "pt"})
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
		if err := copyFile(filepath.Join(tmp, filepath.Base(path)), path); err != nil {
			return err
		}
	}
	return nil
}

func copyFile(to, from string) (err error) {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	return create(to, func(w io.Writer) error {
		_, err := io.Copy(w, src)
		return err
	})
}

func create(path string, write func(io.Writer) error) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	w := fsx.NewWriter(f)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	return errors.Join(err, f.Close())
}
