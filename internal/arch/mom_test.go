package arch_test

import (
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

func TestMomOptionsFit(t *testing.T) {
	for spec, want := range map[string]string{
		"mom":                             "",
		"mom,inner=gla,qk_norm=none":      "",
		"mom,top_k=4":                     "",
		"mom,top_k=5":                     "top_k is 5, want at most the 4 memories",
		"mom,memories=1":                  "top_k is 2, want at most the 1 memories",
		"mom,qk_norm=rms":                 "qk_norm is rms, want l2",
		"mom,inner=gla,allow_neg_eigval":  "allow_neg_eigval does nothing without inner=gated-delta",
		"mom,top_k=0":                     `top_k is "0", want an integer >= 1`,
		"mom,memories=0":                  `memories is "0", want an integer >= 1`,
		"mom,inner=gated-delta,balance=x": `balance is "x", want a number >= 0`,
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
