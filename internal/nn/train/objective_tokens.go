package train

import (
	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// What is there at a time of the logits, in numbers: 16 MiB of each array. More tokens
// go one part after the other, but not in more than mostParts.
const (
	partSize  = 1 << 22
	mostParts = 64
)

// imitate holds the student's next-token distribution against the teacher's and the text.
//
// Few logits are there at once. Of many, each part's gradient is taken as soon as its
// loss is known, so that nothing else of it has to wait for the backward pass: of all
// arrays over tokens and vocabulary, that gradient alone is there in full.
func (o Objective) imitate(teacher *nn.Net, student nn.Net, in inputs) (loss *Node, parts []*Node) {
	dims := in.ids.Shape().Dimensions
	return o.imitateBy(partTokens(dims[0], dims[1], student.Model.Vocab), teacher, student, in)
}

// imitateBy is imitate with so many tokens of each row at a time.
func (o Objective) imitateBy(size int, teacher *nn.Net, student nn.Net, in inputs) (loss *Node, parts []*Node) {
	asks := in.top == nil && o.NeedsTeacher()
	tokens := in.ids.Shape().Dim(1)
	if size >= tokens {
		logits, _ := student.Forward(in.ids, nn.Options{})
		var want *Node
		if asks {
			want, _ = teacher.Forward(in.ids, nn.Options{})
			want = StopGradient(want)
		}
		parts = o.measure(logits, want, in)
		return o.weigh(parts), parts
	}
	x := student.Hidden(in.ids)
	var y *Node
	if asks {
		y = StopGradient(teacher.Hidden(in.ids))
	}
	var losses []*Node
	for at := 0; at < tokens; at += size {
		to := min(at+size, tokens)
		logits := student.Logits(ops.Span(x, 1, at, to))
		var want *Node
		if asks {
			want = StopGradient(teacher.Logits(ops.Span(y, 1, at, to)))
		}
		some := o.measure(logits, want, in.span(at, to))
		if in.weights == nil { // means over the part's tokens
			for i := range some {
				some[i] = MulScalar(some[i], float64(to-at)/float64(tokens))
			}
		}
		losses = append(losses, backward(o.weigh(some), logits))
		for i := range some {
			if at == 0 {
				parts = append(parts, some[i])
			} else {
				parts[i] = Add(parts[i], some[i])
			}
		}
	}
	return sum(losses), parts
}

// backward is a loss of which no more is kept for the backward pass than its gradient
// for x, of the shape of x.
func backward(loss, x *Node) *Node {
	grad := StopGradient(Gradient(loss, x)[0])
	along := ReduceAllSum(Mul(x, grad))
	return Add(StopGradient(loss), Sub(along, StopGradient(along)))
}

// partTokens is how many tokens of each row of a batch make a part.
func partTokens(batch, tokens, vocab int) int {
	return max(1, partSize/(batch*vocab), (tokens+mostParts-1)/mostParts)
}

// span is the inputs of some tokens of each row.
func (in inputs) span(at, to int) inputs {
	cut := func(x *Node) *Node {
		if x == nil {
			return nil
		}
		return ops.Span(x, 1, at, to)
	}
	some := inputs{ids: cut(in.ids), targets: cut(in.targets), weights: cut(in.weights)}
	if in.top != nil {
		some.top = &nn.Top{IDs: cut(in.top.IDs), Log: cut(in.top.Log)}
	}
	return some
}

// measure computes the parts of the loss from logits, the teacher's being nil where
// nothing or its top ones are asked.
func (o Objective) measure(logits, want *Node, in inputs) (parts []*Node) {
	for _, t := range o.terms() {
		var each *Node
		switch {
		case t.name == "ce":
			each = nn.CrossEntropy(logits, in.targets)
		case in.top != nil:
			p, q := in.top.Log, in.top.Of(scaled(logits, 1/o.Temperature))
			if t.name == "reverse_kl" {
				p, q = q, p
			}
			each = nn.Divergence(p, q, o.Temperature)
		case t.name == "reverse_kl":
			each = nn.KL(logits, want, o.Temperature)
		default:
			each = nn.KL(want, logits, o.Temperature)
		}
		parts = append(parts, nn.Mean(each, in.weights))
	}
	return parts
}

// weigh is the loss that parts make.
func (o Objective) weigh(parts []*Node) *Node {
	var terms []*Node
	for i, t := range o.terms() {
		terms = append(terms, scaled(parts[i], t.weight))
	}
	return sum(terms)
}

func scaled(x *Node, by float64) *Node {
	if by == 1 {
		return x
	}
	return MulScalar(x, by)
}
