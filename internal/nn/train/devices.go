package train

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/gomlx/gomlx/core/tensors/dtensor"
	"github.com/gomlx/gomlx/ml/model"
)

// Devices are several devices of one backend that share the work of a step: each has all
// weights, and its part of a batch's rows. XLA's partitioner (Shardy) finds from that
// which sums cross devices; the step is the same graph, so that it gives the same losses
// and gradients up to the order of sums.
type Devices struct {
	mesh        *distributed.DeviceMesh
	rows, whole *distributed.ShardingSpec
}

// NewDevices takes the first n devices of a backend; nil for one.
func NewDevices(backend compute.Backend, n int) (*Devices, error) {
	if have := backend.NumDevices(); n < 1 || n > have {
		return nil, &DevicesError{n, have}
	}
	if n == 1 {
		return nil, nil
	}
	mesh, err := distributed.NewDeviceMesh([]int{n}, []string{"data"})
	if err != nil {
		return nil, fmt.Errorf("%d devices: %w", n, err)
	}
	rows, err := distributed.NewShardingSpec(mesh, distributed.AxisSpec{"data"})
	if err != nil {
		return nil, fmt.Errorf("%d devices: %w", n, err)
	}
	return &Devices{mesh, rows, distributed.NewReplicatedShardingSpec(mesh)}, nil
}

// DevicesError reports that an engine has not as many devices as are wanted.
type DevicesError struct{ Want, Have int }

func (e *DevicesError) Error() string {
	return fmt.Sprintf("devices: got %d, and the engine has %d", e.Want, e.Have)
}

// Hint says how to have more.
func (*DevicesError) Hint() string {
	return "engine go has one; engine xla:cuda has the machine's, and xla:cpu as many as XLA_FLAGS=--xla_force_host_platform_device_count=N says"
}

// Count is 1 for nil.
func (d *Devices) Count() int {
	if d == nil {
		return 1
	}
	return d.mesh.NumDevices()
}

// spread makes an executor one of all devices: its first inputs, common of them, are the
// same on each; those that follow, if there are batches of rows, are split by these. What
// it gives, and the variables, are the same on each.
func (d *Devices) spread(e *model.Exec, common int, batches bool) *model.Exec {
	if d == nil {
		return e
	}
	specs := slices.Repeat([]*distributed.ShardingSpec{d.whole}, common)
	if batches { // the last one holds for all that follow
		specs = append(specs, d.rows)
	}
	return e.AutoSharding(d.mesh).WithInputShardingSpecs(specs...).WithOutputShardingSpecs(d.whole)
}

// call runs an executor that is spread, and returns what the first device gives: the
// others give the same.
func (d *Devices) call(e *model.Exec, common int, args ...any) ([]*tensors.Tensor, error) {
	if d == nil {
		return e.Exec(args...)
	}
	for i, arg := range args {
		t, ok := arg.(*tensors.Tensor)
		if !ok {
			t = tensors.MustFromAnyValue(arg) // a number or a slice of them
		}
		spec := d.rows
		if i < common {
			spec = d.whole
		}
		parts, err := dtensor.ShardTensor(spec, t)
		if err != nil {
			return nil, fmt.Errorf("split a batch among %d devices: %w", d.Count(), err)
		}
		args[i] = parts
	}
	out, err := e.Exec(args...)
	if err != nil {
		return nil, err
	}
	return out[:len(out)/d.Count()], nil
}
