package arch

// Relatives lists the architectures of which something is known though no row covers
// them.
func Relatives() []string { return sorted(relatives) }
