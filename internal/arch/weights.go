package arch

// Weights lists every tensor of the model in layer order. Linear weights are
// [out, in], as in torch's nn.Linear.
func (m *Model) Weights() []Weight {
	l := lister{m: m, layer: -1}
	l.add(m.Embedding(), "embedding", m.Vocab, m.Hidden)
	if m.Positions > 0 {
		l.add(m.PositionTable(), "embedding", m.Positions, m.Hidden)
	}
	for i := range m.Layers {
		l.layer = i
		l.block()
	}
	l.layer = -1
	l.norm(m.FinalNorm(), "norm", m.Norm, m.Hidden)
	if !m.Tied {
		l.linear(m.Head(), "head", m.Vocab, m.Hidden, m.Bias.Head)
	}
	return m.storage.locate(m, l.weights)
}

// Projection is one of the four linear maps that a mixer inherits from attention.
type Projection struct {
	Name    string // relative to [Model.Attention]: "q_proj"
	Out, In int
	Bias    bool
}

// Projections returns q, k, v and o, in this order.
func (m *Model) Projections() []Projection {
	return []Projection{
		{"q_proj", m.Queries(), m.Hidden, m.Bias.QKV},
		{"k_proj", m.KeyValues(), m.Hidden, m.Bias.QKV},
		{"v_proj", m.KeyValues(), m.Hidden, m.Bias.QKV},
		{"o_proj", m.Hidden, m.Queries(), m.Bias.O},
	}
}

// GateProj is the projection of a teacher's [Block.OutputGate], beside the four. It is
// the block's: a layer keeps it whatever its mixer becomes.
const GateProj = "g_proj"

// lister gathers the tensors of a model.
type lister struct {
	m       *Model
	layer   int
	weights []Weight
}

func (l *lister) add(name, group string, shape ...int) {
	l.weights = append(l.weights, Weight{Name: name, Shape: shape, Layer: l.layer, Group: group})
}

func (l *lister) linear(module, group string, out, in int, bias bool) {
	l.add(module+".weight", group, out, in)
	if bias {
		l.add(module+".bias", group, out)
	}
}

func (l *lister) norm(module, group string, n Norm, shape ...int) {
	if !n.Plain {
		l.add(module+".weight", group, shape...)
	}
	if n.Bias {
		l.add(module+".bias", group, shape...)
	}
}

func (l *lister) block() {
	m, i := l.m, l.layer
	site := func(s Site) {
		if module, ok := m.NormAt(i, s); ok {
			l.norm(module, "norm", m.Norm, m.Hidden)
		}
	}
	site(BeforeAttention)
	l.attention(m.At(i), m.Mixers[i])
	site(AfterAttention)
	site(BeforeMLP)
	gate, up, down := m.MLP(i)
	if !m.Ungated {
		l.linear(gate, "mlp", m.FFN, m.Hidden, m.Bias.MLP)
	}
	l.linear(up, "mlp", m.FFN, m.Hidden, m.Bias.MLP)
	l.linear(down, "mlp", m.Hidden, m.FFN, m.Bias.MLP)
	site(AfterMLP)
}

// attention lists what the mixer inherits from the teacher's attention and what is
// its own; m is the model as the layer sees it.
func (l *lister) attention(m *Model, x Mixer) {
	prefix := m.Attention(l.layer) + "."
	for _, p := range m.Projections() {
		if x.Inherits(p.Name) {
			l.linear(prefix+p.Name, "attention", p.Out, p.In, p.Bias)
		}
	}
	if m.OutputGate {
		l.linear(prefix+GateProj, "attention", m.Queries(), m.Hidden, m.Bias.QKV)
	}
	q, k := m.QKNorms(l.layer)
	if x.Inherits("q_proj") {
		l.qkNorm(q, m, m.Heads)
	}
	if x.Inherits("k_proj") {
		l.qkNorm(k, m, m.KVHeads)
	}
	for _, w := range x.Weights(m) {
		l.add(prefix+w.Name, "mixer", w.Shape...)
	}
}

func (l *lister) qkNorm(module string, m *Model, heads int) {
	n := m.QKNorm
	switch n.Width {
	case Head:
		l.norm(module, "attention", n.Norm, m.HeadDim)
	case Each:
		l.norm(module, "attention", n.Norm, heads, m.HeadDim)
	case Full:
		l.norm(module, "attention", n.Norm, heads*m.HeadDim)
	}
}
