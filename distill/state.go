package distill

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
)

// place is how far a run has come: so many stages finished, and so many steps of
// the next.
type place struct {
	Stage, Step  int
	Tail         int   // steps of the last stage, where it is done and the state has its moments
	Lengths      []int // of a layerwise stage in progress: the steps that it had before it was given more, ascending
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

// moments are the optimizer's state of the tensors that a stage trains.
type moments struct {
	names []string
	read  func(i int) (first, second []float32, err error)
}

// momentsOf are those of a trainer.
func momentsOf(t *train.Trainer) *moments {
	m := &moments{read: t.Moments}
	for _, x := range t.Tensors {
		m.names = append(m.names, x.Name)
	}
	return m
}

// sources are the two of tensor i, under a name of the file's.
func (m *moments) sources(i int, name string, shape []int) []checkpoints.Source {
	return []checkpoints.Source{
		floats(firstPrefix+name, shape, func() ([]float32, error) { first, _, err := m.read(i); return first, err }),
		floats(secondPrefix+name, shape, func() ([]float32, error) { _, second, err := m.read(i); return second, err }),
	}
}

// master is a tensor's master, under a name of the file's.
func master(name, tensor string, values masters) checkpoints.Source {
	return floats(name, values.Dimensions(tensor), func() ([]float32, error) { return values.Float32(tensor) })
}

// floats is an fp32 tensor to write, whose values are asked for when it is its turn: one
// at a time is in memory.
func floats(name string, shape []int, data func() ([]float32, error)) checkpoints.Source {
	return checkpoints.Source{Name: name, DType: checkpoints.F32, Shape: shape, Data: func() ([]byte, error) {
		values, err := data()
		if err != nil {
			return nil, err
		}
		return checkpoints.EncodeFloat32(values, checkpoints.F32)
	}}
}

// writeState writes the state of a place; m is nil where a stage begins.
func writeState(run string, at place, touched []string, values masters, m *moments) error {
	var sources []checkpoints.Source
	for _, name := range touched {
		sources = append(sources, master(paramPrefix+name, name, values))
	}
	if m != nil {
		for i, name := range m.names {
			sources = append(sources, m.sources(i, name, values.Dimensions(name))...)
		}
	}
	meta := map[string]string{
		"stage": strconv.Itoa(at.Stage), "step": strconv.Itoa(at.Step), "tail": strconv.Itoa(at.Tail),
		"metrics_bytes": strconv.FormatInt(at.MetricsBytes, 10), "recipe": at.Fingerprint, "recipe.yaml": at.Recipe,
	}
	if len(at.Lengths) > 0 {
		meta["lengths"] = strings.Trim(fmt.Sprint(at.Lengths), "[]")
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
	var errs [5]error
	at.Stage, errs[0] = strconv.Atoi(meta["stage"])
	at.Step, errs[1] = strconv.Atoi(meta["step"])
	at.Tail, errs[3] = strconv.Atoi(meta["tail"])
	at.MetricsBytes, errs[2] = strconv.ParseInt(meta["metrics_bytes"], 10, 64)
	for word := range strings.FieldsSeq(meta["lengths"]) {
		n, err := strconv.Atoi(word)
		at.Lengths, errs[4] = append(at.Lengths, n), cmp.Or(errs[4], err)
	}
	if slices.Min(append([]int{at.Stage, at.Step, at.Tail}, at.Lengths...)) < 0 || at.MetricsBytes < 0 {
		errs[4] = cmp.Or(errs[4], errors.New("a number is negative"))
	}
	if err := errors.Join(errs[:]...); err != nil {
		return nil, place{}, errors.Join(fmt.Errorf("%s: metadata: %w", path, err), file.Close())
	}
	return file, at, nil
}

// restoreMoments gives a trainer those of a file, which names the tensors in its own way.
func restoreMoments(file *checkpoints.File, t *train.Trainer, names []string) error {
	for i, name := range names {
		first, second, err := readMoments(file, name)
		if err != nil {
			return err
		}
		if err := t.SetMoments(i, first, second); err != nil {
			return err
		}
	}
	return nil
}

func readMoments(file *checkpoints.File, name string) (first, second []float32, err error) {
	var both [2][]float32
	for k, prefix := range [2]string{firstPrefix, secondPrefix} {
		x, err := file.Tensor(prefix + name)
		if err == nil {
			both[k], err = x.Float32()
		}
		if err != nil {
			return nil, nil, fmt.Errorf("training state: %w", err)
		}
	}
	return both[0], both[1], nil
}
