package checkpoints

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"slices"

	"github.com/nlpodyssey/safetensors"

	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

// inFileOrder sorts tensors as the format's own writer does, by falling dtype, so that
// each starts where a number of its size may, and by name. But what is not of whole pages
// comes before the others of its dtype: a small tensor more or less, as a new mixer
// brings them, would have all behind it lie otherwise in their pages than in the file
// they are copied from.
func inFileOrder(tensors []Source) []Source {
	pages := func(t Source) int {
		if t.Bytes()%fsx.Align != 0 {
			return 0
		}
		return 1
	}
	rank := func(t Source) safetensors.DType { // larger ones are of larger size
		dtype, _ := safetensors.ParseDType(string(t.DType)) // an unknown one is refused with the header
		return dtype
	}
	return slices.SortedFunc(slices.Values(tensors), func(a, b Source) int {
		return cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(pages(a), pages(b)), cmp.Compare(a.Name, b.Name))
	})
}

// headerOf returns the head of a file with these tensors: its length in 8 bytes and as
// much JSON, with spaces at its end.
func headerOf(order []Source, metadata map[string]string) ([]byte, error) {
	text := map[string]any{}
	if len(metadata) > 0 {
		text["__metadata__"] = metadata
	}
	var at uint64
	for _, t := range order {
		dtype, err := safetensors.ParseDType(string(t.DType))
		if err != nil {
			return nil, err
		}
		info := safetensors.TensorInfo{DType: dtype, Shape: make([]uint64, len(t.Shape)), DataOffsets: [2]uint64{at, at + uint64(t.Bytes())}}
		for i, d := range t.Shape {
			info.Shape[i] = uint64(d)
		}
		text[t.Name], at = info, info.DataOffsets[1]
	}
	data, err := json.Marshal(text)
	if err != nil {
		return nil, err
	}
	header := append(make([]byte, 8, 8+len(data)+fsx.Align), data...)
	header = append(header, bytes.Repeat([]byte(" "), padding(len(header), order))...)
	binary.LittleEndian.PutUint64(header, uint64(len(header)-8))
	return header, nil
}

// padding is what to add to a header of n bytes: up to a multiple of 8; and so that of
// large copies as many bytes as possible come to lie in pages of this file as in theirs,
// where [fsx.Writer.CopyFrom] is fastest. Without large copies a file does not depend on
// where its tensors were.
func padding(n int, order []Source) int {
	const large = 1 << 20 // bytes of a tensor from which this is worth it
	votes := map[int]int64{}
	best := -n & 7
	var at int64
	for _, t := range order {
		if t.copied() && t.Bytes() >= large {
			begin := int64(t.view.file.entries[t.view.Name].begin)
			pad := int((begin - at - int64(n)) & (fsx.Align - 1))
			if votes[pad] += t.Bytes(); (n+pad)%8 == 0 && votes[pad] > votes[best] {
				best = pad
			}
		}
		at += t.Bytes()
	}
	return best
}
