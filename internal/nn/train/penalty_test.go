package train

import (
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
)

// What mixers ask for is added to the loss and is its last part; a student whose
// mixers ask for nothing has no such part.
func TestPenalties(t *testing.T) {
	for _, tt := range []struct {
		penalties, want []float32
		penalised       bool
	}{
		{nil, []float32{5, 3}, false},
		{[]float32{0.5, 0.25}, []float32{5.75, 3, 0.75}, true},
	} {
		var penalised bool
		e := MustNewExec(enginetest.Open(t), func(in []*Node) []*Node {
			loss, parts, found := penalise(in[0], in[1:2], in[2:])
			penalised = found
			return append([]*Node{loss}, parts...)
		})
		args := []any{float32(5), float32(3)}
		for _, p := range tt.penalties {
			args = append(args, p)
		}
		out, err := e.Call(args...)
		if err != nil {
			t.Fatal(err)
		}
		var got []float32
		for _, x := range out {
			got = append(got, tensors.MustCopyFlatData[float32](x)...)
		}
		if !slices.Equal(got, tt.want) || penalised != tt.penalised {
			t.Errorf("%v: got loss and parts %v, %v; want %v, %v", tt.penalties, got, penalised, tt.want, tt.penalised)
		}
		e.Finalize()
	}
}
