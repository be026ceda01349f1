package plot

import (
	"cmp"
	"fmt"
	"image/color"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
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

// panel is one of the pictures above each other.
type panel struct {
	*plot.Plot
	title string
	over  map[string]string // what stands behind the names of the stages
}

// panels are the parts of the picture that the run has something for.
func (r *Run) panels() []panel {
	var all []panel
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
		p.X.Tick.Marker = integers{bare: i < len(all)-1}
		if i == len(all)-1 {
			p.X.Label.Text = "optimizer steps, over all stages"
		}
	}
	return all
}

func newPanel(title, label string) panel {
	p := plot.New()
	p.Y.Label.Text, p.Y.Label.Padding = label, vg.Points(4)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Tick.Length = 5
		axis.Label.TextStyle.Font.Size, axis.Label.TextStyle.Font.Variant = 10, "Sans"
		axis.Tick.Label.Font.Size, axis.Tick.Label.Font.Variant = 9.5, "Sans"
	}
	return panel{Plot: p, title: title, over: map[string]string{}}
}

// textStyle is that of the ticks in another size.
func textStyle(size vg.Length) text.Style {
	style := plot.New().X.Tick.Label
	style.Font.Size, style.Font.Variant = size, "Sans"
	return style
}

// lines are horizontal ones, and the boundaries of stages.
func (r *Run) lines() []plot.Plotter {
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal.Color, grid.Horizontal.Dashes = color.Gray{0xe4}, nil
	return []plot.Plotter{grid, boundaries{r}}
}

// heldOut shows the student's evaluations with their standard errors, and the
// teacher's as a line.
func (r *Run) heldOut() panel {
	p := newPanel("held-out loss", "nats per token")
	p.Add(r.lines()...)
	var curves names
	bars := errorPoints{} // all finite: no call below fails
	for _, e := range r.evals {
		bars.XYs = append(bars.XYs, plotter.XY{X: e.step, Y: e.nats})
		bars.YErrors = append(bars.YErrors, struct{ Low, High float64 }{e.stderr, e.stderr})
	}
	if len(r.evals) > 0 {
		line, points, _ := plotter.NewLinePoints(bars)
		errs, _ := plotter.NewYErrorBars(bars)
		line.Color, points.Color, errs.Color = blue, blue, blue
		line.Width, errs.Width, errs.CapWidth = 1.5, 1, 5
		points.Shape, points.Radius = draw.CircleGlyph{}, 2
		p.Add(line, points, errs)
		last := r.evals[len(r.evals)-1]
		p.title += fmt.Sprintf(": student %.4f ± %.4f", last.nats, last.stderr)
		curves = append(curves, name{"student", last.nats, blue})
	}
	if r.known {
		teacher, _ := plotter.NewLine(plotter.XYs{{X: 0, Y: r.teacher}, {X: r.end(), Y: r.teacher}})
		teacher.Color, teacher.Width, teacher.Dashes = amber, 1.5, []vg.Length{6, 3}
		p.Add(teacher)
		p.title += fmt.Sprintf(", teacher %.4f", r.teacher)
		curves = append(curves, name{"teacher", r.teacher, amber})
	}
	p.title = strings.Replace(p.title, "loss,", "loss:", 1)
	p.Add(curves)
	logarithmic(p.Plot)
	return p
}

// name is that of a curve, written where it ends.
type name struct {
	text   string
	y      float64
	colour color.Color
}

type names []name

// Plot writes the names at the right of the data.
func (n names) Plot(c draw.Canvas, p *plot.Plot) {
	style := textStyle(10)
	style.XAlign, style.YAlign = draw.XLeft, draw.YCenter
	ordered := slices.SortedFunc(slices.Values(n), func(a, b name) int { return cmp.Compare(a.y, b.y) })
	least := c.Min.Y // they do not stand on each other
	for _, x := range ordered {
		at := max(c.Y(p.Y.Norm(x.y)), least)
		style.Color = x.colour
		c.FillText(style, vg.Point{X: c.Max.X + 6, Y: at}, x.text)
		least = at + 12
	}
}

// errorPoints are points with an error of their height.
type errorPoints struct {
	plotter.XYs
	plotter.YErrors
}

// training shows what each stage minimises, as a fraction of what it was at the
// stage's start: stages weigh other things, so that their numbers do not compare.
func (r *Run) training() panel {
	p := newPanel("training loss, as a fraction of the stage's start; thick lines and the last numbers are smoothed", "fraction of the start")
	p.Add(r.lines()...)
	for i, s := range r.stages {
		var raw, mean plotter.XYs
		// Smoothed over a twentieth of the stage, from the first value on.
		keep := 1 - 2/float64(max(5, len(s.buckets)/20)+1)
		first, smooth := 0.0, 0.0
		for _, b := range s.buckets {
			if !(b.loss > 0) { // a log scale has no place for zero
				continue
			}
			if raw == nil {
				first, smooth = b.loss, b.loss
			}
			smooth = keep*smooth + (1-keep)*b.loss
			x := float64(b.from+b.to) / 2
			raw, mean = append(raw, plotter.XY{X: x, Y: b.loss / first}), append(mean, plotter.XY{X: x, Y: smooth / first})
		}
		if raw == nil {
			continue
		}
		thin, _ := plotter.NewLine(raw) // fails for what is not finite only, and no such event is kept
		thin.Color, thin.Width = pale(stageColour(i)), 0.75
		thick, _ := plotter.NewLine(mean)
		thick.Color, thick.Width = stageColour(i), 1.5
		p.Add(thin, thick)
		p.over[s.label] = fmt.Sprintf(": %.3g → %.3g", first, smooth)
	}
	logarithmic(p.Plot)
	return p
}

// boundaries are lines between stages.
type boundaries struct{ run *Run }

// Plot draws a line where each stage but the first begins.
func (b boundaries) Plot(c draw.Canvas, p *plot.Plot) {
	for _, s := range b.run.stages[min(1, len(b.run.stages)):] {
		x := c.X(p.X.Norm(s.begin()))
		c.StrokeLine2(draw.LineStyle{Color: grey, Width: 0.75, Dashes: []vg.Length{3, 3}}, x, c.Min.Y, x, c.Max.Y)
	}
}
