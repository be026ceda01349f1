package distill

import (
	"path/filepath"
	"slices"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/metrics"
)

// Names in a run folder of what is made from its metrics.
const (
	metricsName     = "metrics.jsonl"
	csvName         = "metrics.csv"
	tensorBoardName = "events.out.tfevents.linearize"
	plotsName       = "plots"
)

// sink is a copy of the metrics in another format. It can be made anew at any time, so
// that a failure of it is told once and the run goes on.
type sink struct {
	name string
	metrics.Sink
}

// openMetrics reads the metrics up to the last save and goes on writing there.
func (s *session) openMetrics() error {
	path := filepath.Join(s.plan.Dir, metricsName)
	events, err := metrics.Read(path, s.at.MetricsBytes)
	if err != nil {
		return s.plan.damaged(err)
	}
	for _, e := range events {
		s.remember(e)
	}
	s.saves = slices.DeleteFunc(s.saves, func(e Event) bool { return !exists(filepath.Join(s.plan.Dir, filepath.FromSlash(e.Path))) })
	s.pictures.begin(filepath.Join(s.plan.Dir, plotsName), s.env, s.notice)
	if s.log, err = metrics.Open(path, s.at.MetricsBytes); err != nil {
		return s.plan.damaged(err)
	}
	for _, format := range s.plan.Recipe.Metrics {
		x := sink{name: format}
		switch format {
		case "csv":
			x.Sink, err = metrics.CSV(filepath.Join(s.plan.Dir, csvName), func() ([]Event, error) { return metrics.Read(path, s.log.Size()) })
		case "tensorboard":
			x.Sink, err = metrics.TensorBoard(filepath.Join(s.plan.Dir, tensorBoardName), events)
		}
		if err != nil {
			s.notice("no metrics as " + format + ": " + err.Error())
			continue
		}
		s.sinks = append(s.sinks, x)
	}
	return nil
}

// remember keeps what the tables, the pictures and the choice of saves are made of.
func (s *session) remember(e Event) {
	s.pictures.Add(e)
	e.Time = time.Time{} // so that equal runs leave equal model folders
	switch e.Event {
	case "eval":
		s.evals = append(s.evals, e)
	case "step":
		s.speeds[e.Stage] = e.TokensPerSec
	case "save":
		s.saves = append(s.saves, e)
	}
}

// record writes an event down.
func (s *session) record(e Event) error {
	e.Time = s.env.Clock().UTC().Truncate(time.Millisecond)
	s.remember(e)
	if err := s.log.Write(e); err != nil {
		return err
	}
	var working []sink
	for _, x := range s.sinks {
		if err := x.Write(e); err != nil {
			s.notice("no more metrics as " + x.name + " until the run starts again: " + err.Error())
			_ = x.Close() // it has failed already
			continue
		}
		working = append(working, x)
	}
	s.sinks = working
	s.pictures.drawDue()
	return nil
}
