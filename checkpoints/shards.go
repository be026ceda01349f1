package checkpoints

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// DefaultShardSize is the most bytes of tensors in a shard unless told otherwise.
const DefaultShardSize int64 = 5e9

// Shard is one weight file of a plan.
type Shard struct {
	File    string // base name
	Tensors []Source
}

// Bytes returns the size of the shard's data.
func (s Shard) Bytes() int64 {
	var n int64
	for _, t := range s.Tensors {
		n += t.Bytes()
	}
	return n
}

// PlanShards says which tensor goes to which file when [Write] writes them: in the
// order of their names, numbers in them counted as numbers, each file filled up to
// maxSize bytes. A tensor larger than that has a file of its own. Zero means
// [DefaultShardSize]. One file is model.safetensors, several have numbers.
func PlanShards(tensors []Source, maxSize int64) []Shard {
	maxSize = cmp.Or(maxSize, DefaultShardSize)
	tensors = slices.SortedFunc(slices.Values(tensors), func(a, b Source) int { return compareNames(a.Name, b.Name) })
	var shards []Shard
	var size int64
	for _, t := range tensors {
		if n := t.Bytes(); len(shards) == 0 || size+n > maxSize && size > 0 {
			shards = append(shards, Shard{})
			size = 0
		}
		size += t.Bytes()
		last := &shards[len(shards)-1]
		last.Tensors = append(last.Tensors, t)
	}
	for i := range shards {
		shards[i].File = singleName
		if len(shards) > 1 {
			shards[i].File = fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(shards))
		}
	}
	return shards
}

// compareNames orders names so that layers.2 comes before layers.10.
func compareNames(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		dx, dy := digits(x), digits(y)
		if dx > 0 && dy > 0 {
			nx, ny := strings.TrimLeft(x[:dx], "0"), strings.TrimLeft(y[:dy], "0")
			if c := cmp.Or(cmp.Compare(len(nx), len(ny)), cmp.Compare(nx, ny)); c != 0 {
				return c
			}
			x, y = x[dx:], y[dy:]
			continue
		}
		if x[0] != y[0] {
			return cmp.Compare(x[0], y[0])
		}
		x, y = x[1:], y[1:]
	}
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(a, b))
}

func digits(s string) int {
	n := 0
	for n < len(s) && '0' <= s[n] && s[n] <= '9' {
		n++
	}
	return n
}

// indexOf returns the text of model.safetensors.index.json.
func indexOf(shards []Shard) ([]byte, error) {
	var index struct {
		Metadata struct {
			TotalSize int64 `json:"total_size"`
		} `json:"metadata"`
		WeightMap weightMap `json:"weight_map"`
	}
	index.WeightMap = weightMap{}
	for _, s := range shards {
		index.Metadata.TotalSize += s.Bytes()
		for _, t := range s.Tensors {
			index.WeightMap[t.Name] = s.File
		}
	}
	data, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return nil, err
	}
	return append(data, '\n'), nil
}
