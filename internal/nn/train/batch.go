package train

import (
	"errors"

	"github.com/gomlx/gomlx/core/tensors"
)

// Batch is B windows of T tokens, row by row.
type Batch struct {
	B, T         int
	IDs, Targets []int32
	Counted      []bool // the tokens that the loss is the mean of; nil: all

	NoWindow bool // train without the softmax windows of linear mixers
	Top      *Top // for [Setup].TopK

	States *States // for [Setup].Cached, in place of IDs and Targets
}

// Top are the most likely tokens of the teacher, see [nn.Top]; row by row.
type Top struct {
	IDs []int32   // [B, T, K]
	Log []float32 // [B, T, K+1]
}

// inputs are what the graph takes of a batch: ids and targets, [B, T], or cached states,
// the teacher's top logits where it holds them, and where not every token counts the
// weight of each.
func (b Batch) inputs(weight float32) []any {
	var in []any
	if b.States != nil {
		in = b.States.inputs(b.B, b.T)
	} else {
		in = []any{tensors.FromFlatDataAndDimensions(b.IDs, b.B, b.T), tensors.FromFlatDataAndDimensions(b.Targets, b.B, b.T)}
	}
	if top := b.Top; top != nil {
		k := len(top.IDs) / (b.B * b.T)
		in = append(in,
			tensors.FromFlatDataAndDimensions(top.IDs, b.B, b.T, k),
			tensors.FromFlatDataAndDimensions(top.Log, b.B, b.T, k+1))
	}
	if b.Counted == nil {
		return in
	}
	weights := make([]float32, len(b.Counted))
	for i, counted := range b.Counted {
		if counted {
			weights[i] = weight
		}
	}
	return append(in, tensors.FromFlatDataAndDimensions(weights, b.B, b.T))
}

// tokenWeight is what a token that counts weighs in its batch's loss, so that the
// mean over batches is the mean over such tokens.
func tokenWeight(batches []Batch) (float32, error) {
	counted := 0
	for _, b := range batches {
		if (b.Counted == nil) != (batches[0].Counted == nil) {
			return 0, errors.New("got batches with and without a loss mask, want all alike")
		}
		for _, c := range b.Counted {
			if c {
				counted++
			}
		}
	}
	if batches[0].Counted != nil && counted == 0 {
		return 0, errors.New("no token counts for the loss")
	}
	return float32(float64(len(batches)) / float64(max(1, counted))), nil
}
