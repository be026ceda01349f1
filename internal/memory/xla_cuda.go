package memory

// What there is on CUDA of what xla:cpu keeps. Fitted to what XLA says itself of the
// temporary memory of steps of each mixer, 4 rows of 512 tokens, on an H100.
const (
	cudaKept   = 0.7  // of a step that is no alignment
	cudaLogits = 1.05 // of an evaluation, in arrays of logits
)

// cudaAligned is what an alignment of some layers has on CUDA: what the outputs of all keep
// is there at once, but attention weights layer by layer.
func (s Stage) cudaAligned(layers []int) []arrays {
	var all, most []arrays
	for _, i := range layers {
		outputs, weights := s.xlaPair(i)
		for _, a := range outputs {
			all = append(all, arrays{a.count * xlaMixers[keyOf(s.Student.Mixers[i])].atOnce, a.size})
		}
		if bytesOf(weights) > bytesOf(most) {
			most = weights
		}
	}
	if s.Loss.Outputs {
		most = []arrays{{xlaBoth, bytesOf(most)}}
	}
	return append(all, most...)
}
