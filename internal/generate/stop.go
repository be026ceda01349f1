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
	more, err := arch.TokenIDs(config.EOS)
	if err != nil {
		return nil, fmt.Errorf("read %s: eos_token_id %w", path, err)
	}
	ids = append(ids, more...)
	slices.Sort(ids)
	return slices.Compact(ids), nil
}
