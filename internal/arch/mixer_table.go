package arch

import (
	"cmp"
	"fmt"
)

// mixerRows is fixed at compile time: the whole list is readable in one place.
var mixerRows = map[string]mixerRow{
	Softmax: {
		doc:    "softmax attention: the teacher's own, or with a window as a baseline of linear cost",
		source: "Vaswani et al. 2017, arXiv:1706.03762; window and first tokens: StreamingLLM, arXiv:2309.17453",
		options: []Option{
			{Name: "window", Default: 0, Doc: "newest keys that a query sees; 0: all"},
			{Name: "sinks", Default: 0, With: "window", Doc: "first tokens of the sequence that stay in sight"},
			{Name: "sink_logit", Default: false, Doc: "a learnt logit per head in the denominator, a key without a value"},
			{Name: "rope", Default: true, Doc: "rotate queries and keys to their positions; false: NoPE"},
			{Name: "qk_norm", Default: None, Choices: []string{None, L2, RMS}, Doc: "norm of each query and key: l2 to length 1, rms learnt"},
			{Name: "softcap", Default: 0.0, Doc: "bend scores s to c·tanh(s/c); 0: no"},
		},
		weights: softmaxWeights,
		state: func(m *Model, x Mixer, capacity int) []State {
			return keyValues(m, cmp.Or(x.Int("window")+x.Int("sinks"), capacity))
		},
	},
	"hedgehog": {
		doc:    "linear attention with learnt feature maps, with an optional softmax window that shares their normaliser",
		source: "LoLCATs, Zhang et al. 2024, arXiv:2410.10254; relu maps: T2R, arXiv:2103.13076; elu maps: arXiv:2006.16236",
		options: frame{qkNorm: None, rope: true, norm: None, gate: None}.options(
			Option{Name: "window", Default: 0, Doc: "keys that the softmax branch sees, the newest first; 0: no softmax branch"},
			Option{Name: "terrace", Default: false, With: "window", Doc: "in training the window is a query's own block and the one before, blocks aligned to the end"},
			Option{Name: "short_overlap", Default: false, With: "terrace", Doc: "as released: up to window tokens, the linear branch covers the window's keys too"},
			Option{Name: "sinks", Default: 0, With: "window", Doc: "first tokens of the sequence that the softmax branch always sees"},
			Option{Name: "affine", Default: false, With: "window", Doc: "weigh the linear branch with 1-γ instead of 1"},
			Option{Name: "feature_map", Default: "softmax", Choices: []string{"softmax", "exp", "relu", "elu"}, Doc: "what makes features positive; elu is 1+elu"},
			Option{Name: "feature_dim", Default: 0, Doc: "columns of each feature map; 0: head_dim"},
			Option{Name: "negated", Default: true, Doc: "softmax and exp maps also see the negated product, for twice the features"},
			Option{Name: "map_bias", Default: false, Doc: "feature maps have a bias"},
			Option{Name: "tie_maps", Default: false, Doc: "queries and keys share a map"},
		),
		excludes: true,
		check: func(_ *Model, x Mixer) string {
			if !negates(x) && !x.Bool("negated") {
				return "negated does nothing with feature_map=" + x.Text("feature_map")
			}
			return ""
		},
		weights: hedgehogWeights,
		state: func(m *Model, x Mixer, _ int) []State {
			s := []State{
				{"memory", []int{m.Heads, features(m, x), m.HeadDim}},
				{"normaliser", []int{m.Heads, features(m, x)}},
			}
			if w := x.Int("window"); w > 0 {
				s = append(s, keyValues(m, w+x.Int("sinks"))...)
			}
			return append(s, convState(x, channels(m))...)
		},
	},
	"mamba2": {
		doc:    "Mamba-2: one decay per head from the input; v, k, q play x, B, C",
		source: "mmMamba, Liao et al. 2025, arXiv:2502.13145; Mamba-2, Dao & Gu 2024, arXiv:2405.21060; MambaInLlama, arXiv:2408.15237",
		options: frame{conv: 2, convBias: true, qkNorm: None, norm: Before, gate: SiLU}.options(
			Option{Name: "decay", Default: "delta", Choices: []string{"delta", "sigmoid"}, Doc: "exp(Δ·A) with the input times Δ, or sigmoid with the input as it is"},
			Option{Name: "learn_a", Default: true, Doc: "learn A per head; false: A = -1"},
			Option{Name: "skip", Default: false, Doc: "add D·x, learnt per head"},
			Option{Name: "groups", Default: 0, Doc: "groups of heads that share B and C, with projections of their own; 0: the teacher's keys and queries"},
			Option{Name: "state_dim", Default: 0, With: "groups", Doc: "width of B and C; 0: head_dim"},
		),
		replaces: func(x Mixer) []string {
			if x.Int("groups") > 0 {
				return []string{"q_proj", "k_proj"}
			}
			return nil
		},
		check: func(m *Model, x Mixer) string {
			g := x.Int("groups")
			switch {
			case g > 0 && m.Heads%g != 0:
				return fmt.Sprintf("groups is %d, want a divisor of the %d heads", g, m.Heads)
			case g > 0 && x.Bool("rope"):
				return "rope turns the teacher's queries and keys, which groups replaces: want one or the other"
			case !x.Bool("learn_a") && x.Text("decay") == "sigmoid":
				return "learn_a does nothing with decay=sigmoid, which has no A"
			}
			return ""
		},
		weights: mamba2Weights,
		state: func(m *Model, x Mixer, _ int) []State {
			channels, n := mamba2Channels(m, x)
			return append([]State{{"memory", []int{m.Heads, m.HeadDim, n}}}, convState(x, channels)...)
		},
	},
	"lightning": {
		doc:    "a decay per head that does not depend on the input, rotary positions kept",
		source: "Lightning Attention-2, Qin et al. 2024, arXiv:2401.04658; RetNet, arXiv:2307.08621; HALO, arXiv:2601.22156",
		options: frame{qkNorm: RMS, rope: true, norm: Before, gate: Sigmoid}.options(
			Option{Name: "decay", Default: "learnt", Choices: []string{"slopes", "retnet", "learnt"}, Doc: "exp(-2^(-8(h+1)/H)), 1-2^(-5-h), or learnt from the slopes"},
		),
		weights: func(m *Model, x Mixer) []Weight {
			ws := frameWeights(m, x, channels(m), m.HeadDim)
			if x.Text("decay") == "learnt" {
				ws = append(ws, Weight{Name: "mixer.log_rate", Shape: []int{m.Heads}})
			}
			return ws
		},
		state: memoryAndConv,
	},
	"gla": {
		doc:    "gated linear attention: a decay for each key dimension, from the input or from the key itself",
		source: "GLA, Yang et al. 2024, arXiv:2312.06635; Liger, Lan et al. 2025, arXiv:2503.01496",
		options: frame{qkNorm: None, norm: None, gate: None}.options(
			Option{Name: "decay_from", Default: "key", Choices: []string{"key", "input"}, Doc: "gate by the key, without new tensors, or by a low-rank projection of the input"},
			Option{Name: "decay_rank", Default: 16, Min: 1, Doc: "rank of that projection"},
			Option{Name: "decay", Default: "channel", Choices: []string{"channel", "head"}, Doc: "one decay for each key dimension or for each head"},
			Option{Name: "normaliser", Default: 16, Min: 1, Doc: "what the log of the gate's sigmoid is divided by"},
			Option{Name: "activation", Default: "softmax", Choices: []string{None, "softmax"}, Doc: "of queries and keys in the recurrence"},
			Option{Name: "window", Default: 64, Doc: "newest keys that the softmax half of the output sees, rotated; 0: no such half"},
		),
		check: func(_ *Model, x Mixer) string {
			if x.Text("decay_from") == "key" && x.Int("decay_rank") != 16 {
				return "decay_rank does nothing without decay_from=input"
			}
			return ""
		},
		weights: glaWeights,
		state: func(m *Model, x Mixer, capacity int) []State {
			s := []State{memory(m)}
			if w := x.Int("window"); w > 0 {
				s = append(s, keyValues(m, w)...)
			}
			return append(s, convState(x, channels(m))...)
		},
	},
	"delta": {
		doc:    "DeltaNet: each write first takes out what the key already holds",
		source: "DeltaNet, Yang et al. 2024, arXiv:2406.06484; negative eigenvalues: arXiv:2411.12537",
		options: frame{conv: 4, qkNorm: L2, norm: Before, gate: SiLU}.options(
			Option{Name: "allow_neg_eigval", Default: false, Doc: "β up to 2 instead of 1: the state can change sign"},
			Option{Name: "beta_bias", Default: false, Doc: "the projection of β has a bias"},
		),
		check: unitKeys,
		weights: func(m *Model, x Mixer) []Weight {
			return append(betaWeights(m, x), frameWeights(m, x, channels(m), m.HeadDim)...)
		},
		state: memoryAndConv,
	},
	"gated-delta": {
		doc:    "Gated DeltaNet: the delta rule with a decay per head, or per key dimension (KDA)",
		source: "Gated DeltaNet, Yang et al. 2024, arXiv:2412.06464; KDA: Kimi Linear, arXiv:2510.26692",
		options: frame{conv: 4, qkNorm: L2, norm: Before, gate: SiLU}.options(
			Option{Name: "decay", Default: "head", Choices: []string{"head", "channel"}, Doc: "one decay for each head, or for each key dimension as in KDA"},
			Option{Name: "decay_rank", Default: 0, Doc: "rank of the decay's projection with decay=channel; 0: head_dim"},
			Option{Name: "allow_neg_eigval", Default: false, Doc: "β up to 2 instead of 1: the state can change sign"},
			Option{Name: "beta_bias", Default: false, Doc: "the projection of β has a bias"},
		),
		check: func(m *Model, x Mixer) string {
			if x.Text("decay") == "head" && x.Int("decay_rank") > 0 {
				return "decay_rank does nothing without decay=channel"
			}
			return unitKeys(m, x)
		},
		weights: gatedDeltaWeights,
		state:   memoryAndConv,
	},
	"mom": {
		doc:    "Mixture-of-Memories: each token writes and reads a few of several states, and one that all share",
		source: "MoM, Du et al. 2025, arXiv:2502.13685, with one projection of keys and values for all memories",
		options: frame{conv: 4, qkNorm: L2, norm: Before, gate: SiLU}.options(
			Option{Name: "memories", Default: 4, Min: 1, Doc: "memories that tokens are routed to"},
			Option{Name: "top_k", Default: 2, Min: 1, Doc: "memories that each token writes and reads"},
			Option{Name: "shared", Default: true, Doc: "one more memory that every token writes and reads"},
			Option{Name: "inner", Default: "gated-delta", Choices: []string{"gla", "gated-delta"}, Doc: "the recurrence of a memory; gla without softmax, its gate from the input"},
			Option{Name: "balance", Default: 0.01, Doc: "weight in the loss of how unevenly the memories are used; 0: none"},
			Option{Name: "allow_neg_eigval", Default: false, Doc: "with inner=gated-delta, β up to 2 instead of 1: the state can change sign"},
		),
		check:   momCheck,
		weights: momWeights,
		state:   momState,
	},
	"rwkv7": {
		doc:    "RWKV-7: a decay for each key dimension, and writes that replace by a rate for each",
		source: "RADLADS, Goldstein et al. 2025, arXiv:2505.03005; RWKV-7, Peng et al. 2025, arXiv:2503.14456",
		options: frame{qkNorm: None, rope: true, norm: None, gate: Sigmoid}.options(
			Option{Name: "balance", Default: true, Doc: "scale keys to write as much as is lost, in place of a norm; false: by RWKV-7's learnt k_k and k_a"},
			Option{Name: "bonus", Default: false, Doc: "add each token's own value once more, weighed by its query, its key and a learnt weight"},
			Option{Name: "rank", Default: 0, Doc: "rank of the projections of decay and rate; 0: the multiple of 32 next to 1.8·√hidden"},
		),
		weights: rwkv7Weights,
		state:   memoryAndConv,
	},
}
