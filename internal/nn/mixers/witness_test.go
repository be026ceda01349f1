package mixers

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/nn/numtest"
	"github.com/seed-1411d8c0/linearize/internal/nn/witness"
)

// TestWitnesses holds every form of a mixer against layers of transformers and of
// flash-linear-attention, the class of each in its file's metadata.
func TestWitnesses(t *testing.T) {
	chunks := []int{16, 64}
	if compiles {
		chunks = chunks[:1]
	}
	for _, w := range witness.All(t) {
		t.Run(w.Name, func(t *testing.T) {
			r, x := witnessRig(t, w)
			limit := witnessTolerance(t, w)
			want := numtest.Wide(w.Tensors["out.heads"].Data)
			numtest.Near(t, "oracle in training", r.training(x), want, limit)
			for _, size := range chunks {
				got, _ := r.run(t, call{chunk: size, noState: true}, x, carried{})
				numtest.Near(t, fmt.Sprintf("chunk %d in training", size), got, want, limit)
			}
			if w.Metadata["form"] == "training" {
				return
			}
			heads, states := r.oracle(x)
			numtest.Near(t, "oracle", heads, want, limit)
			for i, s := range r.mixer.State(r.model, r.capacity) {
				if state := w.Tensors["out.state."+s.Name]; state.Data != nil {
					numtest.Near(t, "oracle: "+s.Name, states[i], numtest.Wide(state.Data), limit)
				}
			}
			for _, size := range chunks {
				got, c := r.run(t, call{chunk: size}, x, carried{})
				numtest.Near(t, fmt.Sprintf("chunk %d", size), got, want, limit)
				r.sameWitness(t, fmt.Sprintf("chunk %d", size), c, w, limit)
			}
			c := r.empty(len(x))
			var got []float64
			for i := range x[0] {
				var y []float64
				y, c = r.run(t, call{step: true}, segment(x, i, i+1), c)
				got = append(got, y...)
			}
			numtest.Near(t, "steps", got, inTime(want, len(x), len(x[0])), limit)
			r.sameWitness(t, "steps", c, w, limit)
		})
	}
}

// unwitnessed are mixers that nobody else's code computes, each with why.
var unwitnessed = map[string]string{
	// Every one has a witness so far.
}

// TestEveryMixerHasAWitness: somebody else's code agrees with each of them.
func TestEveryMixerHasAWitness(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range witness.All(t) {
		name, _, _ := strings.Cut(w.Metadata["mixer"], ",")
		seen[name] = true
	}
	for _, name := range arch.Mixers() {
		if seen[name] == (unwitnessed[name] != "") {
			t.Errorf("mixer %s: got a witness: %v, and %q for why there is none; want one of the two", name, seen[name], unwitnessed[name])
		}
	}
}

// witnessTolerance is that of the other tests, unless the witness says "1e-4: why".
func witnessTolerance(t *testing.T, w witness.Witness) float64 {
	t.Helper()
	text, _, _ := strings.Cut(w.Metadata["tolerance"], ":")
	if text == "" {
		return tolerance
	}
	limit, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return limit
}

// inTime reorders heads [B, T, ·] to [T, B, ·], as steps give them.
func inTime(heads []float64, batch, tokens int) []float64 {
	var out []float64
	for i := range tokens {
		out = append(out, rows(heads, batch, tokens, i, i+1)...)
	}
	return out
}

// witnessRig is the mixer of a witness with its tensors, and its input [B][T][E].
func witnessRig(t *testing.T, w witness.Witness) (r *rig, x [][][]float64) {
	t.Helper()
	var sizes struct {
		Hidden, Heads int
		KVHeads       int     `json:"kv_heads"`
		HeadDim       int     `json:"head_dim"`
		RopeTheta     float64 `json:"rope_theta"`
		RopeDim       int     `json:"rope_dim"`
		NormEps       float64 `json:"norm_eps"`
		QKVBias       bool    `json:"qkv_bias"`
	}
	if err := json.Unmarshal([]byte(w.Metadata["model"]), &sizes); err != nil {
		t.Fatal(err)
	}
	r = newRig(t, &arch.Model{
		Hidden: sizes.Hidden, Heads: sizes.Heads, KVHeads: sizes.KVHeads, HeadDim: sizes.HeadDim, NormEps: sizes.NormEps,
		Rope: arch.Rope{Theta: sizes.RopeTheta, Dim: sizes.RopeDim}, Bias: arch.Bias{QKV: sizes.QKVBias},
	}, w.Metadata["mixer"])
	r.inherited()
	for _, name := range r.names {
		given := w.Tensors[name]
		if !slices.Equal(given.Shape, r.shapes[name]) {
			t.Fatalf("%s: the witness has shape %v, want %v", name, given.Shape, r.shapes[name])
		}
		r.values[name] = numtest.Wide(given.Data)
	}
	for name := range w.Tensors {
		if _, ok := r.shapes[name]; !ok && name != "in.x" && !strings.HasPrefix(name, "out.") {
			t.Fatalf("%s: the mixer has no such tensor", name)
		}
	}
	in := w.Tensors["in.x"]
	r.capacity = in.Shape[1]
	for sequence := range slices.Chunk(numtest.Wide(in.Data), in.Shape[1]*in.Shape[2]) {
		x = append(x, slices.Collect(slices.Chunk(sequence, in.Shape[2])))
	}
	return r, x
}

// inherited drops the projections for which the mixer has tensors of its own.
func (r *rig) inherited() {
	r.names = slices.DeleteFunc(r.names, func(name string) bool {
		projection, _, _ := strings.Cut(name, ".")
		return !r.mixer.Inherits(projection)
	})
}

// sameWitness compares the states that the witness has.
func (r *rig) sameWitness(t *testing.T, what string, got carried, w witness.Witness, limit float64) {
	t.Helper()
	for i, s := range r.mixer.State(r.model, r.capacity) {
		if want := w.Tensors["out.state."+s.Name]; want.Data != nil {
			numtest.Near(t, what+": "+s.Name, numtest.Of(got.tensors[i]), numtest.Wide(want.Data), limit)
		}
	}
}
