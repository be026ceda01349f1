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

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
)

// Folders of a run in which a layerwise stage keeps what it needs until it ends: what
// can be computed again, and what was trained.
const (
	cacheName  = "cache"
	layersName = "layers"
)

// curve is what the steps of a layer measured, one value per step.
type curve struct {
	Loss, Part, Penalty, Norm, Seconds []float64
}

// The columns of a curve as tensors of a layer's file.
func (c *curve) columns() map[string]*[]float64 {
	return map[string]*[]float64{
		"curve/loss": &c.Loss, "curve/part": &c.Part, "curve/penalty": &c.Penalty,
		"curve/norm": &c.Norm, "curve/seconds": &c.Seconds,
	}
}

// layerFile is the state of one layer within a stage: the masters of what it trains,
// the optimizer's moments unless it is finished, and its curve. It is replaced whole.
type layerFile struct {
	path string
	key  string   // of what the training depends on
	full []string // the tensors' names in the student, in the order of own
	own  []string // and in the model of the one layer
}

func (f layerFile) write(step int, values masters, t *train.Trainer, c *curve) error {
	var sources []checkpoints.Source
	add := func(name string, shape []int, data func() ([]float32, error)) {
		sources = append(sources, checkpoints.Source{Name: name, DType: checkpoints.F32, Shape: shape, Data: func() ([]byte, error) {
			values, err := data()
			if err != nil {
				return nil, err
			}
			return checkpoints.EncodeFloat32(values, checkpoints.F32)
		}})
	}
	for i, own := range f.own {
		shape := values.Dimensions(own)
		add(paramPrefix+f.full[i], shape, func() ([]float32, error) { return values.Float32(own) })
		if t != nil {
			add(firstPrefix+f.full[i], shape, func() ([]float32, error) { first, _, err := t.Moments(i); return first, err })
			add(secondPrefix+f.full[i], shape, func() ([]float32, error) { _, second, err := t.Moments(i); return second, err })
		}
	}
	for name, column := range c.columns() {
		data := make([]byte, 0, 8*len(*column))
		for _, x := range *column {
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(x))
		}
		sources = append(sources, checkpoints.Source{Name: name, DType: checkpoints.F64, Shape: []int{len(*column)}, Data: func() ([]byte, error) { return data, nil }})
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
		return nil, 0, &curve{}, nil
	}
	if file, err = checkpoints.OpenFile(f.path); err != nil {
		return nil, 0, nil, fmt.Errorf("read layer: %w", err)
	}
	meta := file.Metadata()
	step, err = strconv.Atoi(meta["step"])
	if err != nil || meta["key"] != f.key {
		return nil, 0, &curve{}, file.Close()
	}
	c = &curve{}
	for name, column := range c.columns() {
		t, err := file.Tensor(name)
		if err != nil {
			return nil, 0, nil, errors.Join(fmt.Errorf("read layer: %w", err), file.Close())
		}
		for at := 0; at+8 <= len(t.Data); at += 8 {
			*column = append(*column, math.Float64frombits(binary.LittleEndian.Uint64(t.Data[at:])))
		}
	}
	return file, step, c, nil
}

// restore puts what an unfinished layer has reached into its trainer.
func (f layerFile) restore(file *checkpoints.File, t *train.Trainer) error {
	read := func(name string) ([]float32, error) {
		x, err := file.Tensor(name)
		if err != nil {
			return nil, fmt.Errorf("read layer: %w", err)
		}
		return x.Float32()
	}
	for i, full := range f.full {
		value, err := read(paramPrefix + full)
		if err != nil {
			return err
		}
		first, err := read(firstPrefix + full)
		if err != nil {
			return err
		}
		second, err := read(secondPrefix + full)
		if err != nil {
			return err
		}
		if err := errors.Join(t.Params.Set(f.own[i], t.Params.Dimensions(f.own[i]), value), t.SetMoments(i, first, second)); err != nil {
			return err
		}
	}
	return nil
}
