package generate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

// StopIDs returns the tokens that end a text: those of the model's config and those
// of the generation_config.json in its folder, where there is one.
func StopIDs(m *arch.Model, dir string) ([]int, error) {
	ids := slices.Clone(m.EOS)
	path := filepath.Join(dir, "generation_config.json")
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return ids, nil
	}
	if err != nil {
		return nil, err
	}
	var config struct {
		EOS json.RawMessage `json:"eos_token_id"`
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	more, err := oneOrMany(config.EOS)
	if err != nil {
		return nil, fmt.Errorf("read %s: eos_token_id is %s, want an id or a list of ids", path, config.EOS)
	}
	ids = append(ids, more...)
	slices.Sort(ids)
	return slices.Compact(ids), nil
}

func oneOrMany(raw json.RawMessage) (ids []int, err error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if raw[0] != '[' {
		raw = slices.Concat(json.RawMessage("["), raw, json.RawMessage("]"))
	}
	var list []*int // null is no id
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, err
	}
	for _, id := range list {
		if id != nil {
			ids = append(ids, *id)
		}
	}
	return ids, nil
}
