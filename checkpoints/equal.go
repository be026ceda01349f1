package checkpoints

import (
	"bytes"
	"fmt"
	"slices"
)

// Equal reports whether two tensors have the same dtype, shape and bits. It reads both
// and gives their memory back, so that a walk over two models holds one tensor of each.
// The error is for a file that cannot be read any more.
func (t Tensor) Equal(other Tensor) (same bool, err error) {
	if t.DType != other.DType || !slices.Equal(t.Shape, other.Shape) {
		return false, nil
	}
	err = guarded(func() error {
		same = bytes.Equal(t.Data, other.Data)
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("compare tensors %s and %s: %w", t.Name, other.Name, err)
	}
	t.release()
	other.release()
	return same, nil
}
