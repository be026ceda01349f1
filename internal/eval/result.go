package eval

import (
	"fmt"
	"math"
)

// Result is a loss in nats per token.
type Result struct {
	NatsPerToken float64
	StdErr       float64 // of NatsPerToken, over windows: tokens of one window are not independent
	Tokens       int     // predicted tokens

	Windows []float64 // the mean loss of each window
}

func newResult(windows []float64, seqLen int) Result {
	mean, stderr := meanAndStdErr(windows)
	return Result{NatsPerToken: mean, StdErr: stderr, Tokens: len(windows) * seqLen, Windows: windows}
}

// Difference is how much higher one loss is than another.
type Difference struct {
	Nats   float64
	StdErr float64
}

// Noise reports whether the difference is within two standard errors, so that
// nothing can be said of its sign.
func (d Difference) Noise() bool { return math.Abs(d.Nats) <= 2*d.StdErr }

// Minus compares two results window by window: they must be of the same corpus,
// cut in the same way.
func (r Result) Minus(other Result) (Difference, error) {
	if len(r.Windows) != len(other.Windows) || r.Tokens != other.Tokens {
		return Difference{}, fmt.Errorf("compare losses: got %d and %d windows of %d and %d tokens, want the same text",
			len(r.Windows), len(other.Windows), r.Tokens, other.Tokens)
	}
	d := make([]float64, len(r.Windows))
	for i := range d {
		d[i] = r.Windows[i] - other.Windows[i]
	}
	mean, stderr := meanAndStdErr(d)
	return Difference{mean, stderr}, nil
}

// meanAndStdErr returns the mean of xs and the standard error of it, s/√n with the
// unbiased variance s²; of a single value that is 0.
func meanAndStdErr(xs []float64) (mean, stderr float64) {
	n := float64(len(xs))
	for _, x := range xs {
		mean += x / n
	}
	if len(xs) < 2 {
		return mean, 0
	}
	var sum float64
	for _, x := range xs {
		sum += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(sum / (n - 1) / n)
}
