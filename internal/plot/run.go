package plot

import (
	"slices"
	"strconv"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/metrics"
)

// mostBuckets bounds what is kept of a stage: about a bucket per point of width that a
// picture has for it.
const mostBuckets = 1024

// Run is what the events of a run come to: as much as a picture can show, however long
// the run is. The zero Run has seen nothing.
type Run struct {
	axis    metrics.Axis
	stages  []*stage
	evals   []point // the student's
	teacher float64 // nats per token
	known   bool    // whether teacher is
}

// point is an evaluation at a step of the run.
type point struct{ step, nats, stderr float64 }

// stage is one stage's steps, some to a bucket.
type stage struct {
	label   string
	part    string // of the alignment loss; see distances
	layers  []int  // those that have one, ascending
	each    int    // events per bucket
	buckets []bucket
}

// bucket is the mean over some events.
type bucket struct {
	from, to int // steps of the run, the first and the last
	n        int
	loss     float64
	layers   []float64 // as stage.layers
}

// Add takes the next event. What is not finite has no place in a picture.
func (r *Run) Add(e metrics.Event) {
	at := r.axis.At(e)
	switch {
	case !finite(e.Loss) || !finite(e.Nats) || !finite(e.StdErr):
	case e.Event == "eval" && e.Model == "teacher":
		r.teacher, r.known = e.Nats, true
	case e.Event == "eval":
		r.evals = append(r.evals, point{float64(at), e.Nats, e.StdErr})
	case e.Event == "step":
		if n := len(r.stages); n == 0 || r.stages[n-1].label != e.Stage {
			r.stages = append(r.stages, newStage(e))
		}
		r.stages[len(r.stages)-1].add(at, e)
	}
}

// distances are the parts of an alignment's loss, by their names in metrics and in the
// picture. Of a stage that has several the first is drawn.
var distances = []struct{ part, words string }{
	{"mse", "mean square"}, {"l2", "L2 / √d"}, {"cosine", "1 − cosine"}, {"attention", "cross-entropy"},
}

// newStage is the stage whose first step e is: that has the parts of all.
func newStage(e metrics.Event) *stage {
	s := &stage{label: e.Stage, each: 1}
	for _, d := range distances {
		for name := range e.Parts {
			if layer, ok := layerOf(name, d.part); ok {
				s.layers = append(s.layers, layer)
			}
		}
		if s.layers != nil {
			s.part = d.part
			break
		}
	}
	slices.Sort(s.layers)
	return s
}

func finite(x float64) bool { return x-x == 0 }

// layerOf reads the layer out of the name of a part's share, "mse_3".
func layerOf(name, part string) (int, bool) {
	digits, ok := strings.CutPrefix(name, part+"_")
	layer, err := strconv.Atoi(digits)
	return layer, ok && err == nil
}

// add takes a step. Where there is no bucket left, two become one, now and from then on.
func (s *stage) add(at int, e metrics.Event) {
	b := bucket{from: at, to: at, n: 1, loss: e.Loss}
	for _, layer := range s.layers {
		b.layers = append(b.layers, e.Parts[s.part+"_"+strconv.Itoa(layer)])
	}
	if n := len(s.buckets); n > 0 && s.buckets[n-1].n < s.each {
		s.buckets[n-1] = s.buckets[n-1].join(b)
		return
	}
	if len(s.buckets) < mostBuckets {
		s.buckets = append(s.buckets, b)
		return
	}
	for i := range mostBuckets / 2 {
		s.buckets[i] = s.buckets[2*i].join(s.buckets[2*i+1])
	}
	s.buckets = append(s.buckets[:mostBuckets/2], b)
	s.each *= 2
}

// join is the bucket of both's events; other comes after b.
func (b bucket) join(other bucket) bucket {
	n := b.n + other.n
	mean := func(x, y float64) float64 { return (x*float64(b.n) + y*float64(other.n)) / float64(n) }
	j := bucket{from: b.from, to: other.to, n: n, loss: mean(b.loss, other.loss)}
	for i := range b.layers {
		j.layers = append(j.layers, mean(b.layers[i], other.layers[i]))
	}
	return j
}

// begin is the step of the run before the stage's first.
func (s *stage) begin() float64 { return float64(s.buckets[0].from - 1) }

func (s *stage) end() float64 { return float64(s.buckets[len(s.buckets)-1].to) }

// end is the last step that there is.
func (r *Run) end() float64 {
	end := 1.0
	for _, s := range r.stages {
		end = max(end, s.end())
	}
	for _, e := range r.evals {
		end = max(end, e.step)
	}
	return end
}
