package seeding_test

import (
	"math"
	"slices"
	"testing"
)

func TestDelta(t *testing.T) {
	for _, spec := range []string{"gated-delta", "gated-delta,decay=channel,decay_rank=3"} {
		got := seeded(t, "delta", layer(t, spec))
		var steps []float64
		for _, v := range got["mixer.dt_bias"] {
			steps = append(steps, math.Log1p(math.Exp(float64(v))))
		}
		slices.Sort(steps)
		for i, step := range steps { // one in each part of the range
			at := math.Log(step/1e-3) / math.Log(0.1/1e-3) * float64(len(steps))
			if at < float64(i)-1e-4 || at > float64(i+1)+1e-4 {
				t.Errorf("%s: of %d steps the one of place %d is %g, at %.3f of the range", spec, len(steps), i, step, at)
			}
		}
		for _, name := range []string{"A_log", "b_proj.weight", "a_proj.weight", "a_proj.1.weight"} {
			if slices.ContainsFunc(got["mixer."+name], func(v float32) bool { return v != 0 }) {
				t.Errorf("%s: %s is not 0", spec, name)
			}
		}
	}
	low := seeded(t, "delta", layer(t, "gated-delta,decay=channel,decay_rank=9"))["mixer.a_proj.0.weight"]
	checkUniform(t, "a_proj.0", low, 1/math.Sqrt(24))
}

func TestRadlads(t *testing.T) {
	l := layer(t, "rwkv7,rank=5,bonus,balance=false") // layer 1 of 3, 24 channels
	got := seeded(t, "radlads", l)
	for n, v := range got["mixer.w_proj.1.bias"] {
		want := -6.5 + 5*math.Pow(float64(n)/23, 0.85+math.Sqrt(0.5))
		if math.Abs(float64(v)-want) > 1e-6 {
			t.Errorf("channel %d: the decay's bias is %g, want %g", n, v, want)
		}
	}
	for name, want := range map[string]float32{
		"w_proj.0.weight": 0, "a_proj.0.weight": 0, "a_proj.1.bias": 0, "k_k": 0.85, "k_a": 1, "r_k": 0, "g_proj.weight": 0,
	} {
		if slices.ContainsFunc(got["mixer."+name], func(v float32) bool { return v != want }) || len(got["mixer."+name]) == 0 {
			t.Errorf("%s is not %g", name, want)
		}
	}
	for _, name := range []string{"mixer.w_proj.1.weight", "mixer.a_proj.1.weight"} {
		orthogonal(t, name, transposed(got[name], 5), 24, 0.1)
	}
	// With more columns than rows the rows are at right angles, and longer.
	wide := seeded(t, "radlads", layer(t, "rwkv7,rank=32"))["mixer.a_proj.1.weight"]
	orthogonal(t, "wide", wide, 32, 0.1*math.Sqrt(32.0/24))
}

// orthogonal wants rows of the given width at right angles to each other, and all of
// one length.
func orthogonal(t *testing.T, name string, rows []float32, width int, length float64) {
	t.Helper()
	var all [][]float32
	for row := range slices.Chunk(rows, width) {
		all = append(all, row)
	}
	for i, a := range all {
		for j, b := range all[:i+1] {
			var dot, want float64
			for k := range a {
				dot += float64(a[k]) * float64(b[k])
			}
			if i == j {
				want = length * length
			}
			if math.Abs(dot-want) > 1e-6*length*length {
				t.Errorf("%s: rows %d and %d have the product %g, want %g", name, i, j, dot, want)
			}
		}
	}
}

// transposed turns [n, columns] into [columns, n].
func transposed(v []float32, columns int) []float32 {
	var out []float32
	for c := range columns {
		for at := c; at < len(v); at += columns {
			out = append(out, v[at])
		}
	}
	return out
}
