package convert

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-1411d8c0/linearize/checkpoints"
)

// The files that are written anew in every folder.
const (
	cardName       = "README.md"
	provenanceName = "linearize.json"
)

// provenance returns linearize.json: all that is needed to make the folder again.
// It holds no clock and no host, so that the same command gives the same bytes.
func (p *Plan) provenance(digests map[string]string) ([]byte, error) {
	type source struct {
		Path         string            `json:"path"`
		Origin       string            `json:"origin,omitempty"` // on the hub, as org/name@commit
		Architecture string            `json:"architecture"`
		Digests      map[string]string `json:"digests"` // of the weight files
	}
	options := p.Options
	data, err := json.MarshalIndent(struct {
		SchemaVersion int          `json:"schema_version"`
		CreatedBy     string       `json:"created_by"`
		Version       string       `json:"version"`
		Source        source       `json:"source"`
		Mixer         string       `json:"mixer"`
		LayerMixers   []LayerMixer `json:"layer_mixers,omitempty"`
		Keep          string       `json:"keep"`
		Seeding       string       `json:"seeding"` // "": the layers say theirs
		Seed          uint64       `json:"seed"`
		DType         string       `json:"dtype"` // "": the source's
		MaxShardSize  int64        `json:"max_shard_size"`
		Layers        []Layer      `json:"layers"`
		Dropped       []string     `json:"dropped"`
	}{
		1, "linearize convert", options.Version,
		source{p.Source, options.Origin, p.Family, digests},
		options.Mixer, options.LayerMixers, options.Keep, options.Seeding, options.Seed, options.DType, options.MaxShardSize,
		p.Layers, p.Dropped,
	}, "", "  ")
	return append(data, '\n'), err
}

// hubID is a repository of the Hub; a path on somebody's disk is none.
var hubID = regexp.MustCompile(`^[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$`)

// card returns README.md: what the folder is, with the front matter of a Hub model.
func card(p *Plan, config *checkpoints.Config) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("---")
	base, _, known := strings.Cut(p.Options.Origin, "@")
	if !known {
		found, err := config.Get("_name_or_path", &base)
		known = found && err == nil
	}
	if known && hubID.MatchString(base) {
		line("base_model: %s\nbase_model_relation: finetune", base)
	}
	line("library_name: linearize\npipeline_tag: text-generation\ntags: [%s]", strings.Join(p.tags(), ", "))
	line("---\n")
	line("# A %s converted to linear cost\n", p.Family)
	line("`linearize convert`, version %s, replaced the softmax attention of %d of %d layers.", p.Options.Version, p.Converted(), len(p.Layers))
	line("This folder is a start, not a finished model: the new layers are seeded and not trained. Train them with `linearize distill`.\n")
	line("| layers | mixer | seeding |\n|---|---|---|")
	for _, r := range Runs(p.Layers) {
		line("| %s | `%s` | %s |", r, r.Mixer, r.Origin())
	}
	line("\n| tensors | from | parameters |\n|---|---|---|")
	for _, g := range p.Groups() {
		line("| %d %s | %s | %d |", g.Tensors, g.Name, g.Origin, g.Parameters)
	}
	if n := len(p.Dropped); n > 0 {
		line("\n%d tensors of the source have no place here; `linearize.json` lists them.", n)
	}
	line("\nWhat is copied has the teacher's bytes. `linearize.json` says which files those came from.")
	return b.String()
}

// tags returns the words that the Hub finds the model by.
func (p *Plan) tags() []string {
	tags := []string{"linearize", "linear-attention"}
	hybrid := false
	for _, l := range p.Layers {
		if l.Seeding == "" {
			hybrid = true
		} else if !slices.Contains(tags, l.Mixer.Name) {
			tags = append(tags, l.Mixer.Name)
		}
	}
	if hybrid {
		tags = append(tags, "hybrid")
	}
	return tags
}

// Converted returns how many layers get a new mixer.
func (p *Plan) Converted() int {
	n := 0
	for _, l := range p.Layers {
		if l.Seeding != "" {
			n++
		}
	}
	return n
}

// Summary says how many layers become what: "3 of 4 layers to mamba2, seeded by mmmamba".
func (p *Plan) Summary() string {
	var what []string
	counts := map[string]int{}
	for _, l := range p.Layers {
		if l.Seeding == "" {
			continue
		}
		to := fmt.Sprintf("to %s, seeded by %s", l.Mixer, l.Seeding)
		if counts[to]++; counts[to] == 1 {
			what = append(what, to)
		}
	}
	all := fmt.Sprintf("%d of %d layers", p.Converted(), len(p.Layers))
	if len(what) == 1 {
		return all + " " + what[0]
	}
	for i, to := range what {
		what[i] = fmt.Sprintf("%d %s", counts[to], to)
	}
	return strings.Join(append([]string{all}, what...), "; ")
}

// Run is a stretch of layers that become the same.
type Run struct {
	Layer // the first one

	Last int
}

// Runs joins neighbouring layers that become the same, for tables.
func Runs(layers []Layer) []Run {
	var runs []Run
	for _, l := range layers {
		if n := len(runs); n > 0 && runs[n-1].Mixer.Equal(l.Mixer) && runs[n-1].Seeding == l.Seeding {
			runs[n-1].Last = l.Index
			continue
		}
		runs = append(runs, Run{l, l.Index})
	}
	return runs
}

// String is "3" or "3-5".
func (r Run) String() string {
	if r.Last == r.Index {
		return strconv.Itoa(r.Index)
	}
	return fmt.Sprintf("%d-%d", r.Index, r.Last)
}

// Origin says what happens to the layers: "kept" or "seeded by ...".
func (r Run) Origin() string {
	if r.Seeding == "" {
		return "kept"
	}
	return "seeded by " + r.Seeding
}
