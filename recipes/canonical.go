package recipes

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Paths are a recipe's files as the process opens them: relative paths of the
// recipe are relative to the folder that its file is in.
type Paths struct {
	Teacher     string // as written when no such folder is there
	Student     string // the folder that convert wrote; empty when the recipe names a mixer
	Keep        string // [Student].Keep with the path of its @file found
	Train, Eval []Source
}

// Paths finds the recipe's files. Only the teacher is looked for on disk: what is no
// folder stays as it is written, so that errors show it so.
func (r *Recipe) Paths() Paths {
	p := Paths{Teacher: r.Teacher, Keep: r.Student.Keep, Train: r.sources(r.Data.Train), Eval: r.sources(r.Data.Eval)}
	if info, err := os.Stat(r.resolve(r.Teacher)); err == nil && info.IsDir() {
		p.Teacher = r.resolve(r.Teacher)
	}
	if r.Student.Folder != "" {
		p.Student = r.resolve(r.Student.Folder)
	}
	if file, ok := strings.CutPrefix(p.Keep, "@"); ok {
		p.Keep = "@" + r.resolve(file)
	}
	return p
}

func (r *Recipe) sources(list []Source) []Source {
	var found []Source
	for _, s := range list {
		found = append(found, Source{Path: r.resolve(s.Path), Separator: s.Separator})
	}
	return found
}

func (r *Recipe) resolve(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(filepath.Dir(r.File), path)
}

// YAML is the recipe written out in full, every knob in every stage, so that
// nothing depends on the defaults of the version that reads it. [Parse] reads it
// back to the same recipe.
func (r *Recipe) YAML() ([]byte, error) {
	return yaml.Dump(struct { // a Recipe without the defaults, which are in the stages
		Seed      uint64   `yaml:"seed"`
		Teacher   string   `yaml:"teacher"`
		Student   Student  `yaml:"student"`
		Data      Data     `yaml:"data"`
		Stages    []Stage  `yaml:"stages"`
		Metrics   []string `yaml:"metrics,omitempty,flow"`
		Keep      *Keep    `yaml:"keep,omitempty"`
		OutputDir string   `yaml:"output_dir"`
	}{r.Seed, r.Teacher, r.Student, r.Data, r.Stages, r.Metrics, r.Keep, r.OutputDir})
}

// Fingerprint is the hex SHA-256 of what the recipe trains: two recipes have the
// same one when seed, teacher, student, data and effective stages are the same,
// however they are written. Output folder, file, and what of the results is kept do not
// count.
func (r *Recipe) Fingerprint() (string, error) {
	c := *r
	c.Defaults, c.OutputDir, c.File = Knobs{}, "", ""
	if c.Data.Packing == "concat" { // as when it is not given
		c.Data.Packing = ""
	}
	c.Stages = slices.Clone(c.Stages)
	for i := range c.Stages { // likewise
		if c.Stages[i].Execution == executions[0] {
			c.Stages[i].Execution = ""
		}
		if c.Stages[i].CacheDType == cacheTypes[0] {
			c.Stages[i].CacheDType = ""
		}
	}
	data, err := json.Marshal(c) // struct order and sorted maps: one spelling
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}
