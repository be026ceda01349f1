package distill

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/seed-1411d8c0/linearize/internal/engine"
)

// startEngine opens the engine. Left to choose, a run goes on where it began: equal bits
// are promised for one engine only.
func (s *session) startEngine() (err error) {
	was := s.plan.begunOn()
	if s.engine, s.engineWhy = s.env.Engine, ""; s.engine == engine.Auto {
		if was != "" {
			if s.backend, err = engine.Open(was); err == nil {
				s.engine, s.engineWhy = was, "as before"
				return nil
			}
			s.notice(fmt.Sprintf("not on engine %s, where run %s began: %v", was, s.plan.Dir, err))
		}
		s.engine, s.engineWhy = engine.Choose(engine.Auto)
	}
	if s.backend, err = engine.Open(s.engine); err != nil {
		return err
	}
	if was != "" && was != s.engine {
		s.switched = fmt.Sprintf("run %s was on engine %s and goes on on %s: it will not end with the weights, bit for bit, of a run on one engine",
			s.plan.Dir, was, s.engine)
	}
	return nil
}

// begunOn is the engine of the run that is to go on in the folder, "" if none is.
func (p *Plan) begunOn() string {
	if p.Options.Overwrite || !exists(filepath.Join(p.Dir, stateFile)) {
		return ""
	}
	var record struct {
		Engine string `json:"engine"`
	}
	data, err := os.ReadFile(filepath.Join(p.Dir, provenanceName))
	if err != nil || json.Unmarshal(data, &record) != nil {
		return "" // whoever changed the file has to know
	}
	return record.Engine
}

// engineTitle is the engine as the run's header names it.
func (s *session) engineTitle() string {
	if s.engineWhy == "" {
		return s.engine
	}
	return fmt.Sprintf("%s (auto: %s)", s.engine, s.engineWhy)
}
