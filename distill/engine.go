package distill

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-1411d8c0/linearize/internal/engine"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
)

// machinery is what a run computes with: equal bits are promised for one kind of it only.
type machinery struct {
	Engine  string `json:"engine"`
	Devices int    `json:"devices,omitempty"` // 0: one
}

func (m machinery) String() string {
	if m.Devices > 1 {
		return fmt.Sprintf("%s with %d devices", m.Engine, m.Devices)
	}
	return m.Engine
}

// startEngine opens the engine. Left to choose, a run goes on where it began.
func (s *session) startEngine() (err error) {
	was := s.plan.begunOn()
	if s.on = (machinery{Engine: s.plan.Options.engine()}); s.on.Engine == engine.Auto {
		s.on.Engine, s.chosen = engine.Choose(engine.Auto)
		if was.Engine != "" && was.Engine != s.on.Engine {
			if s.backend, err = engine.Open(was.Engine); err == nil {
				s.on.Engine, s.chosen = was.Engine, "as before"
			} else {
				s.notice(fmt.Sprintf("not on engine %s, where run %s began: %v", was.Engine, s.plan.Dir, err))
			}
		}
	}
	if s.backend == nil {
		if s.backend, err = engine.Open(s.on.Engine); err != nil {
			return err
		}
	}
	if err := s.takeDevices(); err != nil {
		return &refusal{err}
	}
	if was.Engine != "" && was != s.on {
		s.switched = fmt.Sprintf("run %s was on engine %s and goes on on %s: it will not end with the weights, bit for bit, of a run on one of them",
			s.plan.Dir, was, s.on)
	}
	return nil
}

// engine is what the options ask for.
func (o Options) engine() string { return cmp.Or(o.Engine, engine.Default) }

// takeDevices shares the rows of batches among devices, if several are asked for.
func (s *session) takeDevices() (err error) {
	n := max(s.plan.Options.Devices, 1)
	if s.devices, err = train.NewDevices(s.backend, n); err != nil || n == 1 {
		return err
	}
	s.on.Devices = n
	return nil
}

// begunOn is what the run that is to go on in the folder was computed with, zero if
// there is none.
func (p *Plan) begunOn() (was machinery) {
	if p.Options.Overwrite || !exists(filepath.Join(p.Dir, stateFile)) {
		return machinery{}
	}
	data, err := os.ReadFile(filepath.Join(p.Dir, provenanceName))
	if err != nil || json.Unmarshal(data, &was) != nil {
		return machinery{} // whoever changed the file has to know
	}
	return was
}

// engineTitle is the engine as the run's header names it.
func (s *session) engineTitle() string {
	if s.chosen == "" {
		return s.on.String()
	}
	return fmt.Sprintf("%s (auto: %s)", s.on, s.chosen)
}
