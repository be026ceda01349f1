package distill

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/seed-1411d8c0/linearize/internal/advice"
)

// damaged adds to an error about what stands in a run's files how the work can go on
// without them. Errors of the system say nothing about that.
func (p *Plan) damaged(err error) error {
	if err == nil || ofSystem(err) {
		return err
	}
	const over = "start over with --overwrite"
	point := p.newestPoint()
	if point == "" {
		return advice.On(err, over)
	}
	return advice.On(err, "the model in "+point+" is whole: train it on as student.folder of another run, with the stages that are left, or "+over)
}

// damagedLayer does so for the file of a layer.
func damagedLayer(err error) error {
	if err == nil || ofSystem(err) {
		return err
	}
	return advice.On(err, "remove the file: its layer is trained again, and no other")
}

func ofSystem(err error) bool {
	_, yes := errors.AsType[syscall.Errno](err)
	return yes
}

// newestPoint is the folder of the last point that the stages have saved; empty where
// there is none.
func (p *Plan) newestPoint() string {
	for _, s := range slices.Backward(p.Stages) {
		entries, _ := os.ReadDir(filepath.Join(p.Dir, s.Dir)) // none where it cannot be read
		for _, e := range slices.Backward(entries) {
			step := 0
			if _, err := fmt.Sscanf(e.Name(), "step-%d", &step); err == nil && s.dir(step) == filepath.Join(s.Dir, e.Name()) {
				return filepath.Join(p.Dir, s.dir(step))
			}
		}
	}
	return ""
}
