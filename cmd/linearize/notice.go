package main

// simdNotice is what a binary without vector kernels says on stderr as it
// starts, on the one architecture that has them. It is empty otherwise.
func simdNotice(goarch string, simd bool) string {
	if simd || goarch != "amd64" {
		return ""
	}
	return "linearize: built without SIMD, so that --engine go is several times slower\n" +
		"linearize: hint: build with GOEXPERIMENT=simd in the environment, as `make build` does\n"
}
