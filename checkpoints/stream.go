package checkpoints

import (
	"fmt"

	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// WriteFile writes one safetensors file, whole or not at all. Metadata becomes the
// header's __metadata__; weights for other tools want {"format": "pt"} there.
func WriteFile(path string, tensors []Source, metadata map[string]string) error {
	if err := checkSources(tensors); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	err := fsx.ReplaceFile(path, 0o644, func(w *fsx.Writer) error {
		return writeTensors(w, tensors, metadata, func(Source) error { return nil })
	})
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// writeTensors writes a file's bytes. What is copied goes from file to file, the rest is
// computed while what stands before it is written. Before is called before each tensor.
func writeTensors(w *fsx.Writer, tensors []Source, metadata map[string]string, before func(Source) error) error {
	order := inFileOrder(tensors)
	header, err := headerOf(order, metadata)
	if err != nil {
		return err
	}
	size := int64(len(header)) + Shard{Tensors: tensors}.Bytes()
	if err := w.Reserve(size); err != nil {
		return fmt.Errorf("no room for its %d MB: %w", (size+1e6-1)/1e6, err)
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	next, stop := computeAhead(order)
	defer stop()
	for _, t := range order {
		if err := before(t); err != nil {
			return err
		}
		if t.copied() {
			err = t.view.copyTo(w)
		} else {
			err = next(func(data []byte) error {
				_, err := w.Write(data)
				return err
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}
