package plot

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette/moreland"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Pixels of a heat map, which is a bitmap in the vector file, too: rectangles would
// be tens of thousands.
const (
	heatColumns = 900
	heatRows    = 256 // at least
)

// heat is the alignment loss by layer and step, in colours of its logarithm.
type heat struct {
	run           *Run
	first, last   int     // layers
	lowest, above float64 // log10 of the losses in sight
	colours       []color.Color
}

// heatMap finds the range of the run's alignment losses, if it has any.
func (r *Run) heatMap() (heat, bool) {
	h := heat{run: r, first: math.MaxInt, last: -1, lowest: math.Inf(1), above: math.Inf(-1)}
	for _, s := range r.stages {
		for _, layer := range s.layers {
			h.first, h.last = min(h.first, layer), max(h.last, layer)
		}
		for _, b := range s.buckets {
			for _, x := range b.layers {
				if x > 0 && finite(x) {
					h.lowest, h.above = min(h.lowest, math.Log10(x)), max(h.above, math.Log10(x))
				}
			}
		}
	}
	if h.last < 0 || math.IsInf(h.lowest, 0) {
		return h, false
	}
	if h.above-h.lowest < 0.1 {
		h.above = h.lowest + 0.1
	}
	scale := moreland.ExtendedKindlmann()
	scale.SetMin(0)
	scale.SetMax(1)
	h.colours = scale.Palette(256).Colors()
	return h, true
}

func (r *Run) alignment(h heat) *plot.Plot {
	p := r.newPanel("layer")
	p.Add(h)
	p.Y.Min, p.Y.Max, p.Y.Padding = float64(h.first)-0.5, float64(h.last)+0.5, 0
	p.Y.Tick.Marker = integers{}
	return p
}

func (h heat) colour(log float64) color.Color {
	at := int((log - h.lowest) / (h.above - h.lowest) * float64(len(h.colours)-1))
	return h.colours[max(0, min(at, len(h.colours)-1))]
}

// Plot draws the map, and its colours on a bar beside it.
func (h heat) Plot(c draw.Canvas, p *plot.Plot) {
	c.DrawImage(c.Rectangle, h.image(p.X.Min, p.X.Max))
	boundaries{h.run}.Plot(c, p)
	h.bar(c, p)
}

func (h heat) image(from, to float64) image.Image {
	layers := h.last - h.first + 1
	tall := (heatRows + layers - 1) / layers
	img := image.NewNRGBA(image.Rect(0, 0, heatColumns, layers*tall))
	for column := range heatColumns {
		step := from + (float64(column)+0.5)/heatColumns*(to-from)
		s, b := h.run.find(step)
		if b == nil {
			continue
		}
		for i, x := range b.layers {
			if !(x > 0 && finite(x)) {
				continue
			}
			colour := h.colour(math.Log10(x))
			bottom := (h.last - s.layers[i] + 1) * tall
			for row := bottom - tall; row < bottom; row++ {
				img.Set(column, row, colour)
			}
		}
	}
	return img
}

// find is the bucket that covers a step: (from-1, to], and the gap up to the next.
func (r *Run) find(step float64) (*stage, *bucket) {
	for _, s := range r.stages {
		if step <= s.begin() || step > s.end() {
			continue
		}
		i, _ := slices.BinarySearchFunc(s.buckets, step, func(b bucket, at float64) int {
			if float64(b.to) < at {
				return -1
			}
			return 1
		})
		return s, &s.buckets[i]
	}
	return nil, nil
}

// bar explains the colours, in the margin.
func (h heat) bar(c draw.Canvas, p *plot.Plot) {
	const stripes = 128
	left, right := c.Max.X+10, c.Max.X+20
	y := func(log float64) vg.Length {
		return c.Min.Y + (c.Max.Y-c.Min.Y)*vg.Length((log-h.lowest)/(h.above-h.lowest))
	}
	for i := range stripes {
		from, to := h.lowest+(h.above-h.lowest)*float64(i)/stripes, h.lowest+(h.above-h.lowest)*float64(i+1)/stripes
		c.FillPolygon(h.colour((from+to)/2), []vg.Point{{X: left, Y: y(from)}, {X: right, Y: y(from)}, {X: right, Y: y(to)}, {X: left, Y: y(to)}})
	}
	style := p.X.Tick.Label
	style.XAlign, style.YAlign, style.Font.Size = draw.XLeft, draw.YCenter, 9
	for _, t := range (logTicks{}).Ticks(math.Pow(10, h.lowest), math.Pow(10, h.above)) {
		at := y(math.Log10(t.Value))
		c.StrokeLine2(p.Y.Tick.LineStyle, right, at, right+3, at)
		c.FillText(style, vg.Point{X: right + 5, Y: at}, fmt.Sprintf("%.2g", t.Value))
	}
	style.Rotation, style.XAlign, style.YAlign = math.Pi/2, draw.XCenter, draw.YTop
	c.FillText(style, vg.Point{X: right + 34, Y: (c.Min.Y + c.Max.Y) / 2}, "alignment loss (mean square)")
}
