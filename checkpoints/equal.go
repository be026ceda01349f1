package checkpoints

import (
	"bytes"
	"slices"
)

// Equal reports whether two tensors have the same dtype, shape and bits. It reads both
// and gives their memory back, so that a walk over two models holds one tensor of each.
func (t Tensor) Equal(other Tensor) bool {
	if t.DType != other.DType || !slices.Equal(t.Shape, other.Shape) {
		return false
	}
	same := bytes.Equal(t.Data, other.Data)
	t.release()
	other.release()
	return same
}
