package recipes

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// kind is what one kind of stage may train and how it measures itself.
type kind struct {
	trains []string
	loss   map[string]float64 // the parts that it has, with their default weights
	target bool               // whether loss.target means something
}

// kinds is fixed at compile time: the whole list is readable in one place.
var kinds = map[string]kind{
	"align":    {[]string{"new", "new+qkv", "new+qkvo", "lora"}, map[string]float64{"mse": 1000, "l2": 0, "cosine": 0, "attention": 0}, true},
	"distill":  {[]string{"mixers", "all", "lora"}, map[string]float64{"kl": 1, "reverse_kl": 0, "ce": 0, "temperature": 1}, false},
	"finetune": {[]string{"all", "mixers", "lora"}, map[string]float64{"ce": 1}, false},
}

// The other choices, in the order in which messages name them.
var (
	kindNames  = []string{"align", "distill", "finetune"}
	targets    = []string{"pre_o", "post_o"}
	schedules  = []string{"cosine", "wsd", "linear", "constant", "plateau"}
	packings   = []string{"concat", "documents"}
	executions = []string{"joint", Layerwise}
	cacheTypes = []string{"f32", "bf16"}
	formats    = []string{"csv", "tensorboard"}
	extensions = []string{".txt", ".txt.gz", ".jsonl", ".jsonl.gz", ".parquet"}
	saves      = []string{"merged", "merged+adapter"}
	ofMachine  = []string{"devices", "engine"} // no keys, but flags that are looked for among them
	modules    = []string{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "attention", "all-linear"}
)

// groupsOf lists the learning-rate groups that a train set has. LoRA's matrices
// are one group, with the stage's rate.
var groupsOf = map[string][]string{
	"new":      {"new"},
	"new+qkv":  {"new", "attention"},
	"new+qkvo": {"new", "attention"},
	"mixers":   {"new", "attention"},
	"all":      {"new", "attention", "rest"},
	"lora":     nil,
}

// lossParts are the numbers of a [Loss].
var lossParts = []struct {
	key   string
	value func(*Loss) *float64
}{
	{"mse", func(l *Loss) *float64 { return &l.MSE }},
	{"l2", func(l *Loss) *float64 { return &l.L2 }},
	{"cosine", func(l *Loss) *float64 { return &l.Cosine }},
	{"attention", func(l *Loss) *float64 { return &l.Attention }},
	{"kl", func(l *Loss) *float64 { return &l.KL }},
	{"reverse_kl", func(l *Loss) *float64 { return &l.ReverseKL }},
	{"ce", func(l *Loss) *float64 { return &l.CE }},
	{"temperature", func(l *Loss) *float64 { return &l.Temperature }},
}

// instead lists, for a part with a default weight, the parts in whose presence it has
// none: they measure the same in another way.
var instead = map[string][]string{
	"mse": {"l2", "cosine", "attention"},
	"kl":  {"reverse_kl"},
}

var index = regexp.MustCompile(`\[\d+\]`)

// keysAt lists the keys that the schema has at a path, in the order of the struct.
func keysAt(path string) []string {
	typ := reflect.TypeFor[Recipe]()
	for key := range strings.SplitSeq(index.ReplaceAllString(path, ""), ".") {
		if key == "" {
			break
		}
		fields := fieldsOf(typ)
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == key })
		if i < 0 {
			return nil
		}
		typ = fields[i].typ
		for typ.Kind() == reflect.Slice || typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
	}
	var keys []string
	for _, f := range fieldsOf(typ) {
		keys = append(keys, f.key)
	}
	return keys
}

type field struct {
	key string
	typ reflect.Type
}

// fieldsOf lists the keys of a struct, those of inlined ones in their place.
func fieldsOf(typ reflect.Type) []field {
	if typ.Kind() != reflect.Struct {
		return nil
	}
	var all []field
	for f := range typ.Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case f.Anonymous:
			all = append(all, fieldsOf(f.Type)...)
		case key != "-":
			all = append(all, field{key, f.Type})
		}
	}
	return all
}

// show is a value as a message names it.
func show(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.ShortTag() == "!!str":
		return strconv.Quote(n.Value)
	default:
		return n.Value
	}
}

// want words the Go type that the decoder could not fill.
func want(goType string) string {
	switch {
	case goType == "float64":
		return "a number"
	case goType == "int":
		return "an integer"
	case goType == "uint64":
		return "an integer >= 0"
	case goType == "string":
		return "a string"
	case strings.HasPrefix(goType, "["):
		return "a list"
	default:
		return "a mapping of keys"
	}
}
