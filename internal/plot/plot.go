// Package plot draws how a run went: held-out loss, training loss and the alignment
// loss of each layer, one above the other over the same steps.
//
//   - [Run] takes the events of a run one by one.
//   - [Run.Write] puts loss.png and loss.svg into a folder, each in one step.
//
// # Limits
//
// Long stages are drawn as means over some steps, of which there are at most 1024.
package plot

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// Sizes of a picture.
const (
	width       = 9 * vg.Inch
	panelHeight = 2.5 * vg.Inch
	margin      = 12 // points
	rightMargin = 74 // where the colour bar is
	dpi         = 110
)

// Write draws the run into dir, which it makes. A run of which there is nothing to
// show yet leaves no file.
func (r *Run) Write(dir string) (err error) {
	defer func() {
		if cause := recover(); cause != nil { // the library panics at numbers that it cannot draw
			err = fmt.Errorf("draw %s: %v", dir, cause)
		}
	}()
	panels := r.panels()
	if len(panels) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("draw: %w", err)
	}
	height := vg.Length(len(panels)) * panelHeight
	bitmap := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi))
	vector := vgsvg.New(width, height)
	for _, c := range []vg.CanvasSizer{bitmap, vector} {
		r.draw(draw.New(c), panels)
	}
	var png, svg bytes.Buffer
	_, err = vgimg.PngCanvas{Canvas: bitmap}.WriteTo(&png)
	if err == nil {
		_, err = vector.WriteTo(&svg)
	}
	if err := errors.Join(err,
		fsx.WriteFile(filepath.Join(dir, "loss.png"), png.Bytes(), 0o644),
		fsx.WriteFile(filepath.Join(dir, "loss.svg"), svg.Bytes(), 0o644)); err != nil {
		return fmt.Errorf("draw: %w", err)
	}
	return nil
}

// draw puts the panels one below the other, their axes in line.
func (r *Run) draw(c draw.Canvas, panels []*plot.Plot) {
	c.FillPolygon(color.White, []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}})
	var rows [][]*plot.Plot
	for _, p := range panels {
		rows = append(rows, []*plot.Plot{p})
	}
	tiles := draw.Tiles{Rows: len(rows), Cols: 1, PadTop: 2 * margin, PadBottom: margin, PadLeft: margin, PadRight: rightMargin, PadY: margin}
	for i, at := range plot.Align(rows, tiles, c) {
		panels[i].Draw(at[0])
		if i == 0 {
			r.labelStages(panels[i].DataCanvas(at[0]), panels[i])
		}
	}
}

// labelStages writes the stages' names above their part of the axis; where one has no
// room its number stands for it.
func (r *Run) labelStages(c draw.Canvas, p *plot.Plot) {
	style := p.X.Tick.Label
	style.XAlign, style.YAlign = draw.XCenter, draw.YBottom
	for i, s := range r.stages {
		left, right := c.X(p.X.Norm(s.begin())), c.X(p.X.Norm(s.end()))
		text := s.label
		if style.Width(text) > right-left {
			text = s.label[:1]
		}
		style.Color = stageColour(i)
		c.FillText(style, vg.Point{X: (left + right) / 2, Y: c.Max.Y + 4}, text)
	}
}
