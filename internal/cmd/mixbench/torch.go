package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"

	"github.com/seed-1411d8c0/linearize/internal/nn/mixbench"
)

// kernelsPy does in PyTorch what mixbench.Kernel does here.
//
//go:embed kernels.py
var kernelsPy string

// compare measures the kernels by turns on every engine and in PyTorch, forward
// and backward at 4096 tokens.
func compare(w io.Writer, python string, engines []string, rounds int) error {
	const tokens = 4096
	model := mixbench.Layer
	fmt.Fprintf(w, "\nforward and backward of a recurrence, ms, %d heads of %d, batch 1, %d tokens in blocks of %d, by turns, best of %d\n\n",
		model.Heads, model.HeadDim, tokens, mixbench.Chunk, rounds)
	fmt.Fprintf(w, "| kernel | PyTorch |")
	for _, e := range engines {
		fmt.Fprintf(w, " %s | %s / PyTorch |", e, e)
	}
	fmt.Fprintf(w, "\n|---|---|")
	for range engines {
		fmt.Fprintf(w, "---|---|")
	}
	fmt.Fprintln(w)
	for _, kernel := range mixbench.Kernels {
		best := make([]float64, len(engines)+1)
		for range rounds {
			for i := range best {
				s := sample{Kernel: kernel, Tokens: tokens, Backward: true}
				var err error
				if i == 0 {
					s, err = torch(python, s)
				} else {
					s.Engine = engines[i-1]
					s, err = child(s)
				}
				if err != nil {
					return err
				}
				if seconds, _ := median(s.Seconds); best[i] == 0 || seconds < best[i] {
					best[i] = seconds
				}
			}
		}
		fmt.Fprintf(w, "| %s | %.0f |", kernel, best[0]*1e3)
		for _, b := range best[1:] {
			fmt.Fprintf(w, " %.0f | %.2f |", b*1e3, b/best[0])
		}
		fmt.Fprintln(w)
	}
	return nil
}

func torch(python string, s sample) (sample, error) {
	cmd := exec.Command(python, "-c", kernelsPy, s.Kernel, strconv.Itoa(s.Tokens),
		strconv.Itoa(mixbench.Layer.Heads), strconv.Itoa(mixbench.Layer.HeadDim), strconv.Itoa(mixbench.Chunk))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return s, fmt.Errorf("measure %s in PyTorch: %w", s.Kernel, err)
	}
	return s, json.Unmarshal(out, &s)
}
