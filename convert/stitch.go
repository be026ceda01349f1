package convert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// StitchOptions are the choices of a [Stitch].
type StitchOptions struct {
	MaxShardSize int64 // bytes of tensors per weight file; 0: [checkpoints.DefaultShardSize]
	Overwrite    bool  // replace a folder that is not empty
	Version      string
}

// Stitch puts students together whose layers were aligned apart, on several machines:
// all began as one base, and each was trained in other layers.
type Stitch struct {
	Base    string        `json:"base"` // folder of the student that all began as
	Parts   []StitchPart  `json:"parts"`
	Output  string        `json:"output"`
	Tensors int           `json:"tensors"`
	Bytes   int64         `json:"bytes"`
	Options StitchOptions `json:"-"`

	from map[string]int // of each trained tensor, its part
}

// StitchPart is one student and the layers that it has over the base.
type StitchPart struct {
	Dir     string `json:"folder"`
	Layers  []int  `json:"layers"`
	Tensors int    `json:"tensors"` // that differ from the base's
}

// NewStitch compares the students with the base and writes nothing; every reason to
// refuse is found here. It reads all weights, one tensor of each folder at a time.
func NewStitch(base string, parts []string, output string, o StitchOptions) (*Stitch, error) {
	if err := checkpoints.CheckOutput(output, o.Overwrite, append([]string{base}, parts...)...); err != nil {
		return nil, err
	}
	s := &Stitch{Base: base, Output: output, Options: o, from: map[string]int{}}
	return s, s.open(parts, func(base *checkpoints.Folder, parts []*checkpoints.Folder) error {
		m, err := arch.Describe(base.Config().Bytes())
		if err != nil {
			return fmt.Errorf("model %s: %w", base.Dir(), err)
		}
		layerOf := map[string]int{}
		for _, w := range m.Weights() {
			layerOf[w.Name] = w.Layer
		}
		for _, name := range base.Names() {
			info, _ := base.Info(name)
			s.Tensors++
			s.Bytes += info.Bytes()
		}
		taken := map[int]int{} // layer → part
		for i, part := range parts {
			if err := checkOrigin(base.Dir(), part.Dir()); err != nil {
				return err
			}
			if err := s.compare(base, part, i, layerOf); err != nil {
				return err
			}
			for _, layer := range s.Parts[i].Layers {
				if other, ok := taken[layer]; ok {
					return &stitchError{fmt.Errorf("layer %d was trained in %s and in %s, want each in one", layer, s.Parts[other].Dir, part.Dir())}
				}
				taken[layer] = i
			}
		}
		return nil
	})
}

// compare notes what a part has that the base has not.
func (s *Stitch) compare(base, part *checkpoints.Folder, i int, layerOf map[string]int) error {
	refuse := func(format string, args ...any) error {
		return &stitchError{fmt.Errorf("%s does not fit %s: %w", part.Dir(), base.Dir(), fmt.Errorf(format, args...))}
	}
	if !bytes.Equal(base.Config().Bytes(), part.Config().Bytes()) {
		return refuse("config.json is another")
	}
	if got, want := part.Names(), base.Names(); !slices.Equal(got, want) {
		return refuse("it has %d tensors, want the %d of the base", len(got), len(want))
	}
	p := StitchPart{Dir: part.Dir()}
	for _, name := range base.Names() {
		was, err := base.Tensor(name)
		if err != nil {
			return err
		}
		is, err := part.Tensor(name)
		if err != nil {
			return err
		}
		if was.DType != is.DType || !slices.Equal(was.Shape, is.Shape) {
			return refuse("tensor %s is %s%v, want %s%v", name, is.DType, is.Shape, was.DType, was.Shape)
		}
		same, err := was.Equal(is)
		if err != nil {
			return err
		}
		if same {
			continue
		}
		layer, ok := layerOf[name]
		if !ok || layer < 0 {
			return refuse("tensor %s differs and is in no layer", name)
		}
		if err := is.CheckFinite(); err != nil {
			return fmt.Errorf("%s: %w", part.Dir(), err)
		}
		if !slices.Contains(p.Layers, layer) {
			p.Layers = append(p.Layers, layer)
		}
		p.Tensors++
		s.from[name] = i
	}
	if p.Tensors == 0 {
		return refuse("all its tensors are those of the base: nothing was trained")
	}
	slices.Sort(p.Layers)
	s.Parts = append(s.Parts, p)
	return nil
}

// Write makes the folder, whole or not at all. Tensors go from file to file. Progress,
// which may be nil, is called before each tensor and at the end with the bytes written.
func (s *Stitch) Write(ctx context.Context, progress func(done, total int64)) error {
	if progress == nil {
		progress = func(int64, int64) {}
	}
	return s.open(s.dirs(), func(base *checkpoints.Folder, parts []*checkpoints.Folder) error {
		out := checkpoints.Output{
			Config: base.Config(), Files: map[string][]byte{}, MaxShardSize: s.Options.MaxShardSize, Overwrite: s.Options.Overwrite,
		}
		for _, name := range base.Names() {
			folder := base
			if i, ok := s.from[name]; ok {
				folder = parts[i]
			}
			t, err := folder.Tensor(name)
			if err != nil {
				return err
			}
			out.Tensors = append(out.Tensors, t.Source())
		}
		out.Before = watch(ctx, s.Bytes, progress)
		for _, name := range base.Files() {
			out.Copy = append(out.Copy, filepath.Join(base.Dir(), name))
		}
		var err error
		if out.Files[provenanceName], err = s.provenance(); err != nil {
			return err
		}
		out.Files[cardName] = s.card()
		if err := checkpoints.Write(s.Output, out); err != nil {
			return err
		}
		progress(s.Bytes, s.Bytes)
		return nil
	})
}

// open calls do with all folders while they are open.
func (s *Stitch) open(parts []string, do func(base *checkpoints.Folder, parts []*checkpoints.Folder) error) (err error) {
	var folders []*checkpoints.Folder
	defer func() {
		for _, f := range folders {
			err = errors.Join(err, f.Close())
		}
	}()
	for _, dir := range append([]string{s.Base}, parts...) {
		f, err := checkpoints.Open(dir)
		if err != nil {
			return err
		}
		folders = append(folders, f)
	}
	return do(folders[0], folders[1:])
}

// provenance is linearize.json: that of each folder, and what was taken of it.
func (s *Stitch) provenance() ([]byte, error) {
	origins := []any{}
	for _, dir := range append([]string{s.Base}, s.dirs()...) {
		var origin any
		data, err := os.ReadFile(filepath.Join(dir, provenanceName))
		if err == nil {
			err = json.Unmarshal(data, &origin)
		}
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fmt.Errorf("read %s: %w", filepath.Join(dir, provenanceName), err)
		}
		origins = append(origins, origin)
	}
	data, err := json.MarshalIndent(struct {
		SchemaVersion int          `json:"schema_version"`
		CreatedBy     string       `json:"created_by"`
		Version       string       `json:"version"`
		Base          string       `json:"base"`
		Parts         []StitchPart `json:"parts"`
		Origins       []any        `json:"origins"` // of the base, then of the parts
	}{1, "linearize merge", s.Options.Version, s.Base, s.Parts, origins}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", provenanceName, err)
	}
	return append(data, '\n'), nil
}

func (s *Stitch) dirs() []string {
	var dirs []string
	for _, p := range s.Parts {
		dirs = append(dirs, p.Dir)
	}
	return dirs
}

// card is the base's README.md, and what was put into it.
func (s *Stitch) card() []byte {
	var b strings.Builder
	if base, err := os.ReadFile(filepath.Join(s.Base, cardName)); err == nil {
		b.Write(base)
		b.WriteString("\n")
	}
	b.WriteString("## Stitched\n\nLayers that were trained apart:\n\n")
	for _, p := range s.Parts {
		fmt.Fprintf(&b, "- %s from %s\n", arch.FormatLayers(p.Layers), filepath.Base(p.Dir))
	}
	return []byte(b.String())
}

// stitchError reports folders that do not belong together.
type stitchError struct{ error }

func (e *stitchError) Unwrap() error { return e.error }

// Hint says what does.
func (*stitchError) Hint() string {
	return "the first folder is the student that all began as, as stages/0-convert of a run; the others are that student with some layers trained, as distill --layers 3-7 leaves them"
}
