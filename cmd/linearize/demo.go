package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/convert"
	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/bytesize"
	"github.com/seed-1411d8c0/linearize/internal/demo"
	"github.com/seed-1411d8c0/linearize/internal/fsx"
	"github.com/seed-1411d8c0/linearize/recipes"
)

func newDemoCmd() *cobra.Command {
	var c demoCmd
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Turn a small trained Transformer into linear models, start to end",
		Long: `Turn a small trained Transformer into two students, a linear one and a hybrid
that keeps softmax in a quarter of its layers, and show what each stage does to
their loss and what they write. It takes under 3 minutes on 2 cores and needs no
network.

The teacher is part of the program: a Llama trained on the Go standard library. The
text is that library too, as this machine has it; losses are measured on files that
the teacher never saw. --text takes another text, for machines without Go.

The folder keeps everything: the teacher, the text, the recipe (recipes cat demo),
and a run folder for each student. The same command continues where it stopped.`,
		Example: `  linearize demo
  linearize demo -o longer --set stages[2].steps=1000
  linearize generate linearize-demo/linear/final --prompt 'func (b *Buffer) '`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return c.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVarP(&c.dir, "output", "o", "linearize-demo", "folder to work in")
	f.StringVar(&c.text, "text", "", "`file` of text to use instead of the Go library's source")
	setFlag(cmd, &c.sets)
	f.BoolVar(&c.overwrite, "overwrite", false, "start over in a folder that holds a demo")
	engineFlag(cmd, &c.engine)
	return cmd
}

type demoCmd struct {
	dir, text, engine string
	sets              []string
	overwrite         bool
}

// demoRecipe is the built-in recipe, and its file in the demo's folder.
const demoRecipe = "demo"

// demoStudents differ in one value of the recipe.
var demoStudents = []struct{ name, keep string }{
	{"linear", "none"},
	{"hybrid", "every:4"},
}

func (c *demoCmd) run(cmd *cobra.Command) error {
	began := time.Now()
	for _, set := range c.sets {
		for _, key := range []string{"student.keep", "output_dir", "data.eval", "teacher"} {
			if strings.HasPrefix(set, key) {
				return usagef("--set %s: the demo sets %s itself; linearize distill takes the recipe with any", set, key)
			}
		}
	}
	if err := c.checkFolder(); err != nil {
		return err
	}
	source, err := c.prepare()
	if err != nil {
		return err
	}
	plans, err := c.plans()
	if err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	if err := c.introduce(w, plans, source); err != nil {
		return err
	}
	finals := make([]string, len(plans))
	for i, p := range plans {
		if finals[i], err = c.distill(cmd, demoStudents[i].name, p); err != nil {
			return err
		}
	}
	if err := demoLosses(w, plans); err != nil {
		return err
	}
	if err := c.continuations(cmd, plans[0].Teacher, finals); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, `
Each of these is a complete model folder:

    %s
    %s
    %s

    linearize generate %[3]s --prompt 'func (b *Buffer) '
    linearize eval %[3]s --against %[1]s --ppl %[4]s --separator '<|endoftext|>'

Run folder: %[5]s, with the recipe, the text, and both runs with their metrics and
every stage's model. All of it took %[6]s.
`, plans[0].Teacher, finals[0], finals[1], filepath.Join(c.dir, "heldout.txt"), c.dir, time.Since(began).Round(time.Second))
	return err
}

// prepare writes teacher, text and recipe, and says where the text comes from.
func (c *demoCmd) prepare() (source string, err error) {
	recipe, err := recipes.Cat(demoRecipe)
	if err != nil {
		return "", err
	}
	files := map[string][]byte{demoRecipe + ".yaml": recipe}
	teacher, err := demo.Teacher()
	if err != nil {
		return "", err
	}
	for name, data := range teacher {
		files[filepath.Join("teacher", name)] = data
	}
	text, err := c.read()
	if err != nil {
		return "", err
	}
	files["train.txt"], files["heldout.txt"] = text.Train, text.HeldOut
	if err := c.place(files); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, %s to train on and %s held out",
		text.Source, bytesize.Format(int64(len(text.Train))), bytesize.Format(int64(len(text.HeldOut)))), nil
}

func (c *demoCmd) read() (*demo.Text, error) {
	if c.text != "" {
		return demo.FromFile(c.text)
	}
	return demo.FromGo()
}

// demoFolderError reports a folder that this demo cannot go on in.
type demoFolderError struct{ dir, problem, hint string }

func (e *demoFolderError) Error() string { return fmt.Sprintf("demo folder %s: %s", e.dir, e.problem) }
func (e *demoFolderError) Hint() string  { return e.hint }
func (*demoFolderError) ExitCode() int   { return exitInvalid }

// checkFolder refuses a folder that is not empty and not a demo's.
func (c *demoCmd) checkFolder() error {
	if err := checkpoints.CheckFolder(c.dir); err != nil {
		return invalid(err)
	}
	entries, err := os.ReadDir(c.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) > 0 && !c.holdsDemo() {
		return &demoFolderError{c.dir, "it is not empty and holds no demo", "choose another folder with -o"}
	}
	return nil
}

// holdsDemo reports whether a demo made the folder; its recipe alone may be
// somebody's own copy.
func (c *demoCmd) holdsDemo() bool {
	for _, name := range []string{demoRecipe + ".yaml", filepath.Join("teacher", "config.json"), "train.txt"} {
		if _, err := os.Stat(filepath.Join(c.dir, name)); err != nil {
			return false
		}
	}
	return true
}

// place puts the files into the demo's folder. What is there already must be the
// same: otherwise the runs there are of another demo.
func (c *demoCmd) place(files map[string][]byte) error {
	if c.overwrite && c.holdsDemo() {
		if here, err := filepath.Abs(c.dir); err != nil || isWorkingDir(here) {
			return &demoFolderError{c.dir, "it is the working directory", "start over from outside of it"}
		}
		if err := os.RemoveAll(c.dir); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(c.dir, name)
		switch old, err := os.ReadFile(path); {
		case err == nil && bytes.Equal(old, files[name]):
			continue
		case err == nil:
			return &demoFolderError{
				c.dir, "its " + name + " is not that of this demo",
				"choose another folder with -o, or start over with --overwrite",
			}
		case !errors.Is(err, fs.ErrNotExist):
			return err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := fsx.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

func isWorkingDir(dir string) bool {
	here, err := os.Getwd()
	return err == nil && (here == dir || strings.HasPrefix(here, dir+string(filepath.Separator)))
}

// plans makes the plan of each student's run.
func (c *demoCmd) plans() ([]*distill.Plan, error) {
	var plans []*distill.Plan
	for _, s := range demoStudents {
		sets := append(slices.Clone(c.sets), "student.keep="+s.keep)
		r, err := recipes.Load(filepath.Join(c.dir, demoRecipe+".yaml"), sets...)
		if err != nil {
			return nil, err
		}
		p, err := distill.NewPlan(r, distill.Options{Run: filepath.Join(c.dir, s.name), Version: buildVersion().Version, Engine: c.engine})
		if err != nil {
			return nil, err
		}
		plans = append(plans, p)
	}
	return plans, nil
}

// introduce says what is about to happen.
func (c *demoCmd) introduce(w io.Writer, plans []*distill.Plan, source string) error {
	teacher, err := convert.Inspect(plans[0].Teacher)
	if err != nil {
		return err
	}
	fmt.Fprint(w, "A Transformer that writes Go becomes a linear model.\n\n")
	fmt.Fprintf(w, "teacher  %s, %.2f million parameters, %d layers of softmax attention\n",
		teacher.Family, float64(teacher.Parameters)/1e6, teacher.Sizes.Layers)
	for i, p := range plans {
		layers := "every layer"
		if n := p.Conversion.Converted(); n < len(p.Conversion.Layers) {
			layers = fmt.Sprintf("%d of %d layers", n, len(p.Conversion.Layers))
		}
		fmt.Fprintf(w, "%-7s  %s in place of softmax in %s\n", demoStudents[i].name, p.Conversion.Options.Mixer, layers)
	}
	fmt.Fprintf(w, "text     %s\n", source)
	_, err = fmt.Fprintf(w, "stages   %s\n", demoStages(plans[0]))
	return err
}

// distill runs one student's stages. What a run prints goes to a file: two of them
// would bury the demo's own words.
func (c *demoCmd) distill(cmd *cobra.Command, name string, p *distill.Plan) (final string, err error) {
	log, err := os.OpenFile(filepath.Join(c.dir, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	env := distillEnv(cmd)
	env.Out = log
	progress := env.Progress
	env.Progress = func(label string, total int64) distill.Progress { return progress(name+" "+label, total) }
	return p.Run(cmd.Context(), env)
}
