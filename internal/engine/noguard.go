//go:build !(goexperiment.simd && amd64 && linux)

package engine

func guardHeap() {}
