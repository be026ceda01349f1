package generate

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Sampling says how a token is chosen from the logits. The zero value takes the
// most likely one.
type Sampling struct {
	Temperature float64 // what logits are divided by; 0: always the most likely token
	TopK        int     // choose among the K most likely; 0: among all
	TopP        float64 // choose among the fewest whose probabilities reach P; 0 or 1: among all
	Seed        uint64  // equal seeds give equal choices
}

// Check reports the first value out of range.
func (s Sampling) Check() error {
	switch {
	case !(s.Temperature >= 0) || math.IsInf(s.Temperature, 1):
		return fmt.Errorf("temperature is %g, want >= 0", s.Temperature)
	case s.TopK < 0:
		return fmt.Errorf("top-k is %d, want >= 0", s.TopK)
	case !(s.TopP >= 0 && s.TopP <= 1):
		return fmt.Errorf("top-p is %g, want 0 to 1", s.TopP)
	}
	return nil
}

// chooser returns the function that chooses token after token.
func (s Sampling) chooser() (func(logits []float32) (int, error), error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if s.Temperature == 0 {
		return mostLikely, nil
	}
	random := rand.New(rand.NewPCG(s.Seed, 0))
	return func(logits []float32) (int, error) {
		if _, err := mostLikely(logits); err != nil {
			return 0, err
		}
		return s.draw(logits, random.Float64()), nil
	}, nil
}

// mostLikely returns the id of the largest logit, the lowest id of equal ones.
func mostLikely(logits []float32) (int, error) {
	best := 0
	for i, x := range logits {
		if math.IsNaN(float64(x)) || math.IsInf(float64(x), 1) {
			return 0, fmt.Errorf("the logit of id %d is %g", i, x)
		}
		if x > logits[best] {
			best = i
		}
	}
	if len(logits) == 0 || math.IsInf(float64(logits[best]), -1) {
		return 0, errors.New("no logit is finite")
	}
	return best, nil
}

// draw maps at, uniform in [0, 1), to an id: softmax(logits/Temperature), cut to
// the TopK most likely and then to the TopP of what is left, in the order in which
// transformers cuts.
func (s Sampling) draw(logits []float32, at float64) int {
	type candidate struct {
		id int
		p  float64
	}
	largest := float64(slices.Max(logits))
	all := make([]candidate, len(logits))
	for i, x := range logits {
		all[i] = candidate{i, math.Exp((float64(x) - largest) / s.Temperature)}
	}
	cut := s.TopP > 0 && s.TopP < 1
	if s.TopK > 0 || cut {
		slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.p, a.p) })
	}
	if s.TopK > 0 {
		all = all[:min(s.TopK, len(all))]
	}
	sum := func() (total float64) {
		for _, c := range all {
			total += c.p
		}
		return total
	}
	if cut {
		enough, reached := s.TopP*sum(), 0.0
		for i, c := range all {
			if reached += c.p; reached >= enough {
				all = all[:i+1]
				break
			}
		}
	}
	left := at * sum()
	for _, c := range all {
		if left -= c.p; left < 0 {
			return c.id
		}
	}
	// Rounding may leave a crumb: it goes to the last candidate that can be drawn.
	for _, c := range slices.Backward(all) {
		if c.p > 0 {
			return c.id
		}
	}
	return all[0].id
}
