// Package hidden keeps the hidden states of a teacher's layers on disk, for training
// that takes one layer at a time.
//
// A [Cache] has one row for each window of text, and room for the states before two
// layers, which take turns, and for what one layer's mixer made of them. Rows are
// written once, in order, through a [Writer], and read in any order.
//
// What was written whole is noted in a small manifest with its checksum. A cache that
// is opened again trusts that and nothing else: there is no need to flush gigabytes to
// the disk, for what a power cut takes is found missing and made again.
//
// # Limits
//
// One process at a time. Elements are float32, or bfloat16 rounded to nearest even.
package hidden

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"path/filepath"

	"github.com/seed-1411d8c0/linearize/internal/fsx"
	"github.com/seed-1411d8c0/linearize/internal/half"
)

// The dtypes of a cache.
const (
	F32  = "f32"
	BF16 = "bf16"
)

// Layout is the size of a cache.
type Layout struct {
	Rows   int    `json:"rows"`   // windows
	Tokens int    `json:"tokens"` // of a window
	Hidden int    `json:"hidden"` // elements of a token's state
	Mixed  int    `json:"mixed"`  // most elements that a mixer gives for a token
	DType  string `json:"dtype"`
}

// Bytes is what the files of a cache take on the disk.
func (l Layout) Bytes() int64 { return l.tokenBytes() * int64(l.Rows) * int64(l.Tokens) }

func (l Layout) tokenBytes() int64 { return int64(2*l.Hidden+l.Mixed) * int64(size(l.DType)) }

func size(dtype string) int {
	if dtype == BF16 {
		return 2
	}
	return 4
}

// Slot is one of the files of a cache.
type Slot int

// Before is the slot of the states before a layer. Two layers in a row have different ones.
func Before(layer int) Slot { return Slot(layer % 2) }

// Mixed is the slot of what a layer's mixer made.
const Mixed Slot = 2

const (
	slots        = 3
	manifestName = "cache.json"
)

func (s Slot) file() string { return [slots]string{"hidden0.bin", "hidden1.bin", "mixed.bin"}[s] }

// part is what a slot holds whole.
type part struct {
	Layer int    `json:"layer"`
	Width int    `json:"width"` // elements per token
	Bytes int64  `json:"bytes"`
	CRC   uint32 `json:"crc32c"`
}

type manifest struct {
	Key    string       `json:"key"` // of what the states depend on
	Layout Layout       `json:"layout"`
	Parts  [slots]*part `json:"parts"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Cache is an open cache.
type Cache struct {
	dir   string
	m     manifest
	files [slots]*os.File // open for reading
}

// Open opens the cache in dir, or begins one. Of an earlier one it keeps what is whole
// if key and layout are the same.
func Open(dir, key string, l Layout) (*Cache, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cache of hidden states: %w", err)
	}
	c := &Cache{dir: dir, m: manifest{Key: key, Layout: l}}
	var old manifest
	data, err := os.ReadFile(filepath.Join(dir, manifestName))
	if known := err == nil && json.Unmarshal(data, &old) == nil && old.Key == key && old.Layout == l; !known {
		return c, nil // there is nothing of use
	}
	for s, p := range old.Parts {
		if p != nil && whole(filepath.Join(dir, Slot(s).file()), *p) {
			c.m.Parts[s] = p
		}
	}
	return c, nil
}

// whole reports whether a file is the one that was written.
func whole(path string, p part) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }() // read only
	sum := crc32.New(castagnoli)
	n, err := io.Copy(sum, f)
	return err == nil && n == p.Bytes && sum.Sum32() == p.CRC
}

// Has reports whether a slot holds all rows of a layer.
func (c *Cache) Has(s Slot, layer int) bool {
	return c.m.Parts[s] != nil && c.m.Parts[s].Layer == layer
}

// Held is how many bytes the cache has on the disk now.
func Held(dir string) int64 {
	var sum int64
	for s := range Slot(slots) {
		if info, err := os.Stat(filepath.Join(dir, s.file())); err == nil {
			sum += info.Size()
		}
	}
	return sum
}

// Read returns rows of a slot that holds a layer, in the order asked for: len(rows) × tokens ×
// the width that they were written with, as float32.
func (c *Cache) Read(s Slot, rows []int) ([]float32, error) {
	p := c.m.Parts[s]
	if p == nil {
		return nil, fmt.Errorf("cache of hidden states: %s is not written", s.file())
	}
	if c.files[s] == nil {
		f, err := os.Open(filepath.Join(c.dir, s.file()))
		if err != nil {
			return nil, fmt.Errorf("cache of hidden states: %w", err)
		}
		c.files[s] = f
	}
	elements := c.m.Layout.Tokens * p.Width
	stride := elements * size(c.m.Layout.DType)
	buffer, out := make([]byte, stride), make([]float32, len(rows)*elements)
	for i, row := range rows {
		if _, err := c.files[s].ReadAt(buffer, int64(row)*int64(stride)); err != nil {
			return nil, fmt.Errorf("cache of hidden states: row %d of %s: %w", row, s.file(), err)
		}
		decode(out[i*elements:(i+1)*elements], buffer, c.m.Layout.DType)
	}
	return out, nil
}

func decode(out []float32, data []byte, dtype string) {
	if dtype == BF16 {
		half.WidenBF16(out, data)
		return
	}
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
}

func encode(data []float32, dtype string) []byte {
	out := make([]byte, len(data)*size(dtype))
	if dtype == BF16 {
		half.NarrowBF16(out, data)
		return out
	}
	for i, x := range data {
		binary.LittleEndian.PutUint32(out[4*i:], math.Float32bits(x))
	}
	return out
}

// save writes the manifest.
func (c *Cache) save() error {
	data, err := json.MarshalIndent(c.m, "", "  ")
	if err != nil {
		return fmt.Errorf("cache of hidden states: %w", err)
	}
	if err := fsx.WriteFile(filepath.Join(c.dir, manifestName), append(data, '\n'), 0o644); err != nil {
		return full(c.dir, err)
	}
	return nil
}

// Close closes the files; they stay on the disk.
func (c *Cache) Close() error {
	var errs []error
	for s := range c.files {
		errs = append(errs, c.closeSlot(Slot(s)))
	}
	return errors.Join(errs...)
}

func (c *Cache) closeSlot(s Slot) error {
	f := c.files[s]
	c.files[s] = nil
	if f == nil {
		return nil
	}
	return f.Close()
}
