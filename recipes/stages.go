package recipes

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/typo"
)

var nameForm = regexp.MustCompile(`^[a-z0-9-]+$`)

// checkStage checks a stage by itself; what stands under at, "stages[0].", is its own.
func checkStage(at string, s *Stage, t *tree, rp *report) {
	if s.Name == "" {
		rp.missing(at+"name", "lower-case letters, digits and -")
	} else if !nameForm.MatchString(s.Name) {
		rp.at(at+"name", "is %q, want lower-case letters, digits and -", s.Name)
	}
	rp.integer(at+"steps", s.Steps, 1)
	checkKnobs(at, &s.Knobs, t, rp)
	if shared := "defaults.learning_rate"; !t.given(at+"learning_rate") && !t.given(shared) && !rp.broken[shared] {
		rp.missing(at+"learning_rate", "a number > 0, here or in defaults")
	}
	checkSchedule(at, s, t, rp)
	rp.choice(at+"kind", s.Kind, kindNames)
	k, ok := kinds[s.Kind]
	if !ok {
		return // what may go with it is unknown
	}
	if train := at + "train"; s.Train != "" && !slices.Contains(k.trains, s.Train) && groupsOf[s.Train] != nil {
		rp.at(train, "is %s, and a stage of kind %s trains %s", s.Train, s.Kind, oneOf(k.trains))
	} else {
		rp.choice(train, s.Train, k.trains)
	}
	checkLoss(at+"loss", s, k, t, rp)
	if s.Train == "new+qkvo" && s.Kind == "align" && s.Loss.outputs() && s.Loss.Target == "pre_o" {
		rp.at(at+"train", "is new+qkvo, and loss.target pre_o compares what comes before the output projection: want target: post_o, or train: new+qkv")
	}
	checkRates(at+"learning_rates", s, rp)
	checkLoRA(at+"lora", s, t, rp)
	checkExecution(at, s, t, rp)
	checkTeacherLogits(at, s, rp)
	checkWindowDropout(at+"window_dropout", s, rp)
}

// checkLoss checks the weights of a stage's objective, and that one is not 0.
func checkLoss(at string, s *Stage, k kind, t *tree, rp *report) {
	sum, broken := 0.0, false
	for _, part := range lossParts {
		path, v := at+"."+part.key, *part.value(&s.Loss)
		broken = broken || rp.broken[path]
		if _, ok := k.loss[part.key]; !ok {
			if v != 0 {
				rp.at(path, "is not for a stage of kind %s, which has %s", s.Kind, strings.Join(slices.Sorted(maps.Keys(k.loss)), ", "))
			}
			continue
		}
		if part.key == "temperature" {
			rp.number(path, v, v > 0, "> 0")
			if v > 0 && v != 1 && s.Loss.KL == 0 && s.Loss.ReverseKL == 0 {
				rp.at(path, "is for kl and reverse_kl, which have no weight")
			}
			continue
		}
		rp.number(path, v, v >= 0, ">= 0")
		sum += v
	}
	if sum == 0 && !broken {
		rp.at(at, "every weight is 0, want one of a stage of kind %s > 0", s.Kind)
	}
	switch target := at + ".target"; {
	case !k.target && t.given(target):
		rp.at(target, "is not for a stage of kind %s", s.Kind)
	case k.target && s.Loss.outputs():
		rp.choice(target, s.Loss.Target, targets)
	case k.target && t.given(target):
		rp.at(target, "is for mse, l2 and cosine, which have no weight")
	}
}

// outputs reports whether an alignment compares outputs, of the target.
func (l *Loss) outputs() bool { return l.MSE > 0 || l.L2 > 0 || l.Cosine > 0 }

// checkRates checks the learning rates of groups against what the stage trains.
func checkRates(at string, s *Stage, rp *report) {
	if len(s.LearningRates) > 0 && s.Train == "lora" {
		rp.at(at, "does not go with train: lora, whose matrices all have the stage's learning_rate")
		return
	}
	groups := groupsOf[s.Train]
	if groups == nil {
		return // the train set is reported
	}
	for _, g := range slices.Sorted(maps.Keys(s.LearningRates)) {
		path := join(at, g)
		if !slices.Contains(groups, g) {
			rp.at(path, "is not a group of train: %s, which has %s", s.Train, strings.Join(groups, ", "))
			continue
		}
		rate := s.LearningRates[g]
		rp.number(path, rate, rate > 0, "> 0")
	}
}

// checkLoRA checks the numbers of low-rank updates.
func checkLoRA(at string, s *Stage, t *tree, rp *report) {
	switch {
	case s.LoRA == nil && s.Train == "lora":
		rp.missing(at, "{r: RANK}, for train: lora")
	case s.LoRA == nil:
	case s.Train != "lora":
		rp.at(at, "is for train: lora, and the stage's is %s", s.Train)
	default:
		rp.integer(at+".r", s.LoRA.R, 1)
		if t.given(at + ".alpha") {
			rp.number(at+".alpha", s.LoRA.Alpha, s.LoRA.Alpha > 0, "> 0")
		}
		if t.given(at + ".dropout") {
			d := s.LoRA.Dropout
			rp.number(at+".dropout", d, d >= 0 && d < 1, "in [0, 1)")
		}
		if t.given(at + ".save") {
			rp.choice(at+".save", s.LoRA.Save, saves)
		}
		checkTargets(at+".targets", s.LoRA.Targets, rp)
	}
}

// checkTargets refuses what is a slip in any model; whether the student has a module
// of the name shows when it is known.
func checkTargets(at string, list []string, rp *report) {
	if len(list) == 0 {
		rp.missing(at, "at least one")
	}
	for i, m := range list {
		path := fmt.Sprintf("%s[%d]", at, i)
		if near := typo.Nearest(m, modules); near != "" && near != m || !moduleForm.MatchString(m) {
			rp.choice(path, m, modules)
		}
		if slices.Contains(list[:i], m) {
			rp.at(path, "%s is there twice", m)
		}
		if m == "all-linear" && len(list) > 1 {
			rp.at(path, "all-linear stands alone: it has the others in it")
		}
	}
}

// moduleForm is the name of a module, with or without those that it is in.
var moduleForm = regexp.MustCompile(`^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$`)

// checkTeacherLogits checks that there is a loss that the remembered logits are for.
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
