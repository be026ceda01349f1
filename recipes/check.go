package recipes

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/typo"
)

// check reports what is decoded but wrong.
func check(r *Recipe, t *tree, rp *report) {
	if r.Teacher == "" {
		rp.missing("teacher", "a folder")
	}
	checkStudent(&r.Student, t, rp)
	checkData(&r.Data, t, rp)
	checkResults(r, t, rp)
	checkKnobs("defaults.", &r.Defaults, t, rp)
	if len(r.Stages) == 0 {
		rp.missing("stages", "at least one")
	}
	seen := map[string]int{}
	for i := range r.Stages {
		s, at := &r.Stages[i], fmt.Sprintf("stages[%d].", i)
		if first, ok := seen[s.Name]; ok && s.Name != "" {
			rp.at(at+"name", "is %q, as that of stages[%d]", s.Name, first)
		} else {
			seen[s.Name] = i
		}
		checkStage(at, s, t, rp)
		checkPlateau(at, s, t, rp)
		checkTokens(at, s, r.Data.SeqLen, rp)
	}
}

// missing reports a value that has to be there: absent or empty.
func (rp *report) missing(path, want string) {
	if rp.tree.given(path) {
		rp.at(path, "is empty, want %s", want)
		return
	}
	rp.at(path, "is missing, want %s", want)
}

// mostInteger is more than any count of a recipe: what is above is a slip that
// would end without memory or never.
const mostInteger = 1 << 30

// integer reports an integer below its least value, or above all sense.
func (rp *report) integer(path string, got, least int) {
	switch {
	case got > mostInteger:
		rp.at(path, "is %d, want <= %d", got, mostInteger)
	case got >= least:
	case !rp.tree.given(path):
		rp.missing(path, "an integer >= "+strconv.Itoa(least))
	default:
		rp.at(path, "is %d, want >= %d", got, least)
	}
}

// mostTokens is more than a stage can train on in years; what is computed of so many, such
// as the bytes of a cache, is still a number.
const mostTokens = 1e13

// checkTokens reports a stage whose counts are none too many, but together are.
func checkTokens(at string, s *Stage, seqLen int, rp *report) {
	tokens := 1.0
	for _, n := range []int{s.Steps, s.BatchSize, s.GradAccumulation, seqLen} {
		if n > mostInteger {
			return // that has been said
		}
		tokens *= float64(n)
	}
	if tokens > mostTokens {
		rp.at(at+"steps", "is %d, and that many steps of %d × %d windows of %d tokens are %.3g tokens, want <= %.0e",
			s.Steps, s.BatchSize, s.GradAccumulation, seqLen, tokens, mostTokens)
	}
}

// number reports a number that is not finite or that ok refuses.
func (rp *report) number(path string, got float64, ok bool, want string) {
	switch {
	case ok && !math.IsNaN(got) && !math.IsInf(got, 0):
	case !rp.tree.given(path):
		rp.missing(path, "a number "+want)
	default:
		rp.at(path, "is %g, want %s", got, want)
	}
}

// choice reports a word that is not one of choices.
func (rp *report) choice(path, got string, choices []string) {
	switch {
	case slices.Contains(choices, got):
	case got == "":
		rp.missing(path, oneOf(choices))
	default:
		if near := typo.Nearest(got, choices); near != "" {
			rp.at(path, "is %q; did you mean %q?", got, near)
			return
		}
		rp.at(path, "is %q, want %s", got, oneOf(choices))
	}
}

// checkStudent checks what the teacher is converted to.
func checkStudent(s *Student, t *tree, rp *report) {
	if s.Folder != "" {
		for _, key := range []string{"mixer", "layer_mixers", "keep", "seeding"} {
			if path := "student." + key; t.given(path) {
				rp.at(path, "does not go with a folder, whose student has its mixers")
			}
		}
		return
	}
	if s.Mixer == "" {
		rp.missing("student.mixer", "one of "+strings.Join(arch.Mixers(), ", ")+"; or student: the folder that convert wrote")
	} else {
		checkMixer("student.mixer", s.Mixer, rp)
	}
	checkLayerMixers(t, rp)
	checkKeep(s.Keep, rp)
}

// checkMixer checks a mixer that layers are converted to.
func checkMixer(path, spec string, rp *report) {
	x, err := arch.ParseMixer(spec)
	if e, ok := errors.AsType[*arch.MixerError](err); ok {
		rp.at(path, "%q: %s; there are %s", spec, e.Problem, strings.Join(e.Choices, ", "))
	} else if err != nil {
		rp.at(path, "%v", err)
	} else if x.Equal(arch.SoftmaxMixer()) {
		others := slices.DeleteFunc(arch.Mixers(), func(name string) bool { return name == arch.Softmax })
		rp.at(path, "is softmax, which the teacher has; want one of %s, or softmax with a window", strings.Join(others, ", "))
	}
}

// checkLayerMixers goes through the map in the order of the file. Whether the teacher
// has such layers, and keep none of them, shows when it is converted.
func checkLayerMixers(t *tree, rp *report) {
	const path = "student.layer_mixers"
	n := t.values[path]
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	seen := map[int]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i].Value, n.Content[i+1]
		if value.Kind != yaml.ScalarNode || value.ShortTag() == "!!null" {
			continue // the decoder has said so
		}
		at := join(path, key)
		layers, err := arch.ParseLayers(key)
		if err != nil {
			rp.at(at, "%v", err)
			continue
		}
		for _, layer := range layers {
			if other, twice := seen[layer]; twice {
				rp.at(at, "layer %d has a mixer already, by %q", layer, other)
			}
			seen[layer] = key
		}
		checkMixer(at, value.Value, rp)
	}
}

var keepForm = regexp.MustCompile(`^(none|all|(every|first|last):[1-9][0-9]*|layers: *[0-9]+( *, *[0-9]+)*|@.+)$`)

// checkKeep checks the form; whether the teacher has such layers shows when it is converted.
func checkKeep(keep string, rp *report) {
	if !keepForm.MatchString(keep) {
		rp.at("student.keep", "is %q, want none, all, every:n, first:n, last:n, layers:0,4 or @file", keep)
	}
}

// checkData checks the texts as far as their names tell.
func checkData(d *Data, t *tree, rp *report) {
	rp.integer("data.seq_len", d.SeqLen, 2)
	if t.given("data.packing") {
		rp.choice("data.packing", d.Packing, packings)
	}
	if len(d.Train) == 0 {
		rp.missing("data.train", "at least one {path: FILE, separator: TEXT}")
	}
	for _, list := range []struct {
		path    string
		sources []Source
	}{{"data.train", d.Train}, {"data.eval", d.Eval}} {
		if n := t.values[list.path]; n == nil || len(n.Content) != len(list.sources) {
			continue // the decoder left out an entry, which is reported
		}
		for i, s := range list.sources {
			checkSource(fmt.Sprintf("%s[%d].", list.path, i), s, rp)
		}
	}
}

// checkResults checks what a run keeps.
func checkResults(r *Recipe, t *tree, rp *report) {
	for i, f := range r.Metrics {
		path := fmt.Sprintf("metrics[%d]", i)
		rp.choice(path, f, formats)
		if slices.Contains(r.Metrics[:i], f) {
			rp.at(path, "%s is there twice", f)
		}
	}
	if r.Keep == nil {
		return
	}
	rp.integer("keep.last", r.Keep.Last, 1)
	rp.integer("keep.best", r.Keep.Best, 0)
	if r.Keep.Best > 0 && !t.given("data.eval") {
		rp.at("keep.best", "is %d, and without data.eval no point is better than another", r.Keep.Best)
	}
}

// checkSource checks what a file's name says of it; nothing is read.
func checkSource(at string, s Source, rp *report) {
	name := strings.ToLower(filepath.Base(s.Path))
	is := func(ext string) bool { return strings.HasSuffix(name, ext) }
	switch {
	case s.Path == "":
		rp.missing(at+"path", "a file: "+oneOf(extensions))
	case !slices.ContainsFunc(extensions, is):
		rp.at(at+"path", "is %q, want %s", s.Path, oneOf(extensions))
	case s.Separator != "" && !is(".txt") && !is(".txt.gz"):
		rp.at(at+"separator", "is for .txt files: in %s every row is a document", filepath.Base(s.Path))
	}
}
