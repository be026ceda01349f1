package arch_test

import (
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// TestOptionsFit: every switch that does nothing in a combination is refused there, and
// so are sizes that the model does not have.
func TestOptionsFit(t *testing.T) {
	for spec, want := range map[string]string{
		"hedgehog,negated=false":                 "",
		"hedgehog,feature_map=exp,negated":       "",
		"hedgehog,feature_map=elu,negated=false": "negated does nothing with feature_map=elu",
		"hedgehog,feature_map=relu":              "",
		"mamba2,groups=2":                        "",
		"mamba2,groups=3":                        "groups is 3, want a divisor of the 2 heads",
		"mamba2,groups=1,rope":                   "rope turns the teacher's queries and keys, which groups replaces",
		"mamba2,decay=sigmoid,learn_a=false":     "learn_a does nothing with decay=sigmoid",
		"mamba2,state_dim=3":                     "state_dim does nothing without groups",
		"gla,decay_rank=3":                       "decay_rank does nothing without decay_from=input",
		"delta,qk_norm=rms":                      "qk_norm is rms, want l2",
		"gated-delta,qk_norm=none":               "qk_norm is none, want l2",
		"gated-delta,decay_rank=3":               "decay_rank does nothing without decay=channel",
		"gated-delta,decay=channel,decay_rank=3": "",
		"softmax,sinks=3":                        "sinks does nothing without window",
		"lightning,gate=none,gate_rank=3":        "gate_rank does nothing without gate",
		"lightning,conv_bias":                    "conv_bias does nothing without conv",
		"mamba2,conv=0,conv_bias=false":          "",
		"hedgehog,window=0,sinks=0":              "",
		"mom":                                    "",
		"mom,inner=gla,qk_norm=none":             "",
		"mom,top_k=4":                            "",
		"mom,top_k=5":                            "top_k is 5, want at most the 4 memories",
		"mom,memories=1":                         "top_k is 2, want at most the 1 memories",
		"mom,qk_norm=rms":                        "qk_norm is rms, want l2",
		"mom,inner=gla,allow_neg_eigval":         "allow_neg_eigval does nothing without inner=gated-delta",
		"mom,top_k=0":                            `top_k is "0", want an integer >= 1`,
		"mom,memories=0":                         `memories is "0", want an integer >= 1`,
		"softmax,window=1048576":                 "",
		"softmax,window=1048577":                 `window is "1048577", want at most 1048576`,
		"hedgehog,feature_dim=9007199254740993":  `feature_dim is "9007199254740993", want at most`,
		"softmax,softcap=1e308":                  `softcap is "1e308", want 0 or a number from 1e-30 to 1e+30`,
		"softmax,softcap=1e-300":                 `softcap is "1e-300", want 0 or a number from`,
		"mom,balance=0":                          "",
		"mom,inner=gated-delta,balance=x":        `balance is "x", want a number >= 0`,
	} {
		x, err := arch.ParseMixer(spec)
		if err == nil {
			err = x.Check(&arch.Model{Hidden: 8, Heads: 2, KVHeads: 1, HeadDim: 4})
		}
		got := ""
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, want) || (want == "") != (got == "") {
			t.Errorf("%s: got %q, want %q", spec, got, want)
		}
	}
}
