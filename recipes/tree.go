package recipes

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// setLine is added to the number of an assignment to make the line of its nodes,
// so that errors of the decoder lead back to it. No file is this long.
const setLine = 1 << 30

// tree is a recipe as nodes, and what it takes to say where in the text a path
// like "stages[0].loss.mse" is.
type tree struct {
	root  *yaml.Node
	lines []string // of the file
	sets  []string

	values map[string]*yaml.Node
	paths  map[[2]int]string // line and column of a value → its path
	keys   map[[2]int]string // line and column of a key → the path of its value
}

// newTree reads the YAML and applies the assignments. Problems in rp after it
// mean that there is no tree to go on with.
func newTree(data []byte, sets []string, rp *report) *tree {
	t := &tree{
		lines: strings.Split(string(data), "\n"), sets: sets,
		values: map[string]*yaml.Node{}, paths: map[[2]int]string{}, keys: map[[2]int]string{},
	}
	rp.tree = t
	if strings.TrimSpace(string(data)) == "" {
		rp.add(1, 1, "the recipe is empty")
		return t
	}
	var doc yaml.Node
	if err := yaml.Load(data, &doc); err != nil {
		for _, e := range loadErrors(err) {
			t.syntax(e, rp)
		}
		return t
	}
	t.root = &doc
	if doc.Kind == yaml.DocumentNode && len(doc.Content) == 1 {
		t.root = doc.Content[0]
	}
	refuseAliases(t.root, rp)
	if t.root.Kind != yaml.MappingNode {
		rp.add(t.root.Line, t.root.Column, "want a mapping of keys like teacher and stages")
	}
	if len(rp.all) > 0 {
		return t
	}
	for i, s := range sets {
		if err := t.assign(i, s); err != nil {
			rp.add(setLine+i+1, err.column, err.message)
		}
	}
	expandStudent(t.root)
	t.index("", t.root)
	return t
}

// syntax reports what the YAML package could not read.
func (t *tree) syntax(e *yaml.LoadError, rp *report) {
	line, column, message := e.Mark.Line, e.Mark.Column, strings.TrimPrefix(e.Message, "yaml: ")
	switch {
	case message == "no documents in stream": // comments alone
		line, column, message = 1, 1, "the recipe is empty"
	case line == 0: // a second document, which comes without a place
		for i, text := range t.lines {
			if strings.HasPrefix(text, "---") {
				line, column = i+1, 1
			}
		}
	case line <= len(t.lines) && strings.HasPrefix(strings.TrimLeft(t.lines[line-1], " "), "\t"):
		message += "; indent with spaces, not tabs"
	default:
		message = worded(message)
	}
	rp.add(line, column, message)
}

// worded is a message of the YAML package, with what helps where it does not tell.
func worded(message string) string {
	message = strings.TrimPrefix(message, "yaml: ")
	if strings.Contains(message, "cannot start any token") {
		message += `; what begins with @, % or a backquote wants quotes, as "@layers.txt"`
	}
	return message
}

// loadErrors makes a list of whatever the YAML package returned.
func loadErrors(err error) []*yaml.LoadError {
	if many, ok := errors.AsType[*yaml.LoadErrors](err); ok {
		return many.Errors
	}
	if one, ok := errors.AsType[*yaml.LoadError](err); ok {
		return []*yaml.LoadError{one}
	}
	return []*yaml.LoadError{{Message: err.Error()}}
}

// refuseAliases keeps the tree a tree: one place for each value, and no more
// nodes than the file has words.
func refuseAliases(n *yaml.Node, rp *report) {
	switch {
	case n.Kind == yaml.AliasNode:
		rp.add(n.Line, n.Column, fmt.Sprintf("alias *%s: write the value out, or share it through defaults", n.Value))
		return
	case n.Anchor != "":
		rp.add(n.Line, n.Column, fmt.Sprintf("anchor &%s: anchors are not supported", n.Anchor))
	}
	for _, c := range n.Content {
		refuseAliases(c, rp)
	}
}

// expandStudent writes the short form, student: DIR, as student: {folder: DIR}.
func expandStudent(root *yaml.Node) {
	for i := 0; i+1 < len(root.Content); i += 2 {
		v := root.Content[i+1]
		if root.Content[i].Value != "student" || v.Kind != yaml.ScalarNode || v.ShortTag() == "!!null" {
			continue
		}
		key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "folder", Line: v.Line, Column: v.Column}
		root.Content[i+1] = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: v.Line, Column: v.Column, Content: []*yaml.Node{key, v}}
	}
}

// index notes where everything below a node stands.
func (t *tree) index(path string, n *yaml.Node) {
	t.values[path] = n
	t.paths[[2]int{n.Line, n.Column}] = path
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			k := n.Content[i]
			p := join(path, k.Value)
			t.keys[[2]int{k.Line, k.Column}] = p
			t.index(p, n.Content[i+1])
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			t.index(fmt.Sprintf("%s[%d]", path, i), c)
		}
	default: // scalars hold nothing
	}
}

func join(path, key string) string { return strings.TrimPrefix(path+"."+key, ".") }

// given reports whether the recipe has a value at path.
func (t *tree) given(path string) bool { return t.values[path] != nil }

// place is where path is, or the nearest of its ancestors that the recipe has.
func (t *tree) place(path string) (line, column int) {
	for ; !t.given(path) && path != ""; path = parent(path) {
	}
	return t.values[path].Line, t.values[path].Column
}

// problem resolves a line of the tree to the text that it stands in.
func (t *tree) problem(line, column int, message string) Problem {
	p := Problem{Line: line, Column: column, Message: message}
	switch {
	case line > setLine:
		p.File, p.Line = "--set", line-setLine
		p.Source = strings.ReplaceAll(t.sets[p.Line-1], "\n", " ")
	case line > 0 && line <= len(t.lines):
		p.Source = strings.TrimSuffix(t.lines[line-1], "\r")
	}
	return p
}
