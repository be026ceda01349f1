package plot

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// logarithmic gives the panel a log scale where that shows more than a linear one.
func logarithmic(p *plot.Plot) {
	if !(p.Y.Min > 0) || p.Y.Max < 1.5*p.Y.Min || math.IsInf(p.Y.Min, 0) {
		p.Y.Tick.Marker = evenTicks{}
		return
	}
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, logTicks{}
	room := math.Pow(p.Y.Max/p.Y.Min, 0.05)
	p.Y.Min, p.Y.Max = p.Y.Min/room, p.Y.Max*room
	p.Y.Padding = 0
}

// logTicks are 1, 2 and 5 times powers of ten or, where few of those are in sight,
// more; across many decades the powers alone.
type logTicks struct{}

// Ticks are those from lowest to highest.
func (logTicks) Ticks(lowest, highest float64) []plot.Tick {
	decades := math.Log10(highest / lowest)
	marked := []float64{1, 2, 5}
	switch {
	case decades < 0.7:
		marked = []float64{1, 1.2, 1.5, 1.7, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9}
	case decades < 1.1:
		marked = []float64{1, 1.5, 2, 3, 4, 5, 7}
	case decades > 3:
		marked = []float64{1}
	}
	var ticks []plot.Tick
	for e := int(math.Floor(math.Log10(lowest))); e <= int(math.Log10(highest)); e++ {
		for _, m := range marked {
			x := m * math.Pow(10, float64(e))
			if x >= lowest && x <= highest {
				ticks = append(ticks, plot.Tick{Value: x, Label: strconv.FormatFloat(x, 'g', 3, 64)})
			}
		}
	}
	return ticks
}

// evenTicks are two to six, 1, 2 or 5 times a power of ten apart, with as many decimals as
// tell them apart: the library's own may round 6.8 to 7.
type evenTicks struct{}

// Ticks are those from lowest to highest.
func (evenTicks) Ticks(lowest, highest float64) []plot.Tick {
	span := highest - lowest
	power := math.Floor(math.Log10(span / 2))
	if !(math.Abs(power) < 9) || math.Abs(lowest) > 1e9 {
		return plot.DefaultTicks{}.Ticks(lowest, highest)
	}
	every := math.Pow(10, power)
	for _, m := range []float64{5, 2} {
		if span/(m*every) >= 2 {
			every *= m
			break
		}
	}
	var ticks []plot.Tick
	for i := int(math.Ceil(lowest / every)); float64(i)*every <= highest; i++ {
		x := float64(i) * every
		ticks = append(ticks, plot.Tick{Value: x, Label: strconv.FormatFloat(x, 'f', max(0, int(-power)), 64)})
	}
	return ticks
}

// integers are ticks at whole numbers, at most about ten of them.
type integers struct{ bare bool } // without labels

// Ticks are those from lowest to highest.
func (t integers) Ticks(lowest, highest float64) []plot.Tick {
	every := 1
	for i := 0; (highest-lowest)/float64(every) > 10; i++ { // 1, 2, 5, 10, 20, 50, …
		every = []int{2, 5, 10}[i%3] * int(math.Pow10(i/3))
	}
	var ticks []plot.Tick
	for x := int(math.Ceil(lowest/float64(every))) * every; float64(x) <= highest; x += every {
		label := " " // an empty one makes a minor tick
		if !t.bare {
			label = strconv.Itoa(x)
		}
		ticks = append(ticks, plot.Tick{Value: float64(x), Label: label})
	}
	return ticks
}
