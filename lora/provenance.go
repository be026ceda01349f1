package lora

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/advice"
	"github.com/seed-1411d8c0/linearize/internal/pretrained"
)

// The files that are written anew in every folder.
const (
	cardName       = "README.md"
	provenanceName = "linearize.json"
)

// describe adds linearize.json and README.md.
func (p *Merge) describe(folder *pretrained.Folder, files map[string][]byte) error {
	type source struct {
		Path    string            `json:"path"`
		Digests map[string]string `json:"digests"` // of the weight files
	}
	base, err := folder.Digests()
	if err != nil {
		return err
	}
	adapter, err := digest(filepath.Join(p.Adapter, weightsName))
	if err != nil {
		return err
	}
	var origin json.RawMessage
	if data, err := os.ReadFile(filepath.Join(p.Base, provenanceName)); err == nil && json.Valid(data) {
		origin = data
	}
	data, err := json.MarshalIndent(struct {
		SchemaVersion int             `json:"schema_version"`
		CreatedBy     string          `json:"created_by"`
		Version       string          `json:"version"`
		Base          source          `json:"base"`
		Adapter       source          `json:"adapter"`
		Modules       int             `json:"modules"`
		Origin        json.RawMessage `json:"origin,omitempty"` // linearize.json of the base
	}{
		1, "linearize merge", p.Options.Version,
		source{p.Base, base},
		source{p.Adapter, map[string]string{weightsName: adapter}},
		len(p.Modules), origin,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", provenanceName, err)
	}
	files[provenanceName] = append(data, '\n')
	var card strings.Builder
	if text, err := os.ReadFile(filepath.Join(p.Base, cardName)); err == nil {
		card.Write(text)
		card.WriteString("\n")
	}
	fmt.Fprintf(&card, "## Merged\n\n`linearize merge`, version %s, added a low-rank adapter to the weights of %d modules. `linearize.json` says which files both came from.\n", p.Options.Version, len(p.Modules))
	files[cardName] = []byte(card.String())
	return nil
}

// checkMerged refuses the adapter beside a saved point's weights, which have it already.
func checkMerged(base, adapter string) error {
	if !contains(base, adapter) || !isSaved(base) {
		return nil
	}
	return advice.On(
		fmt.Errorf("adapter %s is merged already into the weights of %s, where distill saved both", adapter, base),
		"the folder that it was trained on is in its adapter_config.json, as base_model_name_or_path")
}

// contains reports whether a folder lies in dir.
func contains(dir, sub string) bool {
	above, errAbove := os.Stat(filepath.Join(sub, ".."))
	own, errOwn := os.Stat(dir)
	return errAbove == nil && errOwn == nil && os.SameFile(above, own)
}

// isSaved reports whether a run saved a model folder.
func isSaved(dir string) bool {
	var made struct {
		By string `json:"created_by"`
	}
	data, err := os.ReadFile(filepath.Join(dir, provenanceName))
	return err == nil && json.Unmarshal(data, &made) == nil && made.By == "linearize distill"
}

func digest(path string) (sum string, err error) {
	file, err := checkpoints.OpenFile(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return file.Digest()
}
