package arch

import (
	"math"
	"reflect"
	"slices"
)

// Rope is a rotary position embedding.
type Rope struct {
	Theta float64 // base of the geometric series of wavelengths
	Dim   int     // how many of a head's dimensions turn; 0: positions are not marked (NoPE)

	Interleaved bool // pairs are (2j, 2j+1); otherwise (j, j+Dim/2)

	// Scaling is "", "linear", "dynamic", "llama3", "yarn" or "longrope": what is done
	// for sequences longer than those of the first training.
	Scaling   string
	Factor    float64
	Original  int       // length of those sequences
	Low, High float64   // of llama3, frequency factors; of yarn, the bounds of its ramp in rotations: beta_slow, beta_fast
	Exact     bool      // of yarn: the ramp's bounds are not rounded
	Short     []float64 // of longrope: divisors up to Original tokens
	Long      []float64 // and beyond

	Amplitude float64 // of yarn and longrope: what cos and sin are multiplied by; 0: 1

	// Beta, of Ministral 3: queries are multiplied by 1 + Beta·ln(1 + ⌊position/Original⌋).
	Beta float64
}

// Equal reports whether two embeddings turn alike.
func (r Rope) Equal(s Rope) bool { return reflect.DeepEqual(r, s) }

// Frequencies returns the Dim/2 angles, in radians, by which neighbouring positions
// of a sequence of the given length differ: theta^(-2j/Dim), rescaled. All is done in
// float64 on the host.
//
// Sources: linear, Chen et al. 2023, arXiv:2306.15595; dynamic, "NTK-aware scaling";
// yarn, Peng et al. 2023, arXiv:2309.00071; longrope, Ding et al. 2024,
// arXiv:2402.13753; llama3, the Llama 3.1 release; all as transformers computes them.
func (r Rope) Frequencies(length int) []float64 {
	theta, d := r.Theta, float64(r.Dim)
	if r.Scaling == "dynamic" {
		grown := r.Factor*float64(max(length, r.Original))/float64(r.Original) - (r.Factor - 1)
		theta *= math.Pow(grown, d/(d-2))
	}
	low, high := r.ramp()
	inv := make([]float64, r.Dim/2)
	for j := range inv {
		f := math.Pow(theta, -2*float64(j)/d)
		switch r.Scaling {
		case "linear":
			f /= r.Factor
		case "llama3":
			f = r.llama3(f)
		case "yarn":
			t := min(max((float64(j)-low)/(high-low), 0), 1)
			f = f*(1-t) + f/r.Factor*t
		case "longrope":
			if length > r.Original {
				f /= r.Long[j]
			} else {
				f /= r.Short[j]
			}
		}
		inv[j] = f
	}
	return inv
}

// llama3 divides long wavelengths by the factor, keeps short ones, and goes smoothly
// from one to the other.
func (r Rope) llama3(f float64) float64 {
	rotations := float64(r.Original) * f / (2 * math.Pi)
	switch {
	case rotations > r.High:
		return f
	case rotations < r.Low:
		return f / r.Factor
	}
	smooth := (rotations - r.Low) / (r.High - r.Low)
	return (1-smooth)*f/r.Factor + smooth*f
}

// ramp returns between which frequencies yarn goes from keeping to dividing.
func (r Rope) ramp() (low, high float64) {
	if r.Scaling != "yarn" {
		return 0, 0
	}
	at := func(rotations float64) float64 { // the frequency that turns this often in Original positions
		return float64(r.Dim) * math.Log(float64(r.Original)/(rotations*2*math.Pi)) / (2 * math.Log(r.Theta))
	}
	low, high = at(r.High), at(r.Low)
	if !r.Exact {
		low, high = math.Floor(low), math.Ceil(high)
	}
	low, high = max(low, 0), min(high, float64(r.Dim-1))
	if low == high {
		high += 0.001
	}
	return low, high
}

// QueryScale is what the query of a position is multiplied by, beside being turned.
func (r Rope) QueryScale(position int) float64 {
	if r.Beta == 0 {
		return 1
	}
	return 1 + r.Beta*math.Log1p(math.Floor(float64(position)/float64(r.Original)))
}

// OneRope reports whether all layers of the family that turn at all turn alike.
func (m *Model) OneRope() bool { return m.Positions == 0 && families[m.Family].localTheta == 0 }

// Ropes returns the different embeddings of a model's layers, and which of them each
// layer has; −1 stands for none.
func (m *Model) Ropes() (ropes []Rope, of []int) {
	for i := range m.Layers {
		r := m.At(i).Rope
		if r.Dim == 0 {
			of = append(of, -1)
			continue
		}
		at := slices.IndexFunc(ropes, r.Equal)
		if at < 0 {
			at = len(ropes)
			ropes = append(ropes, r)
		}
		of = append(of, at)
	}
	return ropes, of
}
