package seeding_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/seeding"
)

// specs returns every mixer with every value of each option by itself, and with
// random values of all of them. Combinations that are refused are left out.
func specs(t *testing.T) []string {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 1))
	var all []string
	add := func(spec string) bool {
		x, err := arch.ParseMixer(spec)
		if err != nil || x.Check(model(t)) != nil {
			return false
		}
		all = append(all, spec)
		return true
	}
	for _, name := range arch.Mixers() {
		_, _, options := arch.About(name)
		add(name)
		for _, o := range options {
			for _, v := range values(o) {
				spec := name + "," + o.Name + "=" + v
				if o.With != "" && !add(spec) {
					spec = switchedOn(spec, o.With, options)
				}
				add(spec)
			}
		}
		for found, tries := 0, 0; found < 60 && tries < 600; tries++ {
			parts := []string{name}
			for _, o := range options {
				if v := values(o); rng.IntN(2) == 0 {
					parts = append(parts, o.Name+"="+v[rng.IntN(len(v))])
				}
			}
			if add(strings.Join(parts, ",")) {
				found++
			}
		}
	}
	return all
}

// values are a few settings of an option.
func values(o arch.Option) []string {
	switch o.Default.(type) {
	case bool:
		return []string{"true", "false"}
	case int:
		return []string{"0", "1", "4", "9"}
	case float64:
		return []string{"0", "0.5", "30"}
	}
	return o.Choices
}

// switchedOn adds what an option needs to do anything.
func switchedOn(spec, needs string, options []arch.Option) string {
	for _, o := range options {
		if v := values(o); o.Name == needs {
			return spec + "," + needs + "=" + v[len(v)-1]
		}
	}
	return spec
}

// TestSeedIsComplete checks that every method gives a layer exactly the tensors
// that arch says it has, in all shapes that the options can make.
func TestSeedIsComplete(t *testing.T) {
	for _, spec := range specs(t) {
		l := layer(t, spec)
		for _, method := range seeding.Methods(l.Mixer.Name) {
			want := map[string][]int{}
			for _, w := range l.Mixer.Weights(l.Model) {
				want[w.Name] = w.Shape
			}
			if method == "scratch" {
				for _, p := range l.Model.Projections() {
					if !l.Mixer.Inherits(p.Name) {
						continue
					}
					want[p.Name+".weight"] = []int{p.Out, p.In}
					want[p.Name+".bias"] = []int{p.Out}
				}
			}
			tensors, err := seeding.Seed(method, l)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string][]int{}
			for _, x := range tensors {
				got[x.Name] = x.Shape
				values, err := x.Data()
				if err != nil {
					t.Fatalf("%s: %v", spec, err)
				}
				n := 1
				for _, d := range x.Shape {
					n *= d
				}
				if len(values) != n {
					t.Errorf("%s: %s by %s: got %d values, want %d", spec, x.Name, method, len(values), n)
				}
				if slices.ContainsFunc(values, func(v float32) bool { return v != v || math.IsInf(float64(v), 0) }) {
					t.Errorf("%s: %s by %s: a value is not finite", spec, x.Name, method)
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s by %s (-want +got):\n%s", spec, method, diff)
			}
		}
	}
}
