package memory

import "github.com/seed-1411d8c0/linearize/internal/arch"

// What a layer keeps of each token for the backward pass, in arrays of so many fp32
// numbers per token. Fitted to the graphs of one step that GoMLX builds for engine go,
// by what there is at a time if buffers are freed after their last use, over 12 shapes
// of 2 and 3 layers for each mixer (heads of 8 to 128, hidden 64 to 128, MLP 128 to 512,
// 256 to 2048 tokens): a shape is off by an eighth at most.
const (
	hiddenKept    = 5.0  // [E]: hidden states, norms and branches of a block
	hiddenAligned = 1.0  // [E], of an alignment: the mixer's input
	ffnKept       = 4.0  // [FFN]: gate, up, activation, product
	windowKept    = 2.4  // [H·(C+w)]: scores and weights of a softmax window
	windowBeside  = 3.6  // more of them where a window is part of a linear mixer and has gradients
	featuresKept  = 3.0  // [H·D], less of hedgehog's where queries and keys have no gradients
	frozenWindow  = 0.6  // of windowKept, less in the same case
	scoresKept    = 2.0  // [H·T]: weights of softmax attention, and their gradient
	pairsKept     = 4.0  // [H·T], of an alignment of attention weights: those of both models
	mapsKept      = 18.0 // [H·D] of the same: features, queries and keys
	scoresPassing = 4.0  // the same where nothing is kept, for a block of queries
)

// mixerArrays is what a mixer keeps.
type mixerArrays struct {
	queries float64 // [H·D]
	keys    float64 // [G·D]
}

// keptByMixer is by a mixer's name, and by its name and an option where that counts.
var keptByMixer = map[string]mixerArrays{
	"softmax":             {2.3, 1.9},
	"delta":               {34, 14},
	"gated-delta":         {38, 13},
	"gated-delta channel": {75, 24},
	"gla":                 {35, 13},
	"hedgehog":            {28, 6},
	"lightning":           {22, 6},
	"mamba2":              {28, 11},
	"mom":                 {31, 3}, // of each memory
	"rwkv7":               {106, 19},
}

// keyOf is a mixer's key in the tables.
func keyOf(x arch.Mixer) string {
	if x.Name == "gated-delta" && x.Text("decay") == "channel" {
		return "gated-delta channel"
	}
	return x.Name
}

// blockOf is how many queries go through a window at a time.
func blockOf(x arch.Mixer, headDim, window int) int {
	if x.Name == arch.Softmax {
		return min(256, max(16, window))
	}
	return min(64, max(16, headDim, window))
}

// kept is what a layer keeps for the backward pass, in bytes of arrays.
type kept struct {
	hidden, ffn, width   float64 // an array of hidden states, of the MLP, of all heads
	heads, scores, nears float64
	beside               float64 // of a window in a linear mixer, for its gradients
}

// keptOf is what layer i keeps of so many rows of tokens.
func keptOf(m *arch.Model, i, rows, tokens int) kept {
	layer, x := m.At(i), m.Mixers[i]
	per, times := keptByMixer[keyOf(x)], 1.0
	if x.Name == "mom" {
		times = float64(x.Memories())
	}
	k := kept{
		hidden: float64(array(rows, tokens, m.Hidden)),
		ffn:    float64(array(rows, tokens, m.FFN)),
		width:  float64(array(rows, tokens, layer.Heads*layer.HeadDim)),
	}
	k.heads = times * (per.queries*k.width + per.keys*float64(array(rows, tokens, layer.KVHeads*layer.HeadDim)))
	switch w := x.Window(); {
	case w > 0 && w < tokens:
		near := float64(array(rows, tokens, layer.Heads*(w+blockOf(x, layer.HeadDim, w))))
		k.nears = windowKept * near
		if x.Name != arch.Softmax {
			k.beside = windowBeside * near
		}
	case x.Name == arch.Softmax:
		k.scores = scoresKept * float64(array(rows, layer.Heads, tokens, tokens))
	}
	return k
}

// mixer is what the mixer keeps, with so many arrays of hidden states.
func (k kept) mixer(hidden float64) float64 { return hidden*k.hidden + k.heads + k.scores + k.nears }

// block is what the mixer and the MLP keep.
func (k kept) block() float64 { return k.mixer(hiddenKept) + k.beside + ffnKept*k.ffn }
