package oracle

import (
	"cmp"
	"math"
	"slices"
)

// mom is Mixture-of-Memories, token by token: the memories that a token is routed to,
// and the shared one, are written as the inner mixer writes its state and read, each
// with its weight; the others are not touched.
//
// Source: Du et al. 2025, arXiv:2502.13685.
func mom(l Layer, x [][]float64) (heads, state [][]float64) {
	h, d, n := l.Model.Heads, l.Model.HeadDim, l.Mixer.Memories()
	memories := make([]float64, n*h*d*d) // [M, H, D(k), D(v)]
	f := l.inputs(x)
	for t, u := range x {
		y := make([]float64, h*d)
		for _, to := range l.routed(u) {
			for head := range h {
				at := (to.memory*h + head) * d * d
				s := memories[at : at+d*d]
				l.remember(s, u, head, l.head(f.k[t], l.group(head)), l.head(f.v[t], l.group(head)))
				for i, o := range recall(s, l.head(f.q[t], head)) {
					y[head*d+i] += to.weight * o / math.Sqrt(float64(d))
				}
			}
		}
		heads = append(heads, l.outputs(u, y))
	}
	return heads, append([][]float64{memories}, l.convState(f.conv)...)
}

// route is a memory that a token goes to.
type route struct {
	memory int
	weight float64
}

// routed are the routes of one token: the largest of the router's logits, the first of
// equal ones, by their softmax, and the shared memory.
func (l Layer) routed(u []float64) []route {
	var all []route
	for m, logit := range l.linear("mixer.router", u) {
		all = append(all, route{m, logit})
	}
	shared := route{len(all), 1}
	slices.SortStableFunc(all, func(a, b route) int { return cmp.Compare(b.weight, a.weight) })
	all = all[:l.Mixer.Int("top_k")]
	best, total := all[0].weight, 0.0
	for i := range all {
		all[i].weight = math.Exp(all[i].weight - best)
		total += all[i].weight
	}
	for i := range all {
		all[i].weight /= total
	}
	if l.Mixer.Bool("shared") {
		all = append(all, shared)
	}
	return all
}

// remember writes a key with its value into one head's state s [D, D].
func (l Layer) remember(s, u []float64, head int, k, v []float64) {
	d := len(k)
	if l.Mixer.Text("inner") == "gla" {
		gate := l.head(l.linear("mixer.gk_proj.1", l.linear("mixer.gk_proj.0", u)), head)
		for i := range s {
			s[i] = s[i]*math.Pow(sigmoid(gate[i/d]), 1./16) + k[i/d]*v[i%d]
		}
		return
	}
	step := softplus(l.linear("mixer.a_proj", u)[head] + l.weight("mixer.dt_bias")[head])
	scaleBy(s, math.Exp(-math.Exp(l.weight("mixer.A_log")[head])*step))
	beta := sigmoid(l.linear("mixer.b_proj", u)[head])
	if l.Mixer.Bool("allow_neg_eigval") {
		beta *= 2
	}
	seen := recall(s, k)
	for i := range s {
		s[i] += beta * k[i/d] * (v[i%d] - seen[i%d])
	}
}
