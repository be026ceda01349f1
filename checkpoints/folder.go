package checkpoints

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Folder is an open model folder.
type Folder struct {
	dir    string
	config *Config
	shards map[string]*File  // by base name
	home   map[string]string // tensor → shard
}

// Open reads config.json and the headers of a folder's weights: model.safetensors,
// or the shards that model.safetensors.index.json lists. Other *.safetensors files
// are no part of the model. A folder whose weights are partial or ambiguous is an
// error that lists what is wrong.
func Open(dir string) (*Folder, error) {
	f := &Folder{dir: dir, shards: map[string]*File{}, home: map[string]string{}}
	if err := f.open(); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", dir, err), f.Close())
	}
	return f, nil
}

func (f *Folder) open() error {
	stat, err := os.Stat(f.dir)
	if err != nil {
		return bare(err)
	}
	if !stat.IsDir() {
		return errors.New("not a folder")
	}
	data, err := os.ReadFile(filepath.Join(f.dir, configName))
	if err != nil {
		return fmt.Errorf("%s: %w", configName, bare(err))
	}
	if f.config, err = ParseConfig(data); err != nil {
		return fmt.Errorf("%s: %w", configName, err)
	}
	weights, err := findWeights(f.dir)
	if err != nil {
		return err
	}
	if weights == singleName {
		file, err := f.openShard(singleName)
		if err != nil {
			return err
		}
		for name := range file.entries {
			f.home[name] = singleName
		}
		return nil
	}
	return f.openIndexed()
}

func (f *Folder) openIndexed() error {
	data, err := os.ReadFile(filepath.Join(f.dir, indexName))
	if err != nil {
		return fmt.Errorf("%s: %w", indexName, bare(err))
	}
	index, err := parseIndex(data)
	if err != nil {
		return fmt.Errorf("%s: %w", indexName, err)
	}
	var bad problems
	for _, shard := range index.shards() {
		if _, err := f.openShard(shard); err != nil {
			bad.add(err)
		}
	}
	if err := bad.err(); err != nil {
		return err // without every shard the tensors' complaints would only be noise
	}
	f.home = index
	return checkIndex(index, f.shards)
}

func (f *Folder) openShard(name string) (*File, error) {
	file, err := openFile(filepath.Join(f.dir, name))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	f.shards[name] = file
	return file, nil
}

// Dir returns the folder's path as it was given.
func (f *Folder) Dir() string { return f.dir }

// Config returns the folder's config, the same one at each call; Clone it before changing it.
func (f *Folder) Config() *Config { return f.config }

// Names returns the names of the tensors, sorted.
func (f *Folder) Names() []string { return sortedNames(f.home) }

// Info describes a tensor without touching its data.
func (f *Folder) Info(name string) (Info, bool) {
	shard, ok := f.shards[f.home[name]]
	if !ok {
		return Info{}, false
	}
	return shard.Info(name)
}

// Tensor returns a view of a tensor.
func (f *Folder) Tensor(name string) (Tensor, error) {
	shard, ok := f.shards[f.home[name]]
	if !ok {
		return Tensor{}, fmt.Errorf("read %s: no tensor %s", f.dir, name)
	}
	return shard.Tensor(name)
}

// Files returns the base names of the files that travel with a model (generation
// config, tokenizer, chat template, licence), sorted. Copy them byte for byte.
func (f *Folder) Files() []string {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return nil // it could be read a moment ago: nothing there to travel
	}
	var out []string
	for _, e := range entries {
		if !Companion(e.Name()) {
			continue
		}
		// Follow links: the Hub's cache is a folder of them.
		if stat, err := os.Stat(filepath.Join(f.dir, e.Name())); err == nil && stat.Mode().IsRegular() {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out
}

// Close unmaps the weights. No view of a tensor may be read after it.
func (f *Folder) Close() error {
	var errs []error
	for _, name := range sortedNames(f.shards) {
		errs = append(errs, f.shards[name].Close())
	}
	return errors.Join(errs...)
}
