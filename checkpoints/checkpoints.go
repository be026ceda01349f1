// Package checkpoints reads and writes Hugging Face model folders: config.json,
// safetensors in one file or in shards with an index, and the tokenizer and other
// files that travel with them.
//
// [Open] takes the inventory of a folder from the headers alone, so a model of any
// size opens at once; [Folder.Tensor] then gives a view of one tensor's bytes in
// the mapped file, and [Tensor.Float32] a widened copy. [Write] makes a folder from
// a config and a list of [Source], asking each for its bytes shortly before they are
// written, and puts it in place whole or not at all; a tensor of a file goes from file
// to file. [CheckOutput] asks beforehand
// what Write would refuse. [OpenFile] and [WriteFile] do the same for one file.
// [Config] keeps every key of config.json, in order and verbatim.
//
// # Limits
//
// Weights must be safetensors of the dtypes listed at [DType]; FP8 and the other
// packed types are refused by name, pickled weights (pytorch_model.bin) are never
// read. A file that another process cuts short while it is mapped is an error where this
// package reads it; who reads [Tensor].Data of it ends the program.
//
// # Compatibility
//
// The format is that of huggingface/safetensors and what its reference reader
// refuses is refused here, plus duplicate names, which it accepts. Shard names, the
// index and the {"format": "pt"} of each header are as transformers writes them.
package checkpoints

import "slices"

// DType is an element type as safetensors spells it: F64, F32, F16, BF16, I64, I32,
// I16, I8, U64, U32, U16, U8 or BOOL.
type DType string

// The element types, by falling size.
const (
	F64  DType = "F64"
	I64  DType = "I64"
	U64  DType = "U64"
	F32  DType = "F32"
	I32  DType = "I32"
	U32  DType = "U32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I16  DType = "I16"
	U16  DType = "U16"
	I8   DType = "I8"
	U8   DType = "U8"
	BOOL DType = "BOOL"
)

var dtypeSizes = map[DType]int{
	F64: 8, I64: 8, U64: 8, F32: 4, I32: 4, U32: 4, F16: 2, BF16: 2, I16: 2, U16: 2, I8: 1, U8: 1, BOOL: 1,
}

// Size returns the bytes per element, 0 for a type that is not supported.
func (d DType) Size() int { return dtypeSizes[d] }

// Info says what a tensor is, without its data.
type Info struct {
	Name  string
	DType DType
	Shape []int  // empty for a scalar
	File  string // base name of the shard
}

// Elements returns the product of the shape, 1 for a scalar.
func (i Info) Elements() int {
	n := 1
	for _, d := range i.Shape {
		n *= d
	}
	return n
}

// Bytes returns the size of the data.
func (i Info) Bytes() int64 { return int64(i.Elements()) * int64(i.DType.Size()) }

func (i Info) clone() Info {
	i.Shape = slices.Clone(i.Shape)
	return i
}
