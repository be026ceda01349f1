// Command mixbench measures what the mixers cost as sequences grow, and the
// recurrences beside PyTorch doing the same.
//
//	go run ./internal/cmd/mixbench                               # every mixer, on go
//	go run ./internal/cmd/mixbench -engine xla:cpu -mixers mamba2,delta
//	go run ./internal/cmd/mixbench -torch .cache/torch/bin/python # kernels against PyTorch
//
// Each number comes from a process of its own, so that its peak of resident
// memory is its own. The first call, which compiles, is left out; a number is the
// median of the calls in about a second, with the spread between the quartiles.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/engine"
	"github.com/seed-1411d8c0/linearize/internal/nn/mixbench"
	"github.com/seed-1411d8c0/linearize/internal/ui"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintf(os.Stderr, "mixbench: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string, stdout io.Writer) error {
	flags := flag.NewFlagSet("mixbench", flag.ContinueOnError)
	engines := flags.String("engine", engine.Default, "engines, separated by commas")
	mixers := flags.String("mixers", "", "mixers, separated by semicolons since options have commas; all when empty")
	lengths := flags.String("lengths", "1024,2048,4096,8192,16384", "tokens")
	torch := flags.String("torch", "", "a python that has torch: measure the kernels against it instead")
	rounds := flags.Int("rounds", 3, "turns of each engine and PyTorch")
	one := flags.String("one", "", "measure this one case, given as JSON, and print it as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *one != "" {
		return measure(*one, stdout)
	}
	if *torch != "" {
		return compare(stdout, *torch, strings.Split(*engines, ","), *rounds)
	}
	var tokens []int
	for s := range strings.SplitSeq(*lengths, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return fmt.Errorf("lengths %q: %q is not a number of tokens", *lengths, s)
		}
		tokens = append(tokens, n)
	}
	specs := arch.Mixers()
	if *mixers != "" {
		specs = strings.Split(*mixers, ";")
	}
	for e := range strings.SplitSeq(*engines, ",") {
		if err := grow(stdout, e, specs, tokens); err != nil {
			return err
		}
	}
	return nil
}

// sample is one case and what was measured.
type sample struct {
	Engine   string `json:"engine"`
	Mixer    string `json:"mixer,omitempty"`
	Kernel   string `json:"kernel,omitempty"`
	Tokens   int    `json:"tokens"`
	Backward bool   `json:"backward"`

	Seconds []float64 `json:"seconds"`
	Peak    int64     `json:"peak_rss_bytes"`
}

// median and the distance between the quartiles, in seconds.
func (s sample) median() (middle, spread float64) {
	v := slices.Sorted(slices.Values(s.Seconds))
	return v[len(v)/2], v[len(v)*3/4] - v[len(v)/4]
}

// measure is what a child process does.
func measure(spec string, stdout io.Writer) error {
	var s sample
	if err := json.Unmarshal([]byte(spec), &s); err != nil {
		return err
	}
	e, err := engine.Open(s.Engine)
	if err != nil {
		return err
	}
	const least = time.Second
	if s.Kernel != "" {
		s.Seconds, err = mixbench.Kernel(e, s.Kernel, s.Tokens, least)
	} else {
		var x arch.Mixer
		if x, err = arch.ParseMixer(s.Mixer); err == nil {
			s.Seconds, err = mixbench.Mixer(e, x, s.Tokens, s.Backward, least)
		}
	}
	if err != nil {
		return err
	}
	if s.Peak, err = peak(); err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(s)
}

// peak is the largest resident memory that this process has had.
func peak() (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("peak memory: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kb, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kb << 10, err
		}
	}
	return 0, errors.New("peak memory: /proc/self/status has no VmHWM")
}

// child measures a case in a process of its own.
func child(s sample) (sample, error) {
	spec, err := json.Marshal(s)
	if err != nil {
		return s, err
	}
	self, err := os.Executable()
	if err != nil {
		return s, err
	}
	cmd := exec.Command(self, "-one", string(spec))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return s, fmt.Errorf("measure %s: %w", spec, err)
	}
	return s, json.Unmarshal(out, &s)
}

// grow prints a row for each mixer: time per token at every length.
func grow(w io.Writer, engine string, specs []string, tokens []int) error {
	model := mixbench.Layer
	for _, backward := range []bool{false, true} {
		what := "forward"
		if backward {
			what = "forward and backward"
		}
		fmt.Fprintf(w, "\n%s on %s, µs per token (peak resident memory), one layer: %d heads (%d for keys) of %d, hidden %d, batch 1\n\n",
			what, engine, model.Heads, model.KVHeads, model.HeadDim, model.Hidden)
		fmt.Fprintf(w, "| mixer | state |")
		for _, t := range tokens {
			fmt.Fprintf(w, " T=%d |", t)
		}
		fmt.Fprintf(w, " last/first |\n|---|---|%s---|\n", strings.Repeat("---|", len(tokens)))
		for _, spec := range specs {
			x, err := arch.ParseMixer(spec)
			if err != nil {
				return err
			}
			fmt.Fprintf(w, "| %s | %s |", spec, ui.FormatBytes(x.StateBytes(&model, tokens[len(tokens)-1])))
			var costs []float64
			for _, t := range tokens {
				s, err := child(sample{Engine: engine, Mixer: spec, Tokens: t, Backward: backward})
				if err != nil {
					fmt.Fprintf(w, " failed |")
					continue
				}
				seconds, spread := s.median()
				costs = append(costs, seconds/float64(t)*1e6)
				fmt.Fprintf(w, " %.1f ± %.1f (%s) |", costs[len(costs)-1], spread/2/float64(t)*1e6, ui.FormatBytes(s.Peak))
			}
			if len(costs) == len(tokens) {
				fmt.Fprintf(w, " %.2f |\n", costs[len(costs)-1]/costs[0])
			} else {
				fmt.Fprintf(w, " |\n")
			}
		}
	}
	return nil
}
