package hub

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/advice"
)

const (
	configName = "config.json"
	singleName = "model.safetensors"
	indexName  = "model.safetensors.index.json"
)

// tokenizers are the files of which a model with a tokenizer has at least one.
var tokenizers = []string{"tokenizer.json", "tokenizer.model", "vocab.json"}

// entry is a file of a repository.
type entry struct {
	Path   string
	Size   int64
	SHA1   string // git's, of "blob <size>\0" and the contents
	SHA256 string // of the contents, where they are in LFS: then SHA1 is that of a pointer
}

// etag is what the blob is called.
func (e entry) etag() string {
	if e.SHA256 != "" {
		return e.SHA256
	}
	return e.SHA1
}

// check refuses what must not become a path.
func (e entry) check() error {
	if err := checkFileName(e.Path); err != nil {
		return err
	}
	if e.Size < 0 {
		return fmt.Errorf("file %s: size %d", e.Path, e.Size)
	}
	if e.SHA256 != "" && !sha256Form.MatchString(e.SHA256) {
		return fmt.Errorf("file %s: sha256 is %.80q, want 64 hex digits", e.Path, e.SHA256)
	}
	if e.SHA256 == "" && !commitForm.MatchString(e.SHA1) {
		return fmt.Errorf("file %s: oid is %.80q, want 40 hex digits", e.Path, e.SHA1)
	}
	return nil
}

// listing is what a repository holds at a commit, by path.
type listing map[string]entry

func (l listing) has(name string) bool { _, ok := l[name]; return ok }

// small returns what is fetched before the weights: the index, the companions and, last,
// config.json.
func (l listing) small(skipWeights bool) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(l)) {
		if name == indexName && !skipWeights || checkpoints.Companion(name) {
			out = append(out, name)
		}
	}
	return append(out, configName)
}

// check tells whether there is a model at all.
func (l listing) check(skipWeights bool) error {
	if !l.has(configName) {
		return fmt.Errorf("the repository has no %s", configName)
	}
	if skipWeights || l.has(indexName) || l.has(singleName) {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(l)) {
		if strings.HasSuffix(name, ".bin") || strings.HasSuffix(name, ".pth") || strings.HasSuffix(name, ".pt") {
			return advice.On(
				fmt.Errorf("the repository has no %s but %s: pickled weights are not read", singleName, name),
				"convert it to safetensors first; some repositories have them at @refs/pr/1",
			)
		}
	}
	return fmt.Errorf("the repository has no %s and no %s", singleName, indexName)
}

// shardsOf returns the files that an index names, sorted.
func shardsOf(index []byte) ([]string, error) {
	var doc struct {
		Weights map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(index, &doc); err != nil {
		return nil, fmt.Errorf("parse %s: %w", indexName, err)
	}
	if len(doc.Weights) == 0 {
		return nil, fmt.Errorf("parse %s: %w", indexName, errors.New("weight_map is missing or empty"))
	}
	shards := slices.Compact(slices.Sorted(maps.Values(doc.Weights)))
	for _, shard := range shards {
		if err := checkFileName(shard); err != nil || path.Base(shard) != shard || !strings.HasSuffix(shard, ".safetensors") {
			return nil, fmt.Errorf("parse %s: shard %q, want the name of a .safetensors file", indexName, shard)
		}
	}
	return shards, nil
}

// parseListing reads a page of the hub's answer about a tree.
func parseListing(data []byte, into listing) error {
	var page []struct {
		Type string `json:"type"`
		Path string `json:"path"`
		OID  string `json:"oid"`
		Size int64  `json:"size"`
		LFS  *struct {
			OID  string `json:"oid"`
			Size int64  `json:"size"`
		} `json:"lfs"`
	}
	if err := json.Unmarshal(data, &page); err != nil {
		return fmt.Errorf("parse the list of files: %w", err)
	}
	for _, f := range page {
		if f.Type != "file" {
			continue
		}
		e := entry{Path: f.Path, Size: f.Size, SHA1: f.OID}
		if f.LFS != nil {
			e.Size, e.SHA256 = f.LFS.Size, strings.TrimPrefix(f.LFS.OID, "sha256:")
			if e.SHA256 == "" {
				return fmt.Errorf("parse the list of files: file %q is in LFS without a hash", f.Path)
			}
		}
		if err := e.check(); err != nil {
			return fmt.Errorf("parse the list of files: %w", err)
		}
		into[e.Path] = e
	}
	return nil
}

// parseTree reads the list of files that huggingface_hub keeps as trees/<commit>.json.
func parseTree(data []byte) (listing, error) {
	var doc struct {
		Version int `json:"format_version"`
		Files   map[string]struct {
			Size    int64  `json:"size"`
			BlobID  string `json:"blob_id"`
			SHA256  string `json:"lfs_sha256"`
			LFSSize int64  `json:"lfs_size"`
		} `json:"files"`
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, err
	}
	if doc.Version != 1 {
		return nil, fmt.Errorf("format_version %d, want 1", doc.Version)
	}
	out := listing{}
	for name, f := range doc.Files {
		e := entry{Path: name, Size: f.Size, SHA1: f.BlobID, SHA256: f.SHA256}
		if e.SHA256 != "" {
			e.Size = f.LFSSize
		}
		if err := e.check(); err != nil {
			return nil, err
		}
		out[name] = e
	}
	return out, nil
}

// isLicence tells which files nobody has to wait for.
func isLicence(name string) bool {
	return slices.ContainsFunc([]string{"LICEN", "COPYING", "NOTICE", "USE_POLICY"}, func(s string) bool {
		return strings.HasPrefix(name, s)
	})
}
