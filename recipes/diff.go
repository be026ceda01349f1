package recipes

import (
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Change is one key in which two recipes train something else.
type Change struct {
	Key string // as --set takes it: stages[0].steps
	Was string // empty: the recipe had no such key
	Is  string // empty: it has no such key now
}

func (c Change) String() string {
	word := func(value string) string {
		if value == "" {
			return "not there"
		}
		return value
	}
	return fmt.Sprintf("%s: was %s, is %s", c.Key, word(c.Was), word(c.Is))
}

// untrained are the keys that [Recipe.Fingerprint] leaves out.
var untrained = regexp.MustCompile(`^(output_dir|metrics|keep\..*|stages\[\d+\]\.lora\.save)$`)

// Diff lists what another recipe trains differently, in the order of the file. A
// stage that only one of them has is one change.
func Diff(was, is *Recipe) ([]Change, error) {
	before, order, err := flat(was)
	if err != nil {
		return nil, err
	}
	after, more, err := flat(is)
	if err != nil {
		return nil, err
	}
	for _, key := range more {
		if _, ok := before[key]; !ok {
			order = append(order, key)
		}
	}
	common := min(len(was.Stages), len(is.Stages))
	var changes []Change
	for _, key := range order {
		c := Change{key, before[key], after[key]}
		if c.Was == c.Is || untrained.MatchString(key) {
			continue
		}
		var stage int
		var of string
		if n, _ := fmt.Sscanf(key, "stages[%d].%s", &stage, &of); n == 2 && stage >= common {
			if of != "name" {
				continue
			}
			c.Key = fmt.Sprintf("stages[%d]", stage)
		}
		changes = append(changes, c)
	}
	return changes, nil
}

// flat is a recipe as values by path, and the paths in order.
func flat(r *Recipe) (values map[string]string, order []string, err error) {
	text, err := r.YAML()
	if err != nil {
		return nil, nil, err
	}
	var doc yaml.Node
	if err := yaml.Load(text, &doc); err != nil {
		return nil, nil, err
	}
	values = map[string]string{}
	var walk func(path string, n *yaml.Node)
	walk = func(path string, n *yaml.Node) {
		switch {
		case n.Kind == yaml.DocumentNode:
			for _, c := range n.Content {
				walk(path, c)
			}
		case n.Kind == yaml.MappingNode:
			for i := 0; i+1 < len(n.Content); i += 2 {
				walk(join(path, n.Content[i].Value), n.Content[i+1])
			}
		case n.Kind == yaml.SequenceNode && len(n.Content) > 0 && n.Content[0].Kind == yaml.MappingNode:
			for i, c := range n.Content {
				walk(fmt.Sprintf("%s[%d]", path, i), c)
			}
		default:
			values[path] = brief(n)
			order = append(order, path)
		}
	}
	walk("", &doc)
	return values, order, nil
}

// brief is a scalar, or a list of them, on one line.
func brief(n *yaml.Node) string {
	if n.Kind != yaml.SequenceNode {
		return show(n)
	}
	var all []string
	for _, c := range n.Content {
		all = append(all, brief(c))
	}
	return "[" + strings.Join(all, ", ") + "]"
}
