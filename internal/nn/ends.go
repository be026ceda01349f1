package nn

import (
	. "github.com/gomlx/gomlx/core/graph"
)

// Embed is what stands before the layers: the hidden states of ids that begin a sequence.
//
//	ids  [B, T]     int32
//	x    [B, T, E]
func (n Net) Embed(ids *Node) *Node { return n.embed(ids, nil) }

// Logits is what stands behind the layers.
//
//	x       [B, T, E]
//	logits  [B, T, V]
func (n Net) Logits(x *Node) *Node { return n.logits(x) }
