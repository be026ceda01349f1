package seeding

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"strconv"
)

// stream is the random numbers of one tensor. It has those of rand.Rand; a tensor may need
// millions, and unit gives them without an interface between.
type stream struct {
	*rand.Rand

	source *rand.PCG // the Rand's
}

// stream returns the random numbers of one tensor: PCG, keyed by a hash of the
// seed, the layer and the name.
func (l Layer) stream(name string) stream {
	key := sha256.Sum256([]byte(strconv.FormatUint(l.Seed, 10) + "/" + strconv.Itoa(l.Index) + "/" + name))
	source := rand.NewPCG(binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:16]))
	return stream{rand.New(source), source}
}

// unit draws from U[0, 1), as Float64 does.
func (s stream) unit() float64 { return float64(s.source.Uint64()<<11>>11) / (1 << 53) }

// uniform draws n values from U(-bound, bound).
func uniform(r stream, n int, bound float64) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(bound * (2*r.unit() - 1))
	}
	return values
}

// linear draws torch's default of a Linear's weight [out, in]: U(±1/√in).
func linear(r stream, shape []int) []float32 {
	return uniform(r, elements(shape), 1/math.Sqrt(float64(shape[1])))
}

// normal draws n values from N(0, std²).
func normal(r stream, n int, std float64) []float32 {
	return fill(n, func(int) float64 { return std * r.NormFloat64() })
}

// constant is n times the same value.
func constant(n int, value float64) []float32 {
	return fill(n, func(int) float64 { return value })
}

func fill(n int, at func(i int) float64) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(at(i))
	}
	return values
}

// xavier is the bound of torch's xavier_uniform_ for a linear weight [out, in]:
// gain·√(6/(in+out)).
func xavier(shape []int, gain float64) float64 {
	return gain * math.Sqrt(6/float64(shape[0]+shape[1]))
}

// inverseSoftplus is x with ln(1+eˣ) = y, for y > 0. The form keeps its digits for
// small y, where ln(eʸ-1) loses them.
func inverseSoftplus(y float64) float64 { return y + math.Log(-math.Expm1(-y)) }

func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// orthogonal is torch's orthogonal_ for a linear weight [out, in]: rows or columns,
// whichever are fewer, of length scale and at right angles to each other; rows are
// longer by √(in/out) where they are the fewer, as RWKV-7 has it.
func orthogonal(r stream, shape []int, scale float64) []float32 {
	out, in := shape[0], shape[1]
	few, many := min(out, in), max(out, in)
	vectors := make([][]float64, few)
	for i := range vectors {
		v := make([]float64, many)
		for j := range v {
			v[j] = r.NormFloat64()
		}
		for range 2 { // once more for what rounding left of the others
			project(v, vectors[:i])
		}
		length := math.Sqrt(inner(v, v))
		for j := range v {
			v[j] /= length
		}
		vectors[i] = v
	}
	if in > out {
		scale *= math.Sqrt(float64(in) / float64(out))
	}
	return fill(out*in, func(at int) float64 {
		row, column := at/in, at%in
		if out < in {
			return scale * vectors[row][column]
		}
		return scale * vectors[column][row]
	})
}

// project takes from v what it has along the others, which have length 1 and are at right
// angles: four at a time, so that sums do not wait for each other and v is read once for all four.
func project(v []float64, others [][]float64) {
	for ; len(others) >= 4; others = others[4:] {
		a, b, c, d := others[0][:len(v)], others[1][:len(v)], others[2][:len(v)], others[3][:len(v)]
		var ofA, ofB, ofC, ofD float64
		for j, x := range v {
			ofA, ofB, ofC, ofD = ofA+a[j]*x, ofB+b[j]*x, ofC+c[j]*x, ofD+d[j]*x
		}
		for j := range v {
			v[j] -= ofA*a[j] + ofB*b[j] + ofC*c[j] + ofD*d[j]
		}
	}
	for _, u := range others {
		along := inner(u, v)
		for j := range v {
			v[j] -= along * u[j]
		}
	}
}

func inner(a, b []float64) float64 {
	var sum float64
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
