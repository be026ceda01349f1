package distill

import (
	"fmt"
	"math/rand/v2"

	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/mixers"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
	"github.com/seed-1411d8c0/linearize/recipes"
)

// objective is what a stage minimises.
func objective(s Stage) train.Objective {
	l := s.Loss
	o := train.Objective{
		MSE: l.MSE, L2: l.L2, Cosine: l.Cosine, Attention: l.Attention,
		KL: l.KL, ReverseKL: l.ReverseKL, CE: l.CE, Temperature: l.Temperature,
	}
	if l.Target == "post_o" {
		o.Target = nn.PostO
	}
	return o
}

// checkObjective refuses what the student's mixers or the vocabulary do not have.
func (p *Plan) checkObjective(s recipes.Stage) error {
	refuse := func(format string, args ...any) error {
		return &refusal{fmt.Errorf("stage %s: "+format, append([]any{s.Name}, args...)...)}
	}
	windows := false
	for i, x := range p.student.Mixers {
		if !p.student.Converted(i) {
			continue
		}
		if s.Loss.Attention > 0 && !mixers.Attends(x.Name) {
			return refuse("loss.attention: layer %d is %s, which has no attention weights: its output is no mean of values. hedgehog has them; mse, l2 and cosine compare outputs, which all mixers have", i, x)
		}
		_, has := x.Linear()
		windows = windows || has
	}
	if len(s.WindowDropout) > 0 && !windows {
		return refuse("window_dropout: no linear layer of the student has a softmax window to drop")
	}
	if k := s.TeacherLogits; k != nil && k.TopK >= p.student.Vocab {
		return refuse("teacher_logits.top_k is %d, want less than the %d tokens of the vocabulary", k.TopK, p.student.Vocab)
	}
	return nil
}

// dropsWindow reports whether a part of a step is trained without the softmax windows
// of linear mixers. It follows from seed, stage, step and part alone.
func (s Stage) dropsWindow(seed uint64, step, part int) bool {
	n := len(s.WindowDropout)
	if n == 0 {
		return false
	}
	rng := rand.New(rand.NewPCG(seed^stream(s.Name, "window_dropout"), uint64(step)<<20|uint64(part)))
	return rng.Float64() < s.WindowDropout[step*n/s.Steps]
}
