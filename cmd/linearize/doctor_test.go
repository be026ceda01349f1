package main

import "testing"

func TestDescribeEngine(t *testing.T) {
	for _, x := range []struct{ description, plugin, want string }{
		{"Go Portable Compute Backend (parallelism=4)", "", "Go Portable Compute Backend (parallelism=4)"},
		{"xla:/a/b.so - PJRT plugin (/a/b.so) v0.90 [StableHLO] [1 device(s)]", "/a/b.so", "PJRT plugin v0.90 [StableHLO]"},
		{"something else", "/a/b.so", "something else"},
	} {
		if got := describeEngine(x.description, x.plugin); got != x.want {
			t.Errorf("%q: got %q, want %q", x.description, got, x.want)
		}
	}
}
