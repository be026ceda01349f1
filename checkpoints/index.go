package checkpoints

import (
	"bytes"
	"encoding/json"
	"encoding/json/jsontext"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// weightMap is what an index says: tensor → shard.
type weightMap map[string]string

// parseIndex reads model.safetensors.index.json. Only weight_map counts: metadata
// may be missing and is wrong in the wild.
func parseIndex(data []byte) (weightMap, error) {
	if !jsontext.Value(data).IsValid() { // strict, so a tensor listed twice is caught
		dec := jsontext.NewDecoder(bytes.NewReader(data))
		err := dec.SkipValue()
		if err == nil {
			err = errors.New("more than one JSON value")
		}
		return nil, fmt.Errorf("parse index: %w", err)
	}
	var index struct {
		WeightMap weightMap `json:"weight_map"`
	}
	if err := json.Unmarshal(data, &index); err != nil {
		return nil, fmt.Errorf("parse index: %w", err)
	}
	if len(index.WeightMap) == 0 {
		return nil, errors.New("weight_map is missing or empty")
	}
	var bad problems
	for _, tensor := range sortedNames(index.WeightMap) {
		if err := checkShardName(index.WeightMap[tensor]); err != nil {
			bad.add(fmt.Errorf("tensor %s: %w", tensor, err))
		}
	}
	if err := bad.err(); err != nil {
		return nil, err
	}
	return index.WeightMap, nil
}

// checkShardName keeps an index from reaching out of its folder.
func checkShardName(shard string) error {
	switch {
	case strings.ContainsAny(shard, `/\`) || strings.ContainsRune(shard, 0) || shard == "." || shard == "..":
		return fmt.Errorf("shard %q is a path, want a file name", shard)
	case !strings.HasSuffix(shard, ".safetensors"):
		return fmt.Errorf("shard %q, want a .safetensors file", shard)
	}
	return nil
}

// shards returns the files that the index names, sorted.
func (m weightMap) shards() []string {
	set := map[string]bool{}
	for _, shard := range m {
		set[shard] = true
	}
	return sortedNames(set)
}

// checkIndex holds the index against what the shards hold: each listed tensor lies
// in its shard and nowhere else, and no shard holds a tensor that is not listed.
func checkIndex(index weightMap, shards map[string]*File) error {
	holders := map[string][]string{}
	for _, shard := range sortedNames(shards) {
		for name := range shards[shard].entries {
			holders[name] = append(holders[name], shard)
		}
	}
	var bad problems
	for _, name := range sortedNames(index) {
		want, got := index[name], holders[name]
		switch {
		case len(got) == 0:
			bad.add(fmt.Errorf("tensor %s: not in any shard, want it in %s", name, want))
		case len(got) > 1:
			bad.add(fmt.Errorf("tensor %s: in %s, want it in %s alone", name, strings.Join(got, " and "), want))
		case !slices.Contains(got, want):
			bad.add(fmt.Errorf("tensor %s: in %s, want it in %s as the index says", name, got[0], want))
		}
	}
	for _, name := range sortedNames(holders) {
		if _, ok := index[name]; !ok {
			bad.add(fmt.Errorf("tensor %s: in %s but not in the index", name, holders[name][0]))
		}
	}
	return bad.err()
}
