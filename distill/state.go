package distill

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
)

// place is how far a run has come: so many stages finished, and so many steps of
// the next.
type place struct {
	Stage, Step  int
	Tail         int // steps of the last stage, where it is done and the state has its moments
	MetricsBytes int64
	Fingerprint  string
	Recipe       string                // in full, as of the save
	Data         [len(dataKeys)]string // what describeData said of the texts
}

// resumed reports whether a state was there that says so.
func (p place) resumed() bool { return p.Fingerprint != "" }

// stateFile holds, as one safetensors file that is replaced whole: the fp32
// masters of every tensor that any stage has trained so far, the optimizer's
// moments, and the place in its metadata.
const stateFile = "state.safetensors"

// Prefixes of the names in the state file.
const (
	paramPrefix  = "param/"
	firstPrefix  = "m/"
	secondPrefix = "v/"
)

func writeState(run string, at place, touched []string, values masters, t *train.Trainer) error {
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
	for _, name := range touched {
		add(paramPrefix+name, values.Dimensions(name), func() ([]float32, error) { return values.Float32(name) })
	}
	if t != nil {
		for i, x := range t.Tensors {
			shape := values.Dimensions(x.Name)
			add(firstPrefix+x.Name, shape, func() ([]float32, error) { first, _, err := t.Moments(i); return first, err })
			add(secondPrefix+x.Name, shape, func() ([]float32, error) { _, second, err := t.Moments(i); return second, err })
		}
	}
	meta := map[string]string{
		"stage": strconv.Itoa(at.Stage), "step": strconv.Itoa(at.Step), "tail": strconv.Itoa(at.Tail),
		"metrics_bytes": strconv.FormatInt(at.MetricsBytes, 10), "recipe": at.Fingerprint, "recipe.yaml": at.Recipe,
	}
	for i, key := range dataKeys {
		meta[key] = at.Data[i]
	}
	if err := checkpoints.WriteFile(filepath.Join(run, stateFile), sources, meta); err != nil {
		return fmt.Errorf("save training state: %w", err)
	}
	return nil
}

// openState opens a run's state; both results are zero when it has none.
func openState(run string) (*checkpoints.File, place, error) {
	path := filepath.Join(run, stateFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, place{}, nil
	}
	file, err := checkpoints.OpenFile(path)
	if err != nil {
		return nil, place{}, fmt.Errorf("read training state: %w", err)
	}
	meta := file.Metadata()
	var at place
	at.Fingerprint, at.Recipe = meta["recipe"], meta["recipe.yaml"]
	for i, key := range dataKeys {
		at.Data[i] = meta[key]
	}
	var errs [4]error
	at.Stage, errs[0] = strconv.Atoi(meta["stage"])
	at.Step, errs[1] = strconv.Atoi(meta["step"])
	at.Tail, errs[3] = strconv.Atoi(meta["tail"])
	at.MetricsBytes, errs[2] = strconv.ParseInt(meta["metrics_bytes"], 10, 64)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, place{}, errors.Join(fmt.Errorf("%s: metadata: %w", path, err), file.Close())
	}
	return file, at, nil
}

func restoreMoments(file *checkpoints.File, t *train.Trainer) error {
	read := func(name string) ([]float32, error) {
		x, err := file.Tensor(name)
		if err != nil {
			return nil, fmt.Errorf("training state: %w", err)
		}
		return x.Float32()
	}
	for i, x := range t.Tensors {
		first, err := read(firstPrefix + x.Name)
		if err != nil {
			return err
		}
		second, err := read(secondPrefix + x.Name)
		if err != nil {
			return err
		}
		if err := t.SetMoments(i, first, second); err != nil {
			return err
		}
	}
	return nil
}
