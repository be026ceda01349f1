package train

import (
	"fmt"

	. "github.com/gomlx/gomlx/core/graph"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn"
)

// Objective is what a stage minimises. Exactly one of the two kinds:
//
//	alignment    MSE · mean over converted layers of mean((student − teacher)²),
//	             both mixers fed with the teacher's hidden state
//	free-running KL · mean over tokens of KL(teacher ‖ student)
//	             + CE · mean over tokens of −log p(target)
//
// Where a batch says which tokens count, the means are over those alone.
// To both comes what the student's mixers ask for themselves, [nn.Net].Penalty.
type Objective struct {
	MSE    float64 // > 0 makes this an alignment
	Target nn.Target

	KL, CE      float64
	Temperature float64
}

// NeedsTeacher reports whether the teacher's forward pass is part of the loss.
func (o Objective) NeedsTeacher() bool { return o.MSE > 0 || o.KL > 0 }

// Parts names what a step reports beside the loss: the MSE of each converted
// layer, or the unweighted KL and CE that take part. After them comes [Penalty] where
// a mixer has made one, see [Trainer.Parts].
func (o Objective) Parts(student *arch.Model) []string {
	var names []string
	if o.MSE > 0 {
		for i := range student.Mixers {
			if student.Converted(i) {
				names = append(names, fmt.Sprintf("mse_%d", i))
			}
		}
		return names
	}
	if o.KL > 0 {
		names = append(names, "kl")
	}
	if o.CE > 0 {
		names = append(names, "ce")
	}
	return names
}

// Penalty is the part of a step's loss that the student's mixers asked for, over all layers.
const Penalty = "penalty"

// graph builds the loss and its parts, the sum of the penalties last if there are any.
// Weights, nil where all tokens are alike, make means of sums over tokens.
func (o Objective) graph(teacher *nn.Net, student nn.Net, ids, targets, weights *Node) (loss *Node, parts []*Node, penalised bool) {
	var penalties []*Node
	student = student.ForTraining()
	student.Penalty = func(term *Node) { penalties = append(penalties, term) }
	loss, parts = o.match(teacher, student, ids, targets, weights)
	return penalise(loss, parts, penalties)
}

func penalise(loss *Node, parts, penalties []*Node) (*Node, []*Node, bool) {
	if len(penalties) == 0 {
		return loss, parts, false
	}
	all := sum(penalties)
	return Add(loss, all), append(parts, all), true
}

// match builds what holds the student against the teacher and the text.
func (o Objective) match(teacher *nn.Net, student nn.Net, ids, targets, weights *Node) (loss *Node, parts []*Node) {
	if o.MSE > 0 {
		for _, pair := range nn.Align(*teacher, student, ids, o.Target) {
			parts = append(parts, nn.MSE(pair.Student, pair.Teacher, weights))
		}
		return MulScalar(sum(parts), o.MSE/float64(len(parts))), parts
	}
	logits, _ := student.Forward(ids, nn.Options{})
	var terms []*Node
	if o.KL > 0 {
		want, _ := teacher.Forward(ids, nn.Options{})
		kl := nn.Mean(nn.KL(want, logits, o.Temperature), weights)
		terms, parts = append(terms, MulScalar(kl, o.KL)), append(parts, kl)
	}
	if o.CE > 0 {
		ce := nn.Mean(nn.CrossEntropy(logits, targets), weights)
		terms, parts = append(terms, MulScalar(ce, o.CE)), append(parts, ce)
	}
	return sum(terms), parts
}

func sum(nodes []*Node) *Node {
	total := nodes[0]
	for _, n := range nodes[1:] {
		total = Add(total, n)
	}
	return total
}
