package mixers

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn/scan"
)

// headsFirst turns [B, T, H·D] into [H, B, T, D].
func headsFirst(x *Node, heads int) *Node {
	b, t, c := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2)
	return TransposeAllAxes(Reshape(x, b, t, heads, c/heads), 2, 0, 1, 3)
}

// headsLast turns [H, B, T, D] into [B, T, H·D].
func headsLast(x *Node) *Node {
	h, b, t, d := x.Shape().Dim(0), x.Shape().Dim(1), x.Shape().Dim(2), x.Shape().Dim(3)
	return Reshape(TransposeAllAxes(x, 1, 2, 0, 3), b, t, h*d)
}

// blocks chooses the blocks of a call over T tokens, unless the layer says. A block
// costs C per token within it and D (or the window) between blocks, so the two
// should be alike. BenchmarkMixer, whose heads have 8 dimensions, has a flat minimum
// at C = 16.
func (l Layer) blocks(tokens, window int) scan.Blocks {
	if l.Chunk > 0 {
		return scan.CutInto(tokens, l.Chunk)
	}
	return scan.CutInto(tokens, min(64, max(16, l.Model.HeadDim, window)))
}
