package arch

import (
	"slices"
	"strconv"
	"strings"
)

// Part is a run of rows of a tensor in a teacher's files.
type Part struct {
	Tensor     string
	Shape      []int // in the file
	Transposed bool  // the file has [in, out], and rows are its columns
	Row, Rows  int   // which rows; a vector has rows of one element
}

// storage says how a family's files differ from the model's tensors. The zero value
// is that of a student: they do not.
type storage struct {
	// roots are what a family's names may begin with, the one of its table first. Which
	// it is in a folder, [Model.Locate] finds.
	roots []string
	root  string
	fused []fused
	// embedding is the tensor that serves as the embedding of a tied model whose files
	// hold it under the head's name only; "" elsewhere.
	embedding string
	// vectors names a module whose weight [n, d] is stored as n vectors, as
	// "q_norm" → "q_layernorm.norms.{h}"; relative to attention.
	vectors map[string]string
}

// fused is one stored module that holds the rows of several of the model's, one after
// the other. All names are templates.
type fused struct {
	module     string
	of         []string
	perHead    bool   // the rows of each are cut into one run per head, and the runs take turns
	transposed bool   // the weight is stored [in, out]
	reversed   int    // the rows of the one module are so many equal runs, the last first
	mixer      string // only in layers with this mixer; "": in all
}

// Locate finds what the names in a folder begin with, given whether it has a
// tensor: before the embedding or the final norm, else what is usual. A tied model's
// head serves as embedding where the folder has no other.
func (m *Model) Locate(has func(tensor string) bool) {
	m.storage.embedding = ""
	m.locateRoot(has)
	head := m.Head() + ".weight"
	if m.Tied && has(head) && !has(m.storage.rooted(m.Embedding())) {
		m.storage.embedding = head
	}
}

func (m *Model) locateRoot(has func(tensor string) bool) {
	for _, root := range m.storage.roots {
		m.storage.root = root
		if has(m.storage.rooted(m.Embedding())) || has(m.storage.rooted(m.FinalNorm()+".weight")) {
			return
		}
	}
	m.storage.root = ""
	if len(m.storage.roots) > 0 {
		m.storage.root = m.storage.roots[0]
	}
}

// rooted is a stored name as the folder at hand has it.
func (s storage) rooted(name string) string {
	if len(s.roots) == 0 {
		return name
	}
	rest, ok := strings.CutPrefix(name, s.roots[0])
	if !ok {
		return name
	}
	return s.root + rest
}

// locate fills in where the files keep each tensor.
func (s storage) locate(m *Model, weights []Weight) []Weight {
	if s.embedding != "" {
		weights[0].Parts = []Part{whole(s.embedding, weights[0].Shape)}
	}
	if len(s.roots) == 0 && len(s.fused) == 0 && len(s.vectors) == 0 {
		return weights
	}
	at := map[string]int{} // of each tensor, by name
	for i, w := range weights {
		at[w.Name] = i
		if name := s.rooted(w.Name); name != w.Name && w.Parts == nil {
			weights[i].Parts = []Part{whole(name, w.Shape)}
		}
	}
	for i := range m.Layers {
		for _, f := range s.fused {
			f.locate(s, m, i, weights, at)
		}
		for module, stored := range s.vectors {
			w, ok := at[m.Attention(i)+"."+module+".weight"]
			if !ok {
				continue
			}
			weights[w].Parts = nil
			for h := range weights[w].Shape[0] {
				name := m.Attention(i) + "." + strings.ReplaceAll(stored, "{h}", strconv.Itoa(h)) + ".weight"
				weights[w].Parts = append(weights[w].Parts, whole(s.rooted(name), weights[w].Shape[1:]))
			}
		}
	}
	return weights
}

// locate finds one layer's modules of a fused one.
func (f fused) locate(s storage, m *Model, layer int, weights []Weight, at map[string]int) {
	if f.mixer != "" && f.mixer != m.Mixers[layer].Name {
		return
	}
	for _, end := range []string{".weight", ".bias", ""} {
		var of []int
		rows := 0
		for _, module := range f.of {
			if i, ok := at[inLayer(layer, module)+end]; ok {
				of = append(of, i)
				rows += weights[i].Shape[0]
			}
		}
		if len(of) < len(f.of) {
			continue // a student's, or a module without a bias
		}
		stored := Part{Tensor: s.rooted(inLayer(layer, f.module) + end), Shape: slices.Clone(weights[of[0]].Shape)}
		stored.Shape[0] = rows
		if f.transposed && len(stored.Shape) == 2 {
			stored.Transposed = true
			slices.Reverse(stored.Shape)
		}
		runs := 1
		if f.perHead {
			runs = m.At(layer).Heads
		}
		if f.reversed > 0 {
			weights[of[0]].Parts = stored.reversed(rows, f.reversed)
			continue
		}
		row := 0
		for _, i := range of {
			weights[i].Parts = nil
		}
		for range runs {
			for _, i := range of {
				part := stored
				part.Row, part.Rows = row, weights[i].Shape[0]/runs
				weights[i].Parts = append(weights[i].Parts, part)
				row += part.Rows
			}
		}
	}
}

// reversed cuts the tensor into equal runs and lists them from the last.
func (p Part) reversed(rows, runs int) []Part {
	var parts []Part
	for run := runs - 1; run >= 0; run-- {
		p.Row, p.Rows = run*rows/runs, rows/runs
		parts = append(parts, p)
	}
	return parts
}

// whole is a tensor that is stored under another name.
func whole(name string, shape []int) Part {
	return Part{Tensor: name, Shape: shape, Rows: shape[0]}
}
