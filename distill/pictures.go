package distill

import (
	"time"

	"github.com/seed-1411d8c0/linearize/internal/plot"
)

// Pictures are drawn after an evaluation, at once or, where evaluations come fast, as soon
// as plotPeriod has passed and drawing takes no more than one part in plotShare of a run.
const (
	plotPeriod = 2 * time.Second
	plotShare  = 50
)

// pictures draws a run while it goes on. They fail no run: the first failure is told.
type pictures struct {
	plot.Run
	dir    string // empty: nothing is drawn
	clock  func() time.Time
	notice func(line string)

	drawn  time.Time     // the last time
	took   time.Duration // to draw
	stale  bool          // there is something new to draw
	failed bool
}

// begin counts the time from here on.
func (p *pictures) begin(dir string, env Env, notice func(line string)) {
	p.clock, p.notice, p.drawn = env.Clock, notice, env.Clock()
	if !env.NoPlots {
		p.dir = dir
	}
}

// draw makes the pictures anew.
func (p *pictures) draw() {
	p.stale = false
	if p.dir == "" {
		return
	}
	began := p.clock()
	defer func() { p.drawn = p.clock(); p.took = p.drawn.Sub(began) }()
	if err := p.Write(p.dir); err != nil && !p.failed {
		p.failed = true
		p.notice("no pictures: " + err.Error())
	}
}

// drawSoon has what is new drawn.
func (p *pictures) drawSoon() {
	p.stale = true
	p.drawDue()
}

// drawDue draws what was to be drawn, unless that was done just now.
func (p *pictures) drawDue() {
	if p.stale && p.clock().Sub(p.drawn) >= max(plotPeriod, plotShare*p.took) {
		p.draw()
	}
}
