package train

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn"
)

// Objective is what a stage minimises. Exactly one of the two kinds, a sum of parts
// each with its weight:
//
//	alignment    means over converted layers, both mixers fed with the teacher's hidden state
//	  MSE          mean((student − teacher)²)
//	  L2           mean over tokens of ‖student − teacher‖₂/√d
//	  Cosine       mean over tokens of 1 − cos(student, teacher)
//	  Attention    mean over heads and queries of −Σ p log q of the attention weights
//	free-running means over tokens
//	  KL           KL(teacher ‖ student)
//	  ReverseKL    KL(student ‖ teacher)
//	  CE           −log p(target)
//
// Where a batch says which tokens count, the means are over those alone.
// To both comes what the student's mixers ask for themselves, [nn.Net].Penalty.
type Objective struct {
	MSE, L2, Cosine, Attention float64 // one > 0 makes this an alignment
	Target                     nn.Target

	KL, ReverseKL, CE float64
	Temperature       float64
}

// Aligns reports whether this is an alignment.
func (o Objective) Aligns() bool { return o.MSE > 0 || o.L2 > 0 || o.Cosine > 0 || o.Attention > 0 }

// NeedsTeacher reports whether the teacher's forward pass is part of the loss.
func (o Objective) NeedsTeacher() bool { return o.Aligns() || o.KL > 0 || o.ReverseKL > 0 }

// term is one part of an objective.
type term struct {
	name   string
	weight float64
}

// terms are the parts that take part, in the order in which they are reported.
func (o Objective) terms() []term {
	all := []term{{"mse", o.MSE}, {"l2", o.L2}, {"cosine", o.Cosine}, {"attention", o.Attention}}
	if !o.Aligns() {
		all = []term{{"kl", o.KL}, {"reverse_kl", o.ReverseKL}, {"ce", o.CE}}
	}
	var some []term
	for _, t := range all {
		if t.weight > 0 {
			some = append(some, t)
		}
	}
	return some
}

// Parts names what a step reports beside the loss, unweighted: of an alignment each part
// of each converted layer, as mse_0, layers of one part together. After them comes
// [Penalty] where a mixer has made one, see [Trainer.Parts].
func (o Objective) Parts(student *arch.Model) []string {
	var names []string
	for _, t := range o.terms() {
		if !o.Aligns() {
			names = append(names, t.name)
			continue
		}
		for i := range student.Mixers {
			if student.Converted(i) {
				names = append(names, fmt.Sprintf("%s_%d", t.name, i))
			}
		}
	}
	return names
}

// Penalty is the part of a step's loss that the student's mixers asked for, over all layers.
const Penalty = "penalty"

// inputs are the nodes of a batch.
type inputs struct {
	ids, targets *Node   // [B, T]
	top          *nn.Top // of the teacher's logits, which takes its place; nil: it runs
	weights      *Node   // [B, T]: make means of sums over tokens; nil where all tokens are alike
	trained      []*Node // the tensors that gradients are asked for
}

// graph builds the loss and its parts, the sum of the penalties last if there are any.
func (o Objective) graph(teacher *nn.Net, student nn.Net, in inputs) (loss *Node, parts []*Node, penalised bool) {
	var penalties []*Node
	student = student.ForTraining()
	student.Penalty = func(term *Node) { penalties = append(penalties, term) }
	if o.Aligns() {
		loss, parts = o.align(*teacher, student, nn.Align(*teacher, student, in.ids, o.Target), in.weights)
	} else {
		loss, parts = o.imitate(teacher, student, in)
	}
	return penalise(loss, parts, penalties)
}

func penalise(loss *Node, parts, penalties []*Node) (*Node, []*Node, bool) {
	if len(penalties) == 0 {
		return loss, parts, false
	}
	all := sum(penalties)
	return Add(loss, all), append(parts, all), true
}

// align holds the student's mixers against the teacher's.
func (o Objective) align(teacher, student nn.Net, pairs []nn.Aligned, weights *Node) (loss *Node, parts []*Node) {
	var terms []*Node
	for _, t := range o.terms() {
		var layers []*Node
		for _, pair := range pairs {
			layers = append(layers, distance(t.name, teacher, student, pair, weights))
		}
		terms = append(terms, MulScalar(sum(layers), t.weight/float64(len(layers))))
		parts = append(parts, layers...)
	}
	return sum(terms), parts
}

func distance(name string, teacher, student nn.Net, pair nn.Aligned, weights *Node) *Node {
	switch name {
	case "l2":
		return nn.L2(pair.Student, pair.Teacher, weights)
	case "cosine":
		return nn.Cosine(pair.Student, pair.Teacher, weights)
	case "attention":
		return nn.AttentionCE(teacher.LogWeights(pair.Layer, pair.Input), student.LogWeights(pair.Layer, pair.Input), weights)
	default:
		return nn.MSE(pair.Student, pair.Teacher, weights)
	}
}

func sum(nodes []*Node) *Node {
	total := nodes[0]
	for _, n := range nodes[1:] {
		total = Add(total, n)
	}
	return total
}
