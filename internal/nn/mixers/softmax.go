package mixers

import (
	"cmp"

	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/support/exceptions"

	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// softmax is causal attention with grouped heads; without options the teacher's
// own, over rotated queries and keys:
//
//	y_i = Σ_j exp(s_ij) v_j / (Σ_j exp(s_ij) + exp(b)),   s_ij = c·tanh(a·q_i·k_j / c)
//
// The sums go over all j <= i, and with window=w over i−w < j <= i and the first
// n = sinks tokens of the sequence. qk_norm norms q and k before they are rotated.
// a is the teacher's scale, 1/√D for most. c is softcap, or without one the teacher's
// cap, and the scores are a·q_i·k_j where there is neither; b is a learnt logit per head
// that is there with sink_logit.
//
// State: keys, normed and rotated, and values, [B, G, S, D]. Without a window S is
// l.Capacity and token j is in place j. With one S is n+w: the first n tokens, then
// the newest w, as window.go says.
//
// Cost: O(T²) time and O(T) memory in the forward pass, which takes at most 1024 queries at a
// time; its gradient needs all weights, O(T²). From a carried state O(T·S): what is not
// filled is masked. With a window O(T·(n+w)) for both. A step: O(S).
//
// Source: Vaswani et al. 2017, arXiv:1706.03762; window and first tokens: Xiao et al.
// 2023, arXiv:2309.17453; sink_logit: gpt-oss, arXiv:2508.10925; softcap: Gemma 2,
// arXiv:2408.00118.
type softmax struct{}

var _ Mixer = softmax{}

// queryBlock is the number of queries of t whose scores are there at a time: at most 1024,
// and a quarter where that is no less than 128, which leaves out three eighths of the scores.
func queryBlock(t int) int { return min(1024, max(128, (t+3)/4)) }

func (s softmax) Chunked(l Layer, x *Node, from State) (*Node, State) {
	q, k, v := s.inputs(l, x)
	if l.Mixer.Int("window") > 0 {
		return s.windowed(l, q, k, v, from)
	}
	keys, values, next, seen := k, v, State{}, (*Node)(nil)
	if from.Start() {
		if l.KeepState {
			next = s.cache(l, k, v)
		}
	} else {
		seen = from.seen(x.Graph())
		keys, values = s.added(from.Tensors[0], k, seen), s.added(from.Tensors[1], v, seen)
		next.Tensors = []*Node{keys, values}
	}
	y := s.attention(l, x.Graph()).causal(q, keys, values, seen, cmp.Or(l.Chunk, queryBlock(q.Shape().Dim(2))))
	return ops.MergeHeads(y), next
}

func (s softmax) Step(l Layer, x *Node, from State) (*Node, State) {
	l.KeepState = true
	return s.Chunked(l, x, from)
}

// inputs returns queries [B, H, T, D], keys and values [B, G, T, D].
func (softmax) inputs(l Layer, x *Node) (q, k, v *Node) {
	q, k, v = l.Heads(x)
	q, k = l.turned(l.normed("q", q), l.normed("k", k))
	return q, k, v
}

func (softmax) attention(l Layer, g *Graph) attention {
	a := attention{scale: l.Model.Scale(l.Index), softcap: cmp.Or(l.Mixer.Number("softcap"), l.Model.Softcap)}
	if l.Mixer.Bool("sink_logit") {
		a.sink = l.Tensor(g, "mixer.sink_logits")
	}
	return a
}

// cache is the state after the first tokens of a sequence.
func (softmax) cache(l Layer, k, v *Node) State {
	if t := k.Shape().Dim(2); t > l.Capacity {
		exceptions.Panicf("softmax: the state holds %d tokens, got %d", l.Capacity, t)
	}
	return State{Tensors: []*Node{scan.Fill(k, l.Capacity), scan.Fill(v, l.Capacity)}}
}

// added puts fresh tokens [B, G, T, D] into a cache [B, G, S, D] that holds seen: each
// place fetches the row that it is to hold, its own or a fresh one.
func (softmax) added(cache, fresh, seen *Node) *Node {
	g, dims := cache.Graph(), cache.Shape().Dimensions
	heads, s, t, d := dims[0]*dims[1], dims[2], fresh.Shape().Dim(2), dims[3]
	index := shapes.Make(dtypes.Int32, heads, s)
	place := Iota(g, index, 1)
	which := Sub(place, seen) // of the fresh tokens
	taken := LogicalAnd(GreaterOrEqual(which, ScalarZero(g, dtypes.Int32)), LessThan(which, Scalar(g, dtypes.Int32, t)))
	row := Add(MulScalar(Iota(g, index, 0), s+t), Where(taken, AddScalar(which, s), place))
	both := Reshape(Concatenate([]*Node{cache, fresh}, 2), heads*(s+t), d)
	return Reshape(Gather(both, Reshape(row, heads*s, 1)), dims...)
}

// windowed is both forms with a window, which differ only in their tokens.
func (s softmax) windowed(l Layer, q, k, v *Node, from State) (*Node, State) {
	w, n, t := l.Mixer.Int("window"), l.Mixer.Int("sinks"), q.Shape().Dim(2)
	a, seen := s.attention(l, q.Graph()), from.seen(q.Graph())
	keys, firstKeys := remembered(from.tensor(0), k, n, w, seen)
	values, firstValues := remembered(from.tensor(1), v, n, w, seen)
	var y *Node
	if from.Start() && t <= w {
		y = a.causal(q, k, v, nil, cmp.Or(l.Chunk, queryBlock(t)))
	} else {
		c := scan.CutInto(t, cmp.Or(l.Chunk, min(max(16, w), 256)))
		y = a.banded(c, q, [2]*Node{firstKeys, firstValues}, keys, values, seen)
	}
	next := State{}
	if l.KeepState {
		next.Tensors = []*Node{windowState(keys, firstKeys, t), windowState(values, firstValues, t)}
	}
	return ops.MergeHeads(y), next
}
