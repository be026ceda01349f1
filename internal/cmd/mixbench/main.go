// Command mixbench measures what the mixers cost as sequences grow, and the
// recurrences beside PyTorch doing the same.
//
//	go run ./internal/cmd/mixbench                               # every mixer, on go
//	go run ./internal/cmd/mixbench -engine xla:cpu -mixers mamba2,delta
//	go run ./internal/cmd/mixbench -whole                        # forward as one graph
//	go run ./internal/cmd/mixbench -torch .cache/torch/bin/python # kernels against PyTorch
//
// In the forward pass long sequences are read as the product reads them, in segments with
// carried states; forward and backward together are one graph. Each number comes from a
// process of its own, so that its peak of resident memory is its own. The first call, which
// compiles, is left out; a number is the median of the calls in about a second, with the
// spread between the quartiles; beside it is the processor time.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gomlx/compute"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/bytesize"
	"github.com/seed-1411d8c0/linearize/internal/engine"
	"github.com/seed-1411d8c0/linearize/internal/nn/infer"
	"github.com/seed-1411d8c0/linearize/internal/nn/mixbench"
	"github.com/seed-1411d8c0/linearize/internal/rusage"
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
	whole := flags.Bool("whole", false, "read long sequences as one graph in the forward pass, too")
	segment := flags.Int("segment", infer.Segment, "tokens that are read at a time")
	torch := flags.String("torch", "", "a python that has torch: measure the kernels against it instead")
	rounds := flags.Int("rounds", 3, "turns of each engine and PyTorch")
	one := flags.String("one", "", "measure this one case, given as JSON, and print it as JSON")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *one != "" {
		return measure(*one, stdout)
	}
	if *rounds < 1 {
		return fmt.Errorf("rounds is %d, want 1 or more", *rounds)
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
	if *whole {
		*segment = slices.Max(tokens)
	}
	specs := arch.Mixers()
	if *mixers != "" {
		specs = strings.Split(*mixers, ";")
	}
	for e := range strings.SplitSeq(*engines, ",") {
		if err := grow(stdout, sample{Engine: e, Segment: *segment}, specs, tokens); err != nil {
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
	Segment  int    `json:"segment,omitempty"` // tokens that the forward pass reads at a time

	mixbench.Times
	Peak int64 `json:"peak_rss_bytes"`
}

// median and the distance between the quartiles.
func median(times []float64) (middle, spread float64) {
	v := slices.Sorted(slices.Values(times))
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
		s.Times, err = mixbench.Kernel(e, s.Kernel, s.Tokens, least)
	} else {
		s.Times, err = measureMixer(e, s, least)
	}
	if err != nil {
		return err
	}
	if s.Peak, err = rusage.Peak(os.Getpid()); err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(s)
}

func measureMixer(e compute.Backend, s sample, least time.Duration) (mixbench.Times, error) {
	x, err := arch.ParseMixer(s.Mixer)
	if err != nil {
		return mixbench.Times{}, err
	}
	if s.Backward || s.Tokens <= s.Segment {
		return mixbench.Mixer(e, x, s.Tokens, s.Backward, least)
	}
	return mixbench.MixerInSegments(e, x, s.Tokens, s.Segment, least)
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
func grow(w io.Writer, of sample, specs []string, tokens []int) error {
	model := mixbench.Layer
	for _, of.Backward = range []bool{false, true} {
		what := "forward and backward"
		if !of.Backward {
			what = fmt.Sprintf("forward, %d tokens at a time", of.Segment)
		}
		fmt.Fprintf(w, "\n%s on %s, µs per token, processor time (peak resident memory), one layer: %d heads (%d for keys) of %d, hidden %d, batch 1\n\n",
			what, of.Engine, model.Heads, model.KVHeads, model.HeadDim, model.Hidden)
		fmt.Fprintf(w, "| mixer | state |")
		for _, t := range tokens {
			fmt.Fprintf(w, " T=%d |", t)
		}
		fmt.Fprintf(w, " last/first | processor |\n|---|---|%s---|---|\n", strings.Repeat("---|", len(tokens)))
		for _, of.Mixer = range specs {
			if err := row(w, of, tokens); err != nil {
				return err
			}
		}
	}
	return nil
}

// row prints what one mixer costs.
func row(w io.Writer, of sample, tokens []int) error {
	x, err := arch.ParseMixer(of.Mixer)
	if err != nil {
		return err
	}
	model := mixbench.Layer
	fmt.Fprintf(w, "| %s | %s |", of.Mixer, bytesize.Format(x.StateBytes(&model, tokens[len(tokens)-1])))
	var clock, processor []float64
	for _, of.Tokens = range tokens {
		s, err := child(of)
		if err != nil {
			fmt.Fprintf(w, " failed |")
			continue
		}
		unit := 1e6 / float64(s.Tokens)
		seconds, spread := median(s.Seconds)
		used, _ := median(s.Processor)
		clock, processor = append(clock, seconds*unit), append(processor, used*unit)
		fmt.Fprintf(w, " %.1f ± %.1f, %.1f (%s) |", seconds*unit, spread/2*unit, used*unit, bytesize.Format(s.Peak))
	}
	if last := len(tokens) - 1; len(clock) == len(tokens) {
		fmt.Fprintf(w, " %.2f | %.2f |", clock[last]/clock[0], processor[last]/processor[0])
	}
	fmt.Fprintln(w)
	return nil
}
