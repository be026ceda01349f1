package seeding_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestMom: all but the router starts as the inner mixer does, and the router sends
// tokens to every memory.
func TestMom(t *testing.T) {
	for spec, inner := range map[string][2]string{
		"mom":           {"delta", "gated-delta"},
		"mom,inner=gla": {"liger", "gla,decay_from=input,window=0,activation=none,conv=4,qk_norm=l2,norm=before,gate=silu"},
	} {
		got, want := seeded(t, "mom", layer(t, spec)), seeded(t, inner[0], layer(t, inner[1]))
		for name, v := range want {
			if !slices.Equal(got[name], v) {
				t.Errorf("%s: %s differs from that of %s", spec, name, inner[1])
			}
		}
		router := got["mixer.router.weight"]
		if len(got) != len(want)+1 {
			t.Errorf("%s: got %d tensors, want %d", spec, len(got), len(want)+1)
		}
		checkUniform(t, "router", router, math.Exp2(-2.5)*math.Sqrt(6.0/(24+4)))
		rng, first := rand.New(rand.NewPCG(1, 2)), make([]int, 4)
		for range 1000 {
			z := make([]float64, 4)
			for i := range 24 {
				u := rng.NormFloat64()
				for m := range z {
					z[m] += u * float64(router[m*24+i])
				}
			}
			first[slices.Index(z, slices.Max(z))]++
		}
		if slices.Min(first) < 100 {
			t.Errorf("%s: of 1000 tokens the memories are first for %v, want at least 100 each", spec, first)
		}
	}
}
