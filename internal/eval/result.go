package eval

import (
	"fmt"
	"math"
	"slices"
)

// Result is a loss in nats per token.
type Result struct {
	NatsPerToken float64
	StdErr       float64 // of NatsPerToken, over windows: tokens of one window are not independent
	Tokens       int     // predicted tokens that count

	Windows []float64 // the mean loss of each window
	Counts  []int     // how many tokens each is the mean of; nil: all of one number
}

// windows are losses in the making, of the same meaning as those of [Result].
type windows struct {
	means  []float64
	counts []int
}

func (w windows) result(seqLen int) Result {
	r := Result{Tokens: len(w.means) * seqLen, Windows: w.means, Counts: w.counts}
	if w.counts != nil {
		r.Tokens = 0
		for _, n := range w.counts {
			r.Tokens += n
		}
	}
	r.NatsPerToken, r.StdErr = meanAndStdErr(w.means, w.counts)
	return r
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
	if len(r.Windows) != len(other.Windows) || !slices.Equal(r.Counts, other.Counts) || r.Tokens != other.Tokens {
		return Difference{}, fmt.Errorf("compare losses: got %d and %d windows of %d and %d tokens, want the same text",
			len(r.Windows), len(other.Windows), r.Tokens, other.Tokens)
	}
	d := make([]float64, len(r.Windows))
	for i := range d {
		d[i] = r.Windows[i] - other.Windows[i]
	}
	mean, stderr := meanAndStdErr(d, r.Counts)
	return Difference{mean, stderr}, nil
}

// meanAndStdErr returns the mean of xs and the standard error of it, s/√n with the
// unbiased variance s²; of a single value that is 0. With counts the mean is weighted
// by them and the error is that of a ratio estimator, which is the same where the
// counts are (Cochran 1977, "Sampling Techniques", §2.11).
func meanAndStdErr(xs []float64, counts []int) (mean, stderr float64) {
	n := float64(len(xs))
	share := func(int) float64 { return n } // one over the weight of a window
	if counts != nil {
		var all float64
		for _, c := range counts {
			all += float64(c)
		}
		share = func(i int) float64 { return all / float64(counts[i]) }
	}
	for i, x := range xs {
		mean += x / share(i)
	}
	if len(xs) < 2 {
		return mean, 0
	}
	var sum float64
	for i, x := range xs {
		d := (x - mean) * n / share(i)
		sum += d * d
	}
	return mean, math.Sqrt(sum / (n - 1) / n)
}
