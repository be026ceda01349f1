package plot

import (
	"fmt"
	"image/color"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

var (
	grey  = color.Gray{0xa0}
	blue  = color.RGBA{0x1f, 0x4e, 0x9c, 0xff}
	amber = color.RGBA{0xc4, 0x5a, 0x00, 0xff}

	stageColours = []color.RGBA{blue, amber, {0x2a, 0x7f, 0x3f, 0xff}, {0x8a, 0x2d, 0x8f, 0xff}, {0x00, 0x7c, 0x89, 0xff}, {0x9c, 0x1c, 0x2e, 0xff}}
)

func stageColour(i int) color.RGBA { return stageColours[i%len(stageColours)] }

// pale is the colour under a smoothed line.
func pale(c color.RGBA) color.Color { return color.NRGBA{c.R, c.G, c.B, 0x50} }

// panels are the parts of the picture that the run has something for.
func (r *Run) panels() []*plot.Plot {
	var all []*plot.Plot
	if len(r.evals) > 0 || r.known {
		all = append(all, r.heldOut())
	}
	if len(r.stages) > 0 {
		all = append(all, r.training())
	}
	if h, ok := r.heatMap(); ok {
		all = append(all, r.alignment(h))
	}
	for i, p := range all {
		p.X.Min, p.X.Max, p.X.Padding = 0, r.end(), 0
		p.X.Tick.Marker = integers{}
		if i == len(all)-1 {
			p.X.Label.Text = "optimizer steps, over all stages"
		}
	}
	return all
}

func (r *Run) newPanel(label string) *plot.Plot {
	p := plot.New()
	p.Y.Label.Text, p.Y.Label.Padding = label, vg.Points(4)
	p.Y.Label.TextStyle.Font.Size, p.X.Label.TextStyle.Font.Size = 11, 11
	p.Y.Tick.Length, p.X.Tick.Length = 5, 5
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal.Color, grid.Horizontal.Dashes = color.Gray{0xe4}, nil
	p.Add(grid, boundaries{r})
	return p
}

// heldOut shows the student's evaluations with their standard errors, and the
// teacher's as a line.
func (r *Run) heldOut() *plot.Plot {
	p := r.newPanel("held-out loss (nats per token)")
	bars := errorPoints{}
	for _, e := range r.evals {
		bars.XYs = append(bars.XYs, plotter.XY{X: e.step, Y: e.nats})
		bars.YErrors = append(bars.YErrors, struct{ Low, High float64 }{e.stderr, e.stderr})
	}
	if len(r.evals) > 0 {
		line, points, _ := plotter.NewLinePoints(bars) // fails for what is not finite only, and no such event is kept
		errs, _ := plotter.NewYErrorBars(bars)
		line.Color, points.Color, errs.Color = blue, blue, blue
		line.Width, errs.Width, errs.CapWidth = 1.5, 1, 5
		points.Shape, points.Radius = draw.CircleGlyph{}, 2.5
		p.Add(line, points, errs)
		last := r.evals[len(r.evals)-1]
		p.Legend.Add(fmt.Sprintf("student, last %.4f ± %.4f", last.nats, last.stderr), line, points)
	}
	if r.known {
		teacher, _ := plotter.NewLine(plotter.XYs{{X: 0, Y: r.teacher}, {X: r.end(), Y: r.teacher}})
		teacher.Color, teacher.Width, teacher.Dashes = amber, 1.5, []vg.Length{6, 3}
		p.Add(teacher)
		p.Legend.Add(fmt.Sprintf("teacher %.4f", r.teacher), teacher)
	}
	p.Legend.Top, p.Legend.XOffs, p.Legend.YOffs = true, -6, -4
	p.Legend.TextStyle.Font.Size = 10
	logarithmic(p)
	return p
}

// errorPoints are points with an error of their height.
type errorPoints struct {
	plotter.XYs
	plotter.YErrors
}

// smooth is the weight of the past in a smoothed curve.
const smooth = 0.95

// training shows what each stage minimises. Stages weigh other things, so that their
// curves do not go on from one another.
func (r *Run) training() *plot.Plot {
	p := r.newPanel("training loss of the stage")
	for i, s := range r.stages {
		var raw, mean plotter.XYs
		sum, weight := 0.0, 0.0
		for _, b := range s.buckets {
			sum, weight = smooth*sum+(1-smooth)*b.loss, smooth*weight+1-smooth
			if x := float64(b.from+b.to) / 2; b.loss > 0 { // a log scale has no place for zero
				raw, mean = append(raw, plotter.XY{X: x, Y: b.loss}), append(mean, plotter.XY{X: x, Y: sum / weight})
			}
		}
		if len(raw) == 0 {
			continue
		}
		thin, _ := plotter.NewLine(raw)
		thin.Color, thin.Width = pale(stageColour(i)), 0.75
		thick, _ := plotter.NewLine(mean)
		thick.Color, thick.Width = stageColour(i), 1.5
		p.Add(thin, thick)
	}
	logarithmic(p)
	return p
}

// logarithmic gives the panel a log scale where that shows more than a linear one.
func logarithmic(p *plot.Plot) {
	if !(p.Y.Min > 0) || p.Y.Max < 1.5*p.Y.Min || math.IsInf(p.Y.Min, 0) {
		return
	}
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, logTicks{}
	room := math.Pow(p.Y.Max/p.Y.Min, 0.04)
	p.Y.Min, p.Y.Max = p.Y.Min/room, p.Y.Max*room
	p.Y.Padding = 0
}

// logTicks are 1, 2 and 5 times powers of ten or, where few of those are in sight,
// more; across many decades the powers alone.
type logTicks struct{}

func (logTicks) Ticks(lowest, highest float64) []plot.Tick {
	decades := math.Log10(highest / lowest)
	marked := []float64{1, 2, 5}
	switch {
	case decades < 0.7:
		marked = []float64{1, 1.2, 1.5, 1.7, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9}
	case decades < 1.3:
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

// integers are ticks at whole numbers, five to ten of them.
type integers struct{}

func (integers) Ticks(lowest, highest float64) []plot.Tick {
	every := 1
	for _, by := 0, []int{2, 5, 10}; (highest-lowest)/float64(every) > 10; {
		for _, m := range by {
			if next := every * m; (highest-lowest)/float64(next) <= 10 || m == 10 {
				every = next
				break
			}
		}
	}
	var ticks []plot.Tick
	for x := int(math.Ceil(lowest/float64(every))) * every; float64(x) <= highest; x += every {
		ticks = append(ticks, plot.Tick{Value: float64(x), Label: strconv.Itoa(x)})
	}
	return ticks
}

// boundaries are lines between stages.
type boundaries struct{ run *Run }

func (b boundaries) Plot(c draw.Canvas, p *plot.Plot) {
	for _, s := range b.run.stages[min(1, len(b.run.stages)):] {
		x := c.X(p.X.Norm(s.begin()))
		c.StrokeLine2(draw.LineStyle{Color: grey, Width: 0.75, Dashes: []vg.Length{3, 3}}, x, c.Min.Y, x, c.Max.Y)
	}
}
