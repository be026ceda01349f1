package convert

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// checkOrigin refuses a base that a part cannot have begun as, by what both say of
// themselves. A part in the base's place, which is forgotten easily, would lose its
// layers without a word.
func checkOrigin(base, part string) error {
	type made struct {
		By string `json:"created_by"`
	}
	var b made
	var p struct {
		Origin made `json:"origin"`
	}
	if !provenance(base, &b) || !provenance(part, &p) || b.By == "" || p.Origin.By == "" || b.By == p.Origin.By {
		return nil
	}
	return &stitchError{fmt.Errorf("%s does not fit %s: it began as what %s made, and %s made this", part, base, p.Origin.By, b.By)}
}

// provenance reads what a folder says of its making; others than ours say nothing.
func provenance(dir string, into any) bool {
	data, err := os.ReadFile(filepath.Join(dir, provenanceName))
	return err == nil && json.Unmarshal(data, into) == nil
}
