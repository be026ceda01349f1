package seeding

import (
	"fmt"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// grouped seeds the projections that groups of heads share in mamba2, from those of
// the teacher, which are one per head:
//
//	B_proj.weight  [g·N, d]  rows of k_proj
//	C_proj.weight  [g·N, d]  rows of q_proj
//
// Row i of a group is the mean of row i of its heads, a key head counting once for
// each query head that it serves. With N > D the rows of B behind the first D are
// drawn from U(±1/√d), torch's default of a Linear, and those of C are 0, so that they
// begin without effect and with a gradient; with N < D the last D−N rows are dropped.
// The teacher's biases are left out. H is the number of query heads, D the head
// dimension, d the model width, g the groups, N the width of B and C.
//
// Source: none. MambaInLlama, arXiv:2408.15237, copies q and k where every head has a
// B and C of its own; for shared ones nothing is published, and the mean is the
// closest to a copy.
func grouped(l Layer, w arch.Weight) ([]float32, bool, error) {
	from := map[string]string{"mixer.B_proj.weight": "k_proj.weight", "mixer.C_proj.weight": "q_proj.weight"}[w.Name]
	if from == "" {
		return nil, false, nil
	}
	m, groups := l.Model, l.Mixer.Int("groups")
	width, dim := m.Hidden, m.HeadDim
	if l.Teacher == nil {
		return nil, false, fmt.Errorf("seed %s of layer %d: got no teacher, want its %s", w.Name, l.Index, from)
	}
	old, err := l.Teacher(from)
	if err != nil {
		return nil, false, fmt.Errorf("seed %s of layer %d: %w", w.Name, l.Index, err)
	}
	heads := len(old) / (dim * width) // H or G
	if heads*dim*width != len(old) || heads == 0 || m.Heads%heads != 0 {
		return nil, false, fmt.Errorf("seed %s of layer %d: %s has %d numbers, want %d·%d for each head, and a number of heads that divides %d", w.Name, l.Index, from, len(old), dim, width, m.Heads)
	}
	var extra []float32
	if from == "k_proj.weight" {
		extra = linear(l.stream(w.Name), w.Shape)
	}
	each := m.Heads / groups       // query heads of a group
	n := elements(w.Shape) / width // rows of all groups
	out := make([]float32, 0, n*width)
	for row := range n {
		group, i := row/(n/groups), row%(n/groups)
		for column := range width {
			at := row*width + column
			switch {
			case i < dim:
				var sum float64
				for h := group * each; h < (group+1)*each; h++ {
					sum += float64(old[(h*heads/m.Heads*dim+i)*width+column])
				}
				out = append(out, float32(sum/float64(each)))
			case extra != nil:
				out = append(out, extra[at])
			default:
				out = append(out, 0)
			}
		}
	}
	return out, true, nil
}
