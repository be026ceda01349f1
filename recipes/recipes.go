// Package recipes reads recipes: which teacher becomes which student, on what
// data, and the stages that train it.
//
//   - [Load] reads a file, [Parse] what is already in memory; both take the
//     assignments of --set. Either everything is right, or the error is an
//     [*Error] that holds every problem of the file with line and column.
//   - A parsed recipe is resolved: each stage holds the value in force of every
//     knob, whether it came from the stage, from defaults or from this package.
//   - [Recipe.Paths] finds the recipe's files, [Recipe.Fingerprint] tells two
//     recipes apart, [Recipe.YAML] writes one out in full.
//   - [Builtin] lists the recipes that are part of the tool, [Cat] returns one.
//
// # Limits
//
// YAML anchors, aliases and merge keys are refused:
// defaults is the place for what stages share.
//
// # Compatibility
//
// A key keeps its meaning; new keys may come. An unknown key is an error.
package recipes

// Recipe is one file, resolved.
type Recipe struct {
	Seed      uint64  `yaml:"seed"`
	Teacher   string  `yaml:"teacher"` // folder, or org/name[@revision] of the hub
	Student   Student `yaml:"student"`
	Data      Data    `yaml:"data"`
	Defaults  Knobs   `yaml:"defaults"` // already merged into every stage
	Stages    []Stage `yaml:"stages"`
	OutputDir string  `yaml:"output_dir"` // relative to the working directory; runs/<name of the file> when not given

	// Metrics are the formats in which a run keeps its metrics beside metrics.jsonl: csv,
	// tensorboard. Neither this nor Keep changes what is trained.
	Metrics []string `yaml:"metrics,omitempty,flow" json:"-"`
	Keep    *Keep    `yaml:"keep,omitempty" json:"-"` // nil: every saved point stays

	File string `yaml:"-"` // where the recipe was read from
}

// Keep says which saved points of a run stay on disk; the others are removed once a
// newer one is whole. The final model is none of them.
type Keep struct {
	Last int `yaml:"last"` // the newest, >= 1; 1 when not given
	Best int `yaml:"best"` // those with the lowest loss on data.eval; points saved without an evaluation have none
}

// Student says how the teacher is converted or, with Folder, that it has been.
type Student struct {
	Mixer   string `yaml:"mixer,omitempty"`   // as --mixer takes it: "hedgehog,window=16"
	Keep    string `yaml:"keep,omitempty"`    // layers that stay softmax: none, all, every:n, first:n, last:n, layers:0,4 or @file
	Seeding string `yaml:"seeding,omitempty"` // empty: the mixer's own
	Folder  string `yaml:"folder,omitempty"`  // what convert wrote; the other fields are empty then

	// LayerMixers gives layers another mixer than Mixer: "1,3-5" → "hedgehog,window=16".
	LayerMixers map[string]string `yaml:"layer_mixers,omitempty" json:",omitempty"`
}

// Data is what a run reads.
type Data struct {
	Train  []Source `yaml:"train"`
	Eval   []Source `yaml:"eval,omitempty"` // empty: no evaluation
	SeqLen int      `yaml:"seq_len"`        // inputs of one window, >= 2

	// Packing is how documents fill windows: concat (when not given) joins them all,
	// documents gives each windows of its own.
	Packing string `yaml:"packing,omitempty" json:",omitempty"`
}

// Source is one file of documents.
type Source struct {
	Path      string `yaml:"path"`                // .txt, .jsonl, either with .gz, or .parquet
	Separator string `yaml:"separator,omitempty"` // .txt: between documents; empty: the file is one document
}

// Knobs are the settings that a stage may take from defaults.
type Knobs struct {
	BatchSize        int     `yaml:"batch_size"`        // windows per optimizer step and accumulated part, >= 1
	GradAccumulation int     `yaml:"grad_accumulation"` // parts per optimizer step, >= 1
	LearningRate     float64 `yaml:"learning_rate"`     // the schedule's peak, > 0
	Betas            Betas   `yaml:"betas,flow"`        // AdamW's, in [0, 1)
	Eps              float64 `yaml:"eps"`               // AdamW's, > 0
	WeightDecay      float64 `yaml:"weight_decay"`      // decoupled, >= 0
	ClipNorm         float64 `yaml:"clip_norm"`         // bound of the global gradient norm; 0: none
	Schedule         string  `yaml:"schedule"`          // cosine, wsd, linear, constant or plateau
	WarmupSteps      int     `yaml:"warmup_steps"`      // optimizer steps from 0 to the peak
	DecaySteps       int     `yaml:"decay_steps"`       // wsd: optimizer steps from the peak to the floor
	Floor            float64 `yaml:"floor"`             // the schedule's last value, plateau's least one, as a fraction of the peak, in [0, 1]
	EvalEvery        int     `yaml:"eval_every"`        // optimizer steps; 0: at the stage's end only
	SaveEvery        int     `yaml:"save_every"`        // optimizer steps; 0: at the stage's end only
	LogEvery         int     `yaml:"log_every"`         // optimizer steps per line of metrics, >= 1

	// Of schedule plateau alone: after more than Patience evaluations in a row that are no better
	// than the best one, the rate falls to Factor of what it was. 10 and 0.1 when not given.
	Patience int     `yaml:"patience,omitempty" json:",omitempty"` // evaluations, >= 1
	Factor   float64 `yaml:"factor,omitempty" json:",omitempty"`   // in (0, 1)
}

// Betas are AdamW's decay rates of the first and the second moment.
type Betas [2]float64

// Stage is one step of a recipe. Its knobs are the effective ones.
type Stage struct {
	Name  string `yaml:"name"`  // [a-z0-9-]+, unique in the recipe
	Kind  string `yaml:"kind"`  // align, distill or finetune
	Train string `yaml:"train"` // new, new+qkv, new+qkvo, mixers, all or lora
	Loss  Loss   `yaml:"loss"`
	LoRA  *LoRA  `yaml:"lora,omitempty"` // not nil exactly when Train is lora
	Steps int    `yaml:"steps"`          // optimizer steps, >= 1
	Knobs `yaml:",inline"`

	// Execution of an alignment is joint (when not given), all layers in every step, or
	// layerwise, one layer after the other, with nothing but that layer in memory.
	Execution  string `yaml:"execution,omitempty" json:",omitempty"`
	Layers     string `yaml:"layers,omitempty" json:",omitempty"`      // layerwise: align these layers alone, as 3-7 or 1,4; all when not given
	CacheDType string `yaml:"cache_dtype,omitempty" json:",omitempty"` // layerwise: of the hidden states on the disk, f32 (when not given) or bf16

	// LearningRates are the peaks of single groups: new (what the mixer added),
	// attention (the projections of linearized layers) and rest. See [Stage.Rate].
	LearningRates map[string]float64 `yaml:"learning_rates,omitempty"`

	TeacherLogits *TeacherLogits `yaml:"teacher_logits,omitempty" json:",omitempty"` // nil: the teacher runs beside the student

	// WindowDropout are the probabilities with which a part of a step is trained without
	// the softmax windows of linear mixers, one for each of as many equal parts of the
	// stage. Every key is then the linear branch's.
	WindowDropout Probabilities `yaml:"window_dropout,omitempty,flow" json:",omitempty"`
}

// Probabilities is a list of them; one alone may stand without brackets.
type Probabilities []float64

// Rate is the peak learning rate of a group: its own, or else the stage's.
func (s *Stage) Rate(group string) float64 {
	if rate, ok := s.LearningRates[group]; ok {
		return rate
	}
	return s.LearningRate
}

// Loss weighs the parts of a stage's objective; a weight of 0 leaves a part out.
// Those of an alignment are means over layers and tokens, all of distances between the
// student's and the teacher's attention output of a token except Attention.
type Loss struct {
	MSE       float64 `yaml:"mse"`                                    // align: mean square distance; 1000 when no part is given
	L2        float64 `yaml:"l2,omitempty" json:",omitempty"`         // align: length of the difference over the root of its width
	Cosine    float64 `yaml:"cosine,omitempty" json:",omitempty"`     // align: 1 − cosine
	Attention float64 `yaml:"attention,omitempty" json:",omitempty"`  // align: cross-entropy of the student's attention weights under the teacher's
	Target    string  `yaml:"target,omitempty"`                       // align: outputs pre_o (per head, before the output projection) or post_o
	KL        float64 `yaml:"kl"`                                     // distill: KL(teacher ‖ student) of the next token, mean over tokens; 1 when neither this nor ReverseKL is given
	ReverseKL float64 `yaml:"reverse_kl,omitempty" json:",omitempty"` // distill: KL(student ‖ teacher)
	CE        float64 `yaml:"ce"`                                     // distill, finetune: −ln p of the next token, mean over tokens

	Temperature float64 `yaml:"temperature"` // distill: divides both logits under KL and ReverseKL
}

// TeacherLogits says that a stage reads the teacher's logits from a file of the run: of
// each token the TopK highest, and what is left as one. The teacher reads each window once.
type TeacherLogits struct {
	TopK int `yaml:"top_k"` // >= 1
}

// LoRA is a low-rank update W + (Alpha/R)·B·A of the target matrices.
type LoRA struct {
	R       int      `yaml:"r"`                                   // rank, >= 1
	Alpha   float64  `yaml:"alpha"`                               // > 0; twice the rank when not given
	RSLoRA  bool     `yaml:"rslora,omitempty" json:",omitempty"`  // Alpha/√R instead of Alpha/R
	Dropout float64  `yaml:"dropout,omitempty" json:",omitempty"` // of the input of A·x, in training; in [0, 1)
	Targets []string `yaml:"targets,flow"`                        // modules by name, as q_proj or 3.self_attn.q_proj; attention (when not given): q, k, v and o, where the student has them; or all-linear alone

	// Save is what each saved point holds: merged (when not given), the student with the
	// update in its weights, or merged+adapter, beside it the update by itself as a PEFT
	// folder. It does not change what is trained.
	Save string `yaml:"save" json:"-"`
}
