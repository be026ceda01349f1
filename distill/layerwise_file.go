package distill

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
)

// Folders of a run in which a layerwise stage keeps what it needs until it ends: what
// can be computed again, and what was trained.
const (
	cacheName  = "cache"
	layersName = "layers"
	layerExt   = ".safetensors"
)

// curve is what the steps of a layer measured, one value per step.
type curve struct {
	From                int // the step that comes first
	Loss, Norm, Seconds []float64
	Parts               map[string][]float64 // by their names in the model of the one layer: mse_0, penalty
}

// Prefixes of the names of a curve's columns in a layer's file.
const (
	curvePrefix = "curve/"
	partPrefix  = "part/"
)

// add appends what a step measured.
func (c *curve) add(parts []string, m train.Metrics, took time.Duration) {
	c.Loss, c.Norm, c.Seconds = append(c.Loss, m.Loss), append(c.Norm, m.GradNorm), append(c.Seconds, took.Seconds())
	if c.Parts == nil {
		c.Parts = map[string][]float64{}
	}
	for i, name := range parts {
		c.Parts[name] = append(c.Parts[name], m.Parts[i])
	}
}

// columns are the curve's, by their names in a layer's file.
func (c *curve) columns() map[string][]float64 {
	all := map[string][]float64{curvePrefix + "loss": c.Loss, curvePrefix + "norm": c.Norm, curvePrefix + "seconds": c.Seconds}
	for name, column := range c.Parts {
		all[partPrefix+name] = column
	}
	return all
}

// set is the inverse of columns, for one.
func (c *curve) set(name string, column []float64) {
	switch name {
	case curvePrefix + "loss":
		c.Loss = column
	case curvePrefix + "norm":
		c.Norm = column
	case curvePrefix + "seconds":
		c.Seconds = column
	default:
		c.Parts[strings.TrimPrefix(name, partPrefix)] = column
	}
}

// at is what a step measured, the parts under the names that the layer gives them.
func (c *curve) at(step, layer int) map[string]float64 {
	parts := map[string]float64{}
	for name, column := range c.Parts {
		if part, ok := strings.CutSuffix(name, "_0"); ok {
			name = fmt.Sprintf("%s_%d", part, layer)
		}
		parts[name] = column[step-c.From]
	}
	return parts
}

// layerFile is the state of one layer within a stage: the masters of what it trains,
// the optimizer's moments, and its curve. It is replaced whole. Moments stay when the
// layer is finished: the stage may be given more steps.
type layerFile struct {
	path string
	key  string   // of what the training depends on
	from int      // the step that its training began with
	full []string // the tensors' names in the student, in the order of own
	own  []string // and in the model of the one layer
}

// write replaces the file by one of so many steps.
func (f layerFile) write(step int, values masters, t *train.Trainer, c *curve) error {
	var sources []checkpoints.Source
	m := momentsOf(t)
	for i, own := range f.own {
		sources = append(sources, master(paramPrefix+f.full[i], own, values))
		sources = append(sources, m.sources(i, f.full[i], values.Dimensions(own))...)
	}
	for name, column := range c.columns() {
		data := make([]byte, 0, 8*len(column))
		for _, x := range column {
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(x))
		}
		sources = append(sources, checkpoints.Source{Name: name, DType: checkpoints.F64, Shape: []int{len(column)}, Data: func() ([]byte, error) { return data, nil }})
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return fmt.Errorf("save layer: %w", err)
	}
	if err := checkpoints.WriteFile(f.path, sources, map[string]string{"key": f.key, "step": strconv.Itoa(step)}); err != nil {
		return fmt.Errorf("save layer: %w", err)
	}
	return nil
}

// open returns the file and how many steps it has; nil where there is none, or one
// that another recipe has left.
func (f layerFile) open() (file *checkpoints.File, step int, c *curve, err error) {
	if _, err := os.Stat(f.path); errors.Is(err, fs.ErrNotExist) {
		return nil, f.from, &curve{From: f.from}, nil
	}
	if file, err = checkpoints.OpenFile(f.path); err != nil {
		return nil, 0, nil, fmt.Errorf("read layer: %w", err)
	}
	meta := file.Metadata()
	step, err = strconv.Atoi(meta["step"])
	if err != nil || meta["key"] != f.key {
		return nil, f.from, &curve{From: f.from}, file.Close()
	}
	c = &curve{From: f.from, Parts: map[string][]float64{}}
	for _, name := range file.Names() {
		t, err := file.Tensor(name)
		if err != nil {
			return nil, 0, nil, errors.Join(fmt.Errorf("read layer: %w", err), file.Close())
		}
		if t.DType != checkpoints.F64 {
			continue // a tensor of the model
		}
		var column []float64
		for at := 0; at+8 <= len(t.Data); at += 8 {
			column = append(column, math.Float64frombits(binary.LittleEndian.Uint64(t.Data[at:])))
		}
		c.set(name, column)
	}
	for name, column := range c.columns() {
		if want := step - f.from; len(column) != want {
			return nil, 0, nil, errors.Join(fmt.Errorf("read layer: %s: %s has %d steps, want %d", f.path, name, len(column), want), file.Close())
		}
	}
	return file, step, c, nil
}

// restore puts what a layer has reached into its trainer, from its file or from the
// state of the run.
func (f layerFile) restore(file *checkpoints.File, t *train.Trainer) error {
	for i, full := range f.full {
		x, err := file.Tensor(paramPrefix + full)
		if err != nil {
			return fmt.Errorf("read layer: %w", err)
		}
		value, err := x.Float32()
		if err != nil {
			return fmt.Errorf("read layer: %w", err)
		}
		if err := t.Params.Set(f.own[i], t.Params.Dimensions(f.own[i]), value); err != nil {
			return err
		}
	}
	return restoreMoments(file, t, f.full)
}

// sweepLayers removes what layerwise stages before the present one have left.
func (s *session) sweepLayers(at int) error {
	for _, stage := range s.plan.Stages[:min(at, len(s.plan.Stages))] {
		for _, name := range []string{cacheName, layersName} {
			dir := filepath.Join(s.plan.Dir, name)
			if err := os.RemoveAll(filepath.Join(dir, stage.label())); err != nil {
				return fmt.Errorf("clean up: %w", err)
			}
			_ = os.Remove(dir) // if it is empty now
		}
	}
	return nil
}
