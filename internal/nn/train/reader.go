package train

import (
	"fmt"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/internal/memory"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// Reader runs a model over windows of text, one at a time, so that what it gives for a
// window does not depend on others, and hands its logits out part by part.
type Reader struct {
	vocab        int
	hidden, head *model.Exec
}

// NewReader reads with a model whose tensors are in the store.
func NewReader(backend compute.Backend, store *model.Store, net nn.Net) (*Reader, error) {
	r := &Reader{vocab: net.Model.Vocab}
	var err error
	r.hidden, err = model.NewExec(backend, store, func(_ *model.Scope, ids *Node) []*Node {
		store.SetTraining(ids.Graph(), true) // else the tensors are constants, copied into the graph
		x := net.Hidden(ids)
		size := memory.PartTokens(1, x.Shape().Dim(1), r.vocab)
		var parts []*Node
		for at := 0; at < x.Shape().Dim(1); at += size {
			parts = append(parts, ops.Span(x, 1, at, min(at+size, x.Shape().Dim(1))))
		}
		return parts
	})
	if err != nil {
		return nil, fmt.Errorf("build reader: %w", err)
	}
	r.head, err = model.NewExec(backend, store, func(_ *model.Scope, x *Node) *Node {
		store.SetTraining(x.Graph(), true)
		return net.Logits(x)
	})
	if err != nil {
		return nil, fmt.Errorf("build reader: %w", err)
	}
	return r, nil
}

// Read shows the logits [V] of each next token of a window, in order. The slice is the
// reader's.
func (r *Reader) Read(ids []int32, see func(logits []float32)) error {
	parts, err := r.hidden.Exec(tensors.FromFlatDataAndDimensions(ids, 1, len(ids)))
	if err != nil {
		return fmt.Errorf("read window: %w", err)
	}
	for _, part := range parts {
		out, err := r.head.Exec(part)
		if err != nil {
			return fmt.Errorf("read window: %w", err)
		}
		logits, err := nn.Take(out[0])
		if err != nil {
			return fmt.Errorf("read window: %w", err)
		}
		for at := 0; at < len(logits); at += r.vocab {
			see(logits[at : at+r.vocab])
		}
		if err := part.FinalizeAll(); err != nil {
			return fmt.Errorf("read window: %w", err)
		}
	}
	return nil
}

// Close frees the graphs.
func (r *Reader) Close() {
	r.hidden.Finalize()
	r.head.Finalize()
}
