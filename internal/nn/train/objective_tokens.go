package train

import (
	"slices"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/memory"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/ops"
)

// imitate holds the student's next-token distribution against the teacher's and the text.
//
// Few logits are there at once. Of many, each part's gradient for the hidden states and
// the head's tensors is taken as soon as its loss is known, so that nothing of its logits
// has to wait for the backward pass: no array over all tokens and the vocabulary is ever
// there.
func (o Objective) imitate(teacher *nn.Net, student nn.Net, in inputs) (loss *Node, parts []*Node) {
	dims := in.ids.Shape().Dimensions
	return o.imitateBy(memory.PartTokens(dims[0], dims[1], student.Model.Vocab), teacher, student, in)
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
	var back backward
	for at := 0; at < tokens; at += size {
		to := min(at+size, tokens)
		some := ops.Span(x, 1, at, to)
		var want *Node
		if asks {
			want = StopGradient(teacher.Logits(back.after(ops.Span(y, 1, at, to))))
		}
		head := back.after(Identity(StopGradient(some))) // where gradients of what follows end
		measured := o.measure(student.Logits(head), want, in.span(at, to))
		if in.weights == nil { // means over the part's tokens
			for i := range measured {
				measured[i] = MulScalar(measured[i], float64(to-at)/float64(tokens))
			}
		}
		back.add(o.weigh(measured), head, some, in.trained)
		for i := range measured {
			if at > 0 {
				measured[i] = Add(parts[i], measured[i])
			}
		}
		parts = measured
	}
	return back.loss(), parts
}

// backward is a sum of losses of which no more is kept for the backward pass than their
// gradients for some nodes.
type backward struct {
	losses []*Node
	at     []*Node // the nodes
	grads  []*Node
}

// add adds a loss with its gradients for those of the trained tensors that it depends on,
// and for head, which is x without what x is made of.
func (b *backward) add(loss, head, x *Node, trained []*Node) {
	at := append([]*Node{head}, reached(loss, append([]*Node{head}, b.grads...), trained)...)
	for i, grad := range Gradient(loss, at...) {
		of := at[i]
		if i == 0 {
			of = x
		}
		k := slices.Index(b.at, of)
		if k < 0 {
			b.at, b.grads = append(b.at, of), append(b.grads, StopGradient(grad))
			continue
		}
		b.grads[k] = Add(b.grads[k], StopGradient(grad))
	}
	b.losses = append(b.losses, StopGradient(loss))
}

// after is x, but there only when all that was added is done with. Engines that choose the
// order of a graph themselves, as XLA does, would else have the logits of all parts at once.
func (b *backward) after(x *Node) *Node {
	if len(b.grads) == 0 {
		return x
	}
	return SchedulingBarrier(x, b.grads...)
}

// loss is the sum, whose gradients are those that were added.
func (b *backward) loss() *Node {
	var along []*Node
	for i, x := range b.at {
		along = append(along, ReduceAllSum(Mul(x, b.grads[i])))
	}
	first := sum(along)
	return Add(sum(b.losses), Sub(first, StopGradient(first)))
}

// reached are those of some nodes that a result depends on by ways that do not lead
// through the ends. Of a node that it only waits for, the gradient would be an array of zeros.
func reached(result *Node, ends, of []*Node) []*Node {
	seen := map[*Node]bool{}
	for _, x := range ends {
		seen[x] = true
	}
	var found []*Node
	for open := []*Node{result}; len(open) > 0; {
		n := open[len(open)-1]
		open = open[:len(open)-1]
		if seen[n] {
			continue
		}
		seen[n] = true
		if slices.Contains(of, n) {
			found = append(found, n)
		}
		open = append(open, n.Inputs()...)
	}
	return found
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
