package data

import "hash/crc32"

// Checksum tells corpora apart: it is the CRC-32C of the tokens, where documents begin
// and what counts.
func (c *Corpus) Checksum() uint32 { return crc32.Checksum(c.row, castagnoli) }
