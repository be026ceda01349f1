package convert

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// Keep says which layers stay as they are; all others get the new mixer.
type Keep struct {
	spec   string // as it was given
	text   string // the same without a file
	kind   string // "none", "all", "every", "first", "last" or "layers"
	n      int    // of every, first and last
	layers []int  // of layers
}

// keepForms is the hint of every [KeepError].
const keepForms = "want none, all, every:N (layers 0, N, 2N, ...), first:N, last:N, layers:0,4,8, or @FILE that holds one of these or a list of layers"

// KeepError reports a placement that cannot be read or does not fit the model.
type KeepError struct {
	Spec, Problem string

	hint string // what to do about it; "": the forms
}

func (e *KeepError) Error() string { return fmt.Sprintf("keep %q: %s", e.Spec, e.Problem) }

// Hint says what fits, or lists the forms.
func (e *KeepError) Hint() string { return cmp.Or(e.hint, keepForms) }

// linearError refuses to convert layers that are linear already. Of all others, free
// are those that the placement does not keep.
func (k Keep) linearError(linear []string, free, others []int) error {
	e := &KeepError{
		Spec:    k.spec,
		Problem: "only softmax layers can be converted; not softmax, and not kept: layer " + strings.Join(linear, ", "),
		hint:    "it keeps every softmax layer: there is nothing to convert",
	}
	if len(free) > 0 {
		var keep []string
		for _, i := range others {
			keep = append(keep, strconv.Itoa(i))
		}
		e.hint = fmt.Sprintf("to convert layer %s, keep layers:%s", arch.FormatLayers(free), strings.Join(keep, ","))
	}
	return e
}

// ParseKeep reads a placement:
//
//	none        every layer is converted; "" means the same
//	all         no layer is
//	every:4     layers 0, 4, 8, ... stay: the first of each four
//	first:2     the first two stay
//	last:2      the last two stay
//	layers:0,4  these stay
//	@FILE       what the file says, in one of the forms above or as a list of layers
//
// every:N is the head-interleaved placement, which mmMamba (arXiv:2502.13145)
// found the best of four for 8 softmax layers in 32. The error is a
// [*KeepError].
func ParseKeep(spec string) (Keep, error) {
	file, ok := strings.CutPrefix(spec, "@")
	if !ok {
		return parseKeep(spec, spec)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return Keep{}, &KeepError{Spec: spec, Problem: err.Error()}
	}
	text := strings.TrimSpace(string(data))
	switch {
	case text == "":
		return Keep{}, &KeepError{Spec: spec, Problem: "the file is empty"}
	case text[0] >= '0' && text[0] <= '9':
		text = "layers:" + strings.Join(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) }), ",")
	}
	return parseKeep(spec, text)
}

// parseKeep reads text, which came from spec.
func parseKeep(spec, text string) (Keep, error) {
	kind, arg, given := strings.Cut(text, ":")
	k := Keep{spec: spec, text: text, kind: kind}
	switch kind {
	case "":
		k.kind, k.text = "none", "none"
		if text != "" {
			return Keep{}, &KeepError{Spec: spec, Problem: "there is no such placement"}
		}
	case "none", "all":
		if given {
			return Keep{}, &KeepError{Spec: spec, Problem: kind + " takes nothing after it, got " + strconv.Quote(arg)}
		}
	case "every", "first", "last":
		n, err := strconv.Atoi(arg)
		if err != nil || n < 1 {
			return Keep{}, &KeepError{Spec: spec, Problem: fmt.Sprintf("got %q after %s:, want a number of layers >= 1", arg, kind)}
		}
		k.n = n
	case "layers":
		for part := range strings.SplitSeq(arg, ",") {
			n, err := strconv.Atoi(strings.TrimSpace(part))
			if err != nil || n < 0 {
				return Keep{}, &KeepError{Spec: spec, Problem: fmt.Sprintf("got %q in the list, want the numbers of layers, from 0", part)}
			}
			if slices.Contains(k.layers, n) {
				return Keep{}, &KeepError{Spec: spec, Problem: fmt.Sprintf("layer %d is listed twice", n)}
			}
			k.layers = append(k.layers, n)
		}
	default:
		return Keep{}, &KeepError{Spec: spec, Problem: "there is no such placement"}
	}
	return k, nil
}

// Layers returns which of n layers stay, sorted. The error is a [*KeepError].
func (k Keep) Layers(n int) ([]int, error) {
	var keep func(i int) bool
	switch k.kind {
	case "all":
		keep = func(int) bool { return true }
	case "every":
		keep = func(i int) bool { return i%k.n == 0 }
	case "first":
		keep = func(i int) bool { return i < k.n }
	case "last":
		keep = func(i int) bool { return i >= n-k.n }
	case "layers":
		keep = func(i int) bool { return slices.Contains(k.layers, i) }
	default:
		keep = func(int) bool { return false }
	}
	if k.n > n {
		return nil, &KeepError{Spec: k.spec, Problem: fmt.Sprintf("got %d, but the model has %d layers", k.n, n)}
	}
	var outside []string
	for _, i := range k.layers {
		if i >= n {
			outside = append(outside, strconv.Itoa(i))
		}
	}
	if len(outside) > 0 {
		return nil, &KeepError{Spec: k.spec, Problem: fmt.Sprintf("no layer %s: the model has layers 0 to %d", strings.Join(outside, ", "), n-1)}
	}
	var kept []int
	for i := range n {
		if keep(i) {
			kept = append(kept, i)
		}
	}
	return kept, nil
}

// String is the placement in a form that needs no file.
func (k Keep) String() string { return k.text }
