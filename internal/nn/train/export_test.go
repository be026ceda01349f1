package train

// Builds is how often the block's graph was built.
func (b *Block) Builds() int { return b.builds }
