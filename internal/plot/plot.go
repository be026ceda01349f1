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
	"strings"

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
	rightMargin = 78 // where curves have their names, and the colour bar is
	headRoom    = 34 // over a panel, for its title and the stages' names
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
		fsx.WriteFile(filepath.Join(dir, "loss.svg"), mend(svg.Bytes()), 0o644)); err != nil {
		return fmt.Errorf("draw: %w", err)
	}
	return nil
}

// mend corrects what the library writes of a vector file. Bitmaps fill their place, and
// are called what they are. Where the font is missing, one of the same widths takes its
// place.
func mend(svg []byte) []byte {
	for _, x := range [][2]string{
		{"<image ", `<image preserveAspectRatio="none" `},
		{"data:image/jpg;", "data:image/png;"},
		{"font-family:Liberation Sans", "font-family:Liberation Sans,Arial,Helvetica,sans-serif"},
	} {
		svg = bytes.ReplaceAll(svg, []byte(x[0]), []byte(x[1]))
	}
	return svg
}

// draw puts the panels one below the other, their axes in line.
func (r *Run) draw(c draw.Canvas, panels []panel) {
	c.FillPolygon(color.White, []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}})
	tiles := draw.Tiles{Rows: len(panels), Cols: 1, PadTop: margin, PadBottom: margin, PadLeft: margin, PadRight: rightMargin, PadY: margin}
	at := func(i int) draw.Canvas { return draw.Crop(tiles.At(c, 0, i), 0, 0, 0, -headRoom) }
	var left, right vg.Length // the widest that stands beside the data
	for i, p := range panels {
		tile := at(i)
		inner := p.DataCanvas(tile)
		left, right = max(left, inner.Min.X-tile.Min.X), max(right, tile.Max.X-inner.Max.X)
	}
	for i, p := range panels {
		tile := at(i)
		inner := p.DataCanvas(tile)
		tile = draw.Crop(tile, left-(inner.Min.X-tile.Min.X), (tile.Max.X-inner.Max.X)-right, 0, 0)
		p.Draw(tile)
		inner = p.DataCanvas(tile)
		title := textStyle(11)
		title.XAlign, title.YAlign = draw.XLeft, draw.YBottom
		inner.FillText(title, vg.Point{X: inner.Min.X, Y: inner.Max.Y + 19}, p.title)
		r.overStages(inner, p)
	}
}

// overStages writes what the panel says of each stage over the stage's part of the
// axis, or the stage's number where there is no room for it.
func (r *Run) overStages(c draw.Canvas, p panel) {
	style := textStyle(10)
	style.XAlign, style.YAlign = draw.XCenter, draw.YBottom
	for i, s := range r.stages {
		left, right := c.X(p.X.Norm(s.begin())), c.X(p.X.Norm(s.end()))
		words := s.label + p.over[s.label]
		if style.Width(words) > right-left {
			words = s.label
		}
		if style.Width(words) > right-left {
			words, _, _ = strings.Cut(s.label, "-")
		}
		style.Color = stageColour(i)
		c.FillText(style, vg.Point{X: (left + right) / 2, Y: c.Max.Y + 4}, words)
	}
}
