package train_test

import (
	"errors"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"github.com/seed-1411d8c0/linearize/internal/engine/enginetest"
	"github.com/seed-1411d8c0/linearize/internal/nn"
	"github.com/seed-1411d8c0/linearize/internal/nn/nntest"
	"github.com/seed-1411d8c0/linearize/internal/nn/train"
)

const (
	hostDevices     = 4
	hostDevicesFlag = "--xla_force_host_platform_device_count=4"
)

// withDevices runs the test again in a process whose engine has several devices, which
// is decided when the plugin is loaded. It reports whether this is that process.
func withDevices(t *testing.T) bool {
	t.Helper()
	if os.Getenv("LINEARIZE_TEST_DEVICES") != "" {
		return true
	}
	if !strings.HasPrefix(enginetest.Name(), "xla") {
		t.Skip("only engine xla has several devices")
	}
	if strings.Contains(enginetest.Name(), "cuda") {
		t.Skip("the devices of the host are those of xla:cpu")
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.short="+strconv.FormatBool(testing.Short()))
	cmd.Env = append(os.Environ(), "LINEARIZE_TEST_DEVICES=1", "XLA_FLAGS="+strings.TrimSpace(os.Getenv("XLA_FLAGS")+" "+hostDevicesFlag))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("with %s: %v\n%s", hostDevicesFlag, err, out)
	}
	t.Logf("%s", out)
	return false
}

// Four devices give what one gives, up to the order of sums: losses to 1e-5.
func TestDevices(t *testing.T) {
	if !withDevices(t) {
		return
	}
	backend := enginetest.Open(t)
	if got := backend.NumDevices(); got != hostDevices {
		t.Fatalf("the engine has %d devices, want %d", got, hostDevices)
	}
	four, err := train.NewDevices(backend, hostDevices)
	if err != nil {
		t.Fatal(err)
	}
	const steps = 3
	for _, tt := range []struct {
		name      string
		mixers    [2]string
		objective train.Objective
		micro     int
		masked    bool
	}{
		{"align", [2]string{"hedgehog,window=8", "softmax"}, train.Objective{MSE: 10}, 1, false},
		{"align post_o", [2]string{"gated-delta", "mamba2"}, train.Objective{MSE: 10, Target: nn.PostO}, 1, false},
		{"distill, masked, two micro-batches", [2]string{"gla", "softmax"}, train.Objective{KL: 1, CE: 0.5, Temperature: 2}, 2, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if testing.Short() && tt.objective.Target == nn.PostO {
				t.Skip("each case compiles two graphs")
			}
			run := func(devices *train.Devices) (all []train.Metrics) {
				r := newPairOn(t, backend, tt.mixers, tt.objective, devices)
				for step := 1; step <= steps; step++ {
					var batches []train.Batch
					for i := range tt.micro {
						b := r.batch(2*hostDevices, 20, uint64(10*step+i))
						if tt.masked {
							b.Counted = slices.Repeat([]bool{true, true, false}, len(b.IDs)/3+1)[:len(b.IDs)]
						}
						batches = append(batches, b)
					}
					m, err := r.trainer.Step(step, []float64{1e-3}, batches...)
					if err != nil {
						t.Fatal(err)
					}
					all = append(all, m)
				}
				// What one device does with the weights afterwards, as an evaluation would.
				if where, err := r.params.NotFinite(r.model); err != nil || where != "" {
					t.Errorf("weights after training: %q, %v", where, err)
				}
				if err := r.trainer.Close(); err != nil {
					t.Error(err)
				}
				return all
			}
			want, got := run(nil), run(four)
			for i := range want {
				t.Logf("step %d: loss %.9g on 1 device, %.9g on %d; gradient norm %.9g, %.9g", i+1, want[i].Loss, got[i].Loss, hostDevices, want[i].GradNorm, got[i].GradNorm)
				if d := math.Abs(got[i].Loss - want[i].Loss); !(d <= 1e-5) || want[i].Loss == 0 {
					t.Errorf("step %d: loss %g on %d devices, want %g", i+1, got[i].Loss, hostDevices, want[i].Loss)
				}
				if d := math.Abs(got[i].GradNorm - want[i].GradNorm); !(d <= 1e-4*want[i].GradNorm) {
					t.Errorf("step %d: gradient norm %g on %d devices, want %g", i+1, got[i].GradNorm, hostDevices, want[i].GradNorm)
				}
			}
		})
	}
	t.Run("rows", func(t *testing.T) {
		r := newPairOn(t, backend, [2]string{"gla", "softmax"}, train.Objective{CE: 1}, four)
		_, err := r.trainer.Step(1, []float64{1e-3}, r.batch(6, 8, 1))
		if err == nil || !strings.Contains(err.Error(), "among 4 devices") {
			t.Errorf("6 rows on 4 devices: %v", err)
		}
	})
}

// newPairOn is [newPair] on any engine and devices, with all tensors of the layers in training.
func newPairOn(t *testing.T, backend compute.Backend, mixers [2]string, objective train.Objective, devices *train.Devices) rig {
	t.Helper()
	net, store := nntest.Random(t, map[string]any{
		"vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "head_dim": 8, "tie_word_embeddings": false,
	}, mixers[0], mixers[1])
	params := net.Weights.(*nn.Params)
	teacher := nn.Net{Model: nntest.WithMixers(t, net.Model, "softmax", "softmax"), Weights: params}
	setup := train.Setup{
		Backend: backend, Store: store, Teacher: &teacher, Student: net, Params: params, Objective: objective,
		Optimizer: train.AdamW{Beta1: 0.9, Beta2: 0.95, Eps: 1e-8, WeightDecay: 0.1, ClipNorm: 1}, Devices: devices,
	}
	for _, w := range net.Model.Weights() {
		if strings.Contains(w.Name, "layers.") {
			setup.Tensors = append(setup.Tensors, train.Tensor{Name: w.Name, Decay: len(w.Shape) > 1})
		}
	}
	trainer, err := train.New(setup)
	if err != nil {
		t.Fatal(err)
	}
	return rig{net.Model, params, trainer}
}

// An engine with too few devices says so before anything is built.
func TestTooManyDevices(t *testing.T) {
	backend := enginetest.Open(t)
	for _, n := range []int{0, backend.NumDevices() + 1} {
		_, err := train.NewDevices(backend, n)
		if e, ok := errors.AsType[*train.DevicesError](err); !ok || e.Hint() == "" {
			t.Errorf("NewDevices(%d) = %v, want a *DevicesError with a hint", n, err)
		}
	}
	if d, err := train.NewDevices(backend, 1); d.Count() != 1 || err != nil {
		t.Errorf("NewDevices(1) = %v, %v", d.Count(), err)
	}
}
