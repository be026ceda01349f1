//go:build goexperiment.simd

package main

// builtWithSIMD says whether the pure-Go engine has its vector kernels.
const builtWithSIMD = true
