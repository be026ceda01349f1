package checkpoints

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/advice"
)

const (
	configName = "config.json"
	singleName = "model.safetensors"
	indexName  = "model.safetensors.index.json"
)

// companions are the files that belong to a model beside config and weights.
// Patterns are those of path.Match.
var companions = []string{
	"generation_config.json",
	"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
	"vocab.json", "vocab.txt", "merges.txt", "normalizer.json", "tokenizer.model*", "*.model", "*.tiktoken",
	"chat_template.json", "*.jinja",
	"preprocessor_config.json", "processor_config.json",
	"LICENSE*", "LICENCE*", "COPYING*", "NOTICE*", "USE_POLICY*",
}

// Companion tells by its base name whether a file belongs to a model beside config and
// weights: its tokenizer, chat template, licence and the like. Such files are fetched
// with a model and copied with it.
func Companion(name string) bool {
	return slices.ContainsFunc(companions, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}

// shardPattern matches the shards as transformers names them.
const shardPattern = "model-[0-9]*-of-[0-9]*.safetensors"

// picklePatterns match weights that only unpickling could read.
var picklePatterns = []string{"pytorch_model*.bin", "pytorch_model.bin.index.json", "*.pth", "*.pt"}

// findWeights decides which of the two layouts a folder has: it returns singleName
// or indexName.
func findWeights(dir string) (string, error) {
	single, err := exists(dir, singleName)
	if err != nil {
		return "", err
	}
	index, err := exists(dir, indexName)
	if err != nil {
		return "", err
	}
	shards := glob(dir, shardPattern)
	switch {
	case single && index:
		return "", advice.On(fmt.Errorf("both %s and %s", singleName, indexName), "remove the one that is not the model")
	case index:
		return indexName, nil
	case single && len(shards) > 0:
		return "", advice.On(fmt.Errorf("both %s and %s", singleName, shards[0]), "remove the one that is not the model")
	case single:
		return singleName, nil
	case len(shards) > 0:
		return "", fmt.Errorf("%s and %d more shards, but no %s", shards[0], len(shards)-1, indexName)
	}
	for _, pattern := range picklePatterns {
		if found := glob(dir, pattern); len(found) > 0 {
			return "", advice.On(fmt.Errorf("no safetensors but %s: pickled weights are not read", found[0]), `make safetensors of them in Python: AutoModelForCausalLM.from_pretrained(MODEL, dtype="auto").save_pretrained(OUT)`)
		}
	}
	return "", fmt.Errorf("no weights: want %s, or shards with %s", singleName, indexName)
}

func exists(dir, name string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		// A link to nowhere is a file that is missing, not one that was never there.
		if _, lerr := os.Lstat(filepath.Join(dir, name)); lerr == nil {
			return false, fmt.Errorf("%s is a link to a missing file", name)
		}
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", name, bare(err))
	}
	return true, nil
}

// glob returns the base names in dir that match, sorted. Unlike filepath.Glob it
// takes a dir with wildcards in its own name.
func glob(dir, pattern string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if ok, err := path.Match(pattern, e.Name()); ok && err == nil {
			out = append(out, e.Name())
		}
	}
	return out
}

// problems collects what is wrong with a folder, so that one look tells all of it.
type problems struct {
	errs    []error
	dropped int
}

const maxProblems = 8

func (p *problems) add(err error) {
	if len(p.errs) >= maxProblems {
		p.dropped++
		return
	}
	p.errs = append(p.errs, err)
}

func (p *problems) err() error {
	switch {
	case len(p.errs) == 0:
		return nil
	case len(p.errs) == 1:
		return p.errs[0]
	case p.dropped > 0:
		p.errs = append(p.errs, fmt.Errorf("and %d more like these", p.dropped))
	}
	return problemsError(p.errs)
}

// problemsError puts each problem on a line of its own under the error's first.
type problemsError []error

func (l problemsError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d problems:", len(l))
	for _, err := range l {
		b.WriteString("\n    " + err.Error())
	}
	return b.String()
}

func (l problemsError) Unwrap() []error { return l }
