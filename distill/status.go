package distill

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/advice"
	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// State is what a run is doing.
type State string

// The states of a run. One that was stopped goes on with the same command, however it
// came to its end.
const (
	Running  State = "running"
	Finished State = "finished"
	Stopped  State = "stopped"
	Broken   State = "broken" // its files do not fit together: see Problem
)

// Status is how far a run is.
type Status struct {
	Run     string `json:"run"`
	State   State  `json:"state"`
	Problem string `json:"problem,omitempty"`
	Hint    string `json:"hint,omitempty"` // what can be done about the problem
	PID     int    `json:"pid,omitempty"`  // of the process at work
	Host    string `json:"host,omitempty"` // where that is

	Stage      string `json:"stage,omitempty"` // that of the last event; of stages so many are done
	Stages     int    `json:"stages"`
	StagesDone int    `json:"stages_done"`
	Step       int    `json:"step"`
	Steps      int    `json:"steps"`
	Layers     int    `json:"layers,omitempty"`    // that are done, of a stage that trains them one by one
	LayersOf   int    `json:"layers_of,omitempty"` // that such a stage has; 0 of others

	Loss         float64            `json:"loss,omitempty"`  // of the last step
	Parts        map[string]float64 `json:"parts,omitempty"` // or of the last layer's last step, which has no sum of all layers
	TokensPerSec float64            `json:"tokens_per_second,omitempty"`
	Updated      time.Time          `json:"updated,omitzero"` // when the last event was

	Student *Event `json:"student,omitempty"` // the last evaluation
	Teacher *Event `json:"teacher,omitempty"`
	Save    *Event `json:"save,omitempty"`       // the last one that a run would go on from
	Layer   *Event `json:"layer_save,omitempty"` // and a newer file of a layer, which it would use

	// How long the stage and the run still take; the run as if all stages were as fast as
	// this one. 0 where nothing is known or nothing runs.
	StageLeft float64 `json:"stage_seconds_left,omitempty"`
	RunLeft   float64 `json:"run_seconds_left,omitempty"`

	Bytes int64 `json:"bytes"` // of the folder on the disk
}

// ReadStatus looks at a run folder, whatever state it is in. The error is for what is
// no run folder.
func ReadStatus(dir string) (*Status, error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, &refusal{fmt.Errorf("status: %w", err)}
	} else if !info.IsDir() {
		return nil, &refusal{fmt.Errorf("status: %s is a file, want a run folder", dir)}
	}
	if !holdsRun(dir) {
		return nil, &refusal{fmt.Errorf("status: %s holds no run: there is no %s with %s", dir, recipeName, provenanceName)}
	}
	st := &Status{Run: dir, State: Stopped}
	st.findHolder()
	if err := st.read(); err != nil {
		st.Problem, st.Hint = err.Error(), advice.Of(err)
		if st.State != Running {
			st.State = Broken
		}
	}
	var err error
	st.Bytes, err = sizeOf(dir)
	return st, err
}

// findHolder says whether a process is at work, and which.
func (st *Status) findHolder() {
	release, err := fsx.Hold(st.Run)
	if err == nil {
		release()
	}
	if !errors.Is(err, fsx.ErrHeld) {
		return
	}
	st.State = Running
	h := holderOf(st.Run)
	st.PID, st.Host = h.pid, h.host
}

// read fills in what the run's files say.
func (st *Status) read() error {
	plan, err := readPlan(st.Run)
	if err != nil {
		return err
	}
	st.Stages = len(plan.Stages)
	file, at, err := openState(st.Run) // before the metrics, which only grow
	if err != nil {
		return plan.damaged(err)
	}
	saved := file != nil
	if saved {
		if err := file.Close(); err != nil {
			return err
		}
		if at.Stage > len(plan.Stages) {
			return plan.damaged(fmt.Errorf("%s is after stage %d, and the run has %d", stateFile, at.Stage, len(plan.Stages)))
		}
	}
	last, err := st.scan(at.MetricsBytes)
	if err == nil && at.MetricsBytes > last.bytes {
		err = fmt.Errorf("%s has %d bytes, want at least the %d of the last save: lines are missing", metricsName, last.bytes, at.MetricsBytes)
	}
	if err != nil {
		return plan.damaged(err)
	}
	if i := at.Stage - 1; i >= 0 && at.Tail > 0 && at.Tail < plan.Stages[i].Steps { // it was given more since
		at.Stage, at.Step = i, at.Tail
	}
	st.place(plan, at, last.event)
	done := saved && plan.next(at.Stage) == len(plan.Stages)
	if done && exists(filepath.Join(st.Run, finalName)) && st.State != Running {
		st.State = Finished
	}
	return nil
}

// place finds the stage and how long it and the rest will take.
func (st *Status) place(plan *Plan, at place, last Event) {
	st.StagesDone = at.Stage
	var left int64 // tokens of the run
	for i, s := range plan.Stages {
		switch {
		case s.Skipped != "":
		case s.label() == last.Stage:
			st.Stage, st.Step, st.Steps = last.Stage, last.Step, s.Steps
			switch {
			case i < at.Stage:
				st.Step, st.Layers = s.Steps, 0
			case last.Event == "layer":
				st.Step = at.Step // as long as not all layers have had their steps
			}
			left += s.Tokens / int64(max(1, s.Steps)) * int64(s.Steps-st.Step)
			st.StageLeft = float64(left)
		case i >= at.Stage:
			left += s.Tokens
		}
	}
	if st.State == Running && st.TokensPerSec > 0 && st.Layers == 0 { // a layer's speed is not the stage's
		st.StageLeft, st.RunLeft = st.StageLeft/st.TokensPerSec, float64(left)/st.TokensPerSec
	} else {
		st.StageLeft = 0
	}
	if st.Stage == "" {
		st.Stage = last.Stage // before the first
	}
	if i := plan.next(at.Stage); i < len(plan.Stages) && len(plan.Stages[i].Aligned) > 0 {
		st.layerwise(plan.Stages[i])
	}
}

// layerwise is what is known of a stage in progress that trains its layers one by one: the
// steps are told when all are done, a layer in training is not, and its file is what the
// run goes on from.
func (st *Status) layerwise(s Stage) {
	if st.Stage != s.label() { // no layer is done yet
		st.Stage, st.Step, st.Steps, st.Layers = s.label(), 0, s.Steps, 0
		st.Loss, st.TokensPerSec, st.StageLeft, st.RunLeft = 0, 0, 0, 0
	}
	st.LayersOf = len(s.Aligned)
	dir := filepath.Join(layersName, s.label())
	files, err := os.ReadDir(filepath.Join(st.Run, dir))
	if err != nil {
		return // there are none yet
	}
	for _, f := range files {
		info, err := f.Info()
		if err != nil || filepath.Ext(f.Name()) != layerExt || st.Layer != nil && info.ModTime().Before(st.Layer.Time) {
			continue
		}
		st.Layer = &Event{Event: "layer", Stage: s.label(), Time: info.ModTime(), Path: filepath.ToSlash(filepath.Join(dir, f.Name()))}
	}
}

// readPlan reads the stages of the plan that a run was started with.
func readPlan(dir string) (*Plan, error) {
	path := filepath.Join(dir, provenanceName)
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var described struct {
		Plan struct{ Stages []Stage } `json:"plan"`
	}
	err = json.Unmarshal(data, &described)
	if err == nil && len(described.Plan.Stages) == 0 {
		err = errors.New("has no stages")
	}
	if err != nil {
		return nil, advice.On(fmt.Errorf("%s: %w", path, err), "a run that is not finished writes it anew as it goes on")
	}
	return &Plan{Dir: dir, Stages: described.Plan.Stages}, nil
}

// sizeOf adds up the files below a folder. Those that vanish meanwhile are not there.
func sizeOf(dir string) (int64, error) {
	var size int64
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			var info fs.FileInfo
			if info, err = d.Info(); err == nil {
				size += info.Size()
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	})
	return size, err
}
