package recipes

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// setError is a complaint about one assignment; column counts from 1.
type setError struct {
	column  int
	message string
}

// segment is a key, or with key == "" an index, of an assignment's path.
type segment struct {
	key    string
	index  int
	column int
}

// assign applies assignment number i, "stages[0].steps=10", to the tree: it
// replaces the value or adds the key. The value is YAML and the schema types it
// as if it stood in the file.
func (t *tree) assign(i int, assignment string) *setError {
	path, text, ok := strings.Cut(assignment, "=")
	if !ok {
		return &setError{1, fmt.Sprintf("%q has no =, want key=value, as in stages[0].steps=10", assignment)}
	}
	segments, err := splitPath(path)
	if err != nil {
		return err
	}
	line, offset := setLine+i+1, utf8.RuneCountInString(path)+1
	if strings.TrimSpace(text) == "" {
		return &setError{offset + 1, path + ": has no value; leave the assignment out, or write \"\" for an empty string"}
	}
	var doc yaml.Node
	if err := yaml.Load([]byte(text), &doc); err != nil {
		e := loadErrors(err)[0]
		return &setError{offset + max(1, e.Mark.Column), path + ": " + worded(e.Message)}
	}
	value := &doc
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		value = doc.Content[0]
	}
	if bad := relocate(value, line, offset); bad != nil {
		return bad
	}
	if bad := put(t.root, segments, value, line); bad != nil {
		bad.message = path + ": " + bad.message
		return bad
	}
	return nil
}

// splitPath reads "stages[0].loss.mse".
func splitPath(path string) ([]segment, *setError) {
	var all []segment
	column := 1
	for i, part := range strings.Split(path, ".") {
		if i > 0 {
			column++
		}
		key, rest, _ := strings.Cut(part, "[")
		if key == "" {
			return nil, &setError{column, fmt.Sprintf("%q is not a path, want one like stages[0].steps", path)}
		}
		all = append(all, segment{key: key, column: column})
		column += utf8.RuneCountInString(key)
		for index := range strings.SplitSeq(rest, "[") {
			if rest == "" && len(key) == len(part) {
				break
			}
			digits, closed := strings.CutSuffix(index, "]")
			n, err := strconv.Atoi(digits)
			if !closed || err != nil || n < 0 {
				return nil, &setError{column, fmt.Sprintf("%q is not a path, want one like stages[0].steps", path)}
			}
			all = append(all, segment{index: n, column: column + 1})
			column += 1 + utf8.RuneCountInString(index)
		}
	}
	return all, nil
}

// relocate moves a parsed value to where it stands in the assignment.
func relocate(n *yaml.Node, line, offset int) *setError {
	if n.Line == 1 {
		n.Column += offset
	}
	n.Line = line
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		return &setError{n.Column, "anchors and aliases are not supported"}
	}
	for _, c := range n.Content {
		if err := relocate(c, line, offset); err != nil {
			return err
		}
	}
	return nil
}

// put replaces the value at a path, making the mappings on the way that are not there.
func put(n *yaml.Node, path []segment, value *yaml.Node, line int) *setError {
	s, last := path[0], len(path) == 1
	var slot **yaml.Node
	switch {
	case s.key == "" && n.Kind != yaml.SequenceNode:
		return &setError{s.column, fmt.Sprintf("[%d] of what is not a list", s.index)}
	case s.key == "" && s.index >= len(n.Content):
		return &setError{s.column, fmt.Sprintf("there is no [%d] in a list of %d, counted from 0", s.index, len(n.Content))}
	case s.key == "":
		slot = &n.Content[s.index]
	case n.Kind != yaml.MappingNode:
		return &setError{s.column, "there is no " + s.key + " in what is not a mapping"}
	default:
		slot = member(n, s, line)
	}
	if last {
		*slot = value
		return nil
	}
	if *slot == nil {
		*slot = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: line, Column: s.column}
	}
	return put(*slot, path[1:], value, line)
}

// member is the place of a mapping's value, added with a nil value if absent.
func member(n *yaml.Node, s segment, line int) **yaml.Node {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == s.key {
			return &n.Content[i+1]
		}
	}
	n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s.key, Line: line, Column: s.column}, nil)
	return &n.Content[len(n.Content)-1]
}
