package recipes

import "fmt"

// checkPlateau checks that a schedule that follows the evaluations has some to follow.
func checkPlateau(at string, s *Stage, t *tree, rp *report) {
	if s.Schedule != "plateau" {
		return
	}
	path := at + "schedule"
	if !t.given(path) {
		path = "defaults.schedule"
	}
	switch {
	case !t.given("data.eval"):
		rp.at(path, "plateau follows the loss on data.eval, which is missing")
	case s.EvalEvery == 0:
		rp.at(path, "plateau follows the evaluations within a stage, want eval_every > 0")
	}
}

func checkTeacherLogits(at string, s *Stage, rp *report) {
	if s.TeacherLogits == nil {
		return
	}
	at += "teacher_logits"
	if s.Loss.KL == 0 && s.Loss.ReverseKL == 0 {
		rp.at(at, "is for the kl and reverse_kl of a stage of kind distill, and this one has neither")
		return
	}
	rp.integer(at+".top_k", s.TeacherLogits.TopK, 1)
}

// checkWindowDropout checks the numbers; whether the student has a window shows when it
// is known.
func checkWindowDropout(at string, s *Stage, rp *report) {
	for i, p := range s.WindowDropout {
		path := fmt.Sprintf("%s[%d]", at, i)
		if !rp.tree.given(path) {
			path = at // one number, without brackets
		}
		rp.number(path, p, p >= 0 && p <= 1, "in [0, 1]")
	}
	switch n := len(s.WindowDropout); {
	case rp.tree.given(at) && n == 0:
		rp.at(at, "is empty, want at least one number in [0, 1]")
	case s.Steps > 0 && n > s.Steps:
		rp.at(at, "has %d parts, more than the %d steps of the stage", n, s.Steps)
	}
}
