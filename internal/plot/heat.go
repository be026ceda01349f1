package plot

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
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
	first, last   int      // layers
	lowest, above float64  // log10 of the losses in sight
	words         []string // what they are, of distances
}

// heatMap finds the range of the run's alignment losses, if it has any.
func (r *Run) heatMap() (heat, bool) {
	h := heat{run: r, first: math.MaxInt, last: -1, lowest: math.Inf(1), above: math.Inf(-1)}
	for _, s := range r.stages {
		for _, d := range distances {
			if d.part == s.part && !slices.Contains(h.words, d.words) {
				h.words = append(h.words, d.words)
			}
		}
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
	return h, true
}

// alignment shows each layer over the steps.
func (r *Run) alignment(h heat) panel {
	p := newPanel("alignment loss of each layer: distance to the teacher", "layer")
	p.Add(h)
	p.Y.Min, p.Y.Max, p.Y.Padding = float64(h.first)-0.5, float64(h.last)+0.5, 0
	p.Y.Tick.Marker = integers{}
	return p
}

// scale goes from dark, a small loss, to light, a large one; no two of its colours
// look alike in grey.
var scale = []color.NRGBA{
	{0x1b, 0x0c, 0x41, 0xff},
	{0x4a, 0x0c, 0x6b, 0xff},
	{0x78, 0x1c, 0x6d, 0xff},
	{0xa5, 0x2c, 0x60, 0xff},
	{0xcf, 0x44, 0x46, 0xff},
	{0xed, 0x69, 0x25, 0xff},
	{0xfb, 0x9b, 0x06, 0xff},
	{0xf7, 0xd1, 0x3d, 0xff},
	{0xfc, 0xff, 0xa4, 0xff},
}

// colour is that of the logarithm of a loss.
func (h heat) colour(log float64) color.NRGBA {
	at := min(1, max(0, (log-h.lowest)/(h.above-h.lowest))) * float64(len(scale)-1)
	i := min(int(at), len(scale)-2)
	a, b, share := scale[i], scale[i+1], at-float64(i)
	mix := func(x, y uint8) uint8 { return uint8(math.Round(float64(x)*(1-share) + float64(y)*share)) }
	return color.NRGBA{mix(a.R, b.R), mix(a.G, b.G), mix(a.B, b.B), 0xff}
}

// Plot draws the map, and its colours on a bar beside it.
func (h heat) Plot(c draw.Canvas, p *plot.Plot) {
	c.DrawImage(c.Rectangle, h.image(p.X.Min, p.X.Max))
	boundaries{h.run}.Plot(c, p)
	h.bar(c, p)
}

// image has a column for a share of the steps, and rows for each layer, the first at the bottom.
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
				img.SetNRGBA(column, row, colour)
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
	left, right := c.Max.X+12, c.Max.X+22
	shades := image.NewNRGBA(image.Rect(0, 0, 8, heatRows))
	for row := range heatRows {
		colour := h.colour(h.above - (h.above-h.lowest)*float64(row)/(heatRows-1))
		for column := range 8 {
			shades.SetNRGBA(column, row, colour)
		}
	}
	c.DrawImage(vg.Rectangle{Min: vg.Point{X: left, Y: c.Min.Y}, Max: vg.Point{X: right, Y: c.Max.Y}}, shades)
	style := textStyle(9)
	style.XAlign, style.YAlign = draw.XLeft, draw.YCenter
	for _, t := range (logTicks{}).Ticks(math.Pow(10, h.lowest), math.Pow(10, h.above)) {
		at := c.Min.Y + (c.Max.Y-c.Min.Y)*vg.Length((math.Log10(t.Value)-h.lowest)/(h.above-h.lowest))
		c.StrokeLine2(p.Y.Tick.LineStyle, right, at, right+3, at)
		c.FillText(style, vg.Point{X: right + 5, Y: at}, fmt.Sprintf("%.2g", t.Value))
	}
	style.Rotation, style.XAlign, style.YAlign = math.Pi/2, draw.XCenter, draw.YTop
	c.FillText(style, vg.Point{X: right + 38, Y: (c.Min.Y + c.Max.Y) / 2}, strings.Join(h.words, ", "))
}
