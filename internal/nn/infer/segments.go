package infer

import (
	"cmp"

	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/ml/model"

	"github.com/seed-1411d8c0/linearize/internal/nn"
)

// Segment is the number of tokens of a long sequence that are read at a time: arrays of
// so many are in the cache, those of twice as many are not (docs/performance.md).
const Segment = 1024

// roomier is how many segments softmax layers have room for at first, and how many times
// more each time that it runs out. Each size has graphs of its own, which XLA compiles for
// seconds; room for all from the start would have every segment meet it.
const roomier = 4

// segment is the number of tokens that one call takes at most.
func (m Model) segment() int { return cmp.Or(m.Segment, Segment) }

// long reports whether sequences of this length are read in segments. What is built for
// training has no states.
func (m Model) long(tokens int) bool { return tokens > m.segment() && !m.Net.Training }

// segments reads long sequences, a segment at a time and the rest that is left, each from
// the states of the one before. So there are two graphs whatever the length, but for the
// room of softmax layers.
type segments struct {
	m      Model
	read   *model.Exec
	longer *graph.Exec // makes room
}

// segments returns a reader whose graph gives one result for each segment. The weights are
// parameters of the graphs, so that not each of them holds a copy.
func (m Model) segments(build func(o nn.Options, in []*graph.Node) (*graph.Node, [][]*graph.Node)) (*segments, error) {
	m.Live = true
	read, err := m.carrying(build)
	if err != nil {
		return nil, err
	}
	longer, err := graph.NewExec(m.Backend, func(x, more *graph.Node) *graph.Node {
		return graph.Concatenate([]*graph.Node{x, more}, 2)
	})
	if err != nil {
		return nil, err
	}
	return &segments{m, read.SetMaxCache(-1), longer.SetMaxCache(-1)}, nil
}

// run reads a batch of sequences of one length, of which each input of the graph has a row
// [B·T], and returns the states after them with room for capacity tokens. Each result is
// given to see, whose it is then, with the number of tokens before it.
func (s *segments) run(batch, capacity int, see func(before int, result *tensors.Tensor) error, inputs ...[]int32) (c *carried, err error) {
	c = s.m.start(batch, min(roomier*s.m.segment(), capacity))
	defer func() {
		if err != nil {
			_ = c.close() // the error says more
			c = nil
		}
	}()
	for length := len(inputs[0]) / batch; c.seen < length; {
		before, n, room := c.seen, min(s.m.segment(), length-c.seen), c.capacity
		for room < before+n {
			room *= roomier
		}
		if err := c.grow(s.longer, min(room, capacity)); err != nil {
			return c, err
		}
		var columns []any
		for _, in := range inputs {
			columns = append(columns, cut(in, batch, before, before+n))
		}
		out, err := c.read(s.read, n, length, columns...)
		if err == nil {
			err = see(before, out)
		}
		if err != nil {
			return c, err
		}
	}
	return c, c.grow(s.longer, capacity)
}

func (s *segments) finalize() {
	s.read.Finalize()
	s.longer.Finalize()
}
