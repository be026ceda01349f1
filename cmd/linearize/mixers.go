package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/bytesize"
	"github.com/seed-1411d8c0/linearize/seeding"
)

func newMixersCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "mixers [NAME]",
		Short: "List what can stand in a layer's attention, with options and state sizes",
		Long: `List the mixers, or show one: its options, the methods that can seed it (convert
--seeding), and the size of the state that it carries from token to token.

An option is written after the name: --mixer hedgehog,window=16. A switch that
is off by default needs no value. What several mixers can switch around their
recurrence (convolution, norms, positions, gate) is described once, at the end;
each mixer lists its own defaults.`,
		Example: `  linearize mixers
  linearize mixers gated-delta`,
		Args: takes(0, 1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return arch.Mixers(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			names := arch.Mixers()
			if len(args) > 0 {
				if !slices.Contains(names, args[0]) {
					return &usageError{&arch.MixerError{Spec: args[0], Problem: "there is no such mixer", Choices: names}}
				}
				names = args
			}
			all, err := describeMixers(names)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd, all)
			}
			return writeMixers(cmd.OutOrStdout(), all)
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

type mixerList struct {
	Mixers  []mixerEntry `json:"mixers"`
	Example stateExample `json:"state_example"` // what state and state_bytes were computed for
}

type mixerEntry struct {
	Name       string        `json:"name"`
	Doc        string        `json:"doc"`
	Source     string        `json:"source"`
	Options    []mixerOption `json:"options"`
	Seeding    []seedingInfo `json:"seeding"` // what convert --seeding takes
	State      []stateTensor `json:"state"`
	StateBytes int64         `json:"state_bytes"`
}

type seedingInfo struct {
	Name    string `json:"name"`
	Default bool   `json:"default"`
	Doc     string `json:"doc"`
	Source  string `json:"source"`
}

type mixerOption struct {
	Name    string   `json:"name"`
	Default any      `json:"default"`
	Choices []string `json:"choices,omitempty"`
	Min     *int     `json:"min,omitempty"`  // of integers
	With    string   `json:"with,omitempty"` // the option without which this one does nothing
	Shared  bool     `json:"shared"`         // several mixers have it
	Doc     string   `json:"doc"`
}

type stateTensor struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
}

// stateExample is the layer that state sizes are shown for.
type stateExample struct {
	Model   string `json:"model"`
	Hidden  int    `json:"hidden_size"`
	Heads   int    `json:"num_attention_heads"`
	KVHeads int    `json:"num_key_value_heads"`
	HeadDim int    `json:"head_dim"`
	Tokens  int    `json:"tokens"`
}

func describeMixers(names []string) (mixerList, error) {
	list := mixerList{Example: stateExample{"Llama-3.2-1B", 2048, 32, 8, 64, 8192}}
	e := list.Example
	model := &arch.Model{Hidden: e.Hidden, Heads: e.Heads, KVHeads: e.KVHeads, HeadDim: e.HeadDim}
	for _, name := range names {
		mixer, err := arch.ParseMixer(name)
		if err != nil {
			return list, err
		}
		entry := mixerEntry{
			Name: name, Options: []mixerOption{}, Seeding: seedings(name),
			State: []stateTensor{}, StateBytes: mixer.StateBytes(model, e.Tokens),
		}
		for _, s := range mixer.State(model, e.Tokens) {
			entry.State = append(entry.State, stateTensor(s))
		}
		var options []arch.Option
		entry.Doc, entry.Source, options = arch.About(name)
		for _, o := range options {
			option := mixerOption{Name: o.Name, Default: o.Default, Choices: o.Choices, With: o.With, Shared: arch.Shared(o.Name), Doc: o.Doc}
			if _, ok := o.Default.(int); ok {
				option.Min = &o.Min
			}
			entry.Options = append(entry.Options, option)
		}
		list.Mixers = append(list.Mixers, entry)
	}
	return list, nil
}

// seedings lists the methods that fit a mixer.
func seedings(mixer string) []seedingInfo {
	all := []seedingInfo{}
	for _, name := range seeding.Methods(mixer) {
		doc, source := seeding.About(name)
		all = append(all, seedingInfo{name, name == seeding.DefaultMethod(mixer), doc, source})
	}
	return all
}

// optionColumn is how wide what stands before an option's description is.
const optionColumn = 26

func writeMixers(w io.Writer, list mixerList) error {
	line := func(what, doc string) { fmt.Fprintf(w, "  %-*s %s\n", optionColumn, what, doc) }
	var shared []mixerOption
	for _, m := range list.Mixers {
		fmt.Fprintf(w, "%s: %s\n", m.Name, m.Doc)
		fmt.Fprintf(w, "  source: %s\n", m.Source)
		fmt.Fprintf(w, "  state:  %s%s\n", bytesize.Format(m.StateBytes), stateShapes(m.State))
		var common []string
		for _, o := range m.Options {
			if !o.Shared {
				line(setting(o), optionDoc(o))
				continue
			}
			common = append(common, setting(o))
			if !slices.ContainsFunc(shared, func(s mixerOption) bool { return s.Name == o.Name }) {
				shared = append(shared, o)
			}
		}
		if len(common) > 0 {
			fmt.Fprintf(w, "  shared: %s\n", strings.Join(common, " "))
		}
		for _, x := range m.Seeding {
			mark := ""
			if x.Default {
				mark = " (default)"
			}
			line("seeding "+x.Name+mark, x.Doc)
		}
		fmt.Fprintln(w)
	}
	if len(shared) > 0 {
		fmt.Fprintln(w, "Shared switches:")
		for _, o := range shared {
			line(o.Name, optionDoc(o))
		}
		fmt.Fprintln(w)
	}
	e := list.Example
	_, err := fmt.Fprintf(w, "State is fp32, for one layer and one sequence, options at their defaults, at the\n"+
		"sizes of %s (%d heads, %d for keys, of %d) after %d tokens; only that of softmax\n"+
		"without a window grows.\n",
		e.Model, e.Heads, e.KVHeads, e.HeadDim, e.Tokens)
	return err
}

func setting(o mixerOption) string { return fmt.Sprintf("%s=%v", o.Name, o.Default) }

// stateShapes is ": memory [32 64 64], conv [3 3072]".
func stateShapes(state []stateTensor) string {
	var all []string
	for _, s := range state {
		all = append(all, fmt.Sprintf("%s %v", s.Name, s.Shape))
	}
	return ": " + strings.Join(all, ", ")
}

func optionDoc(o mixerOption) string {
	doc := o.Doc
	if len(o.Choices) > 0 {
		doc += " (" + strings.Join(o.Choices, " | ") + ")"
	}
	if o.With != "" {
		doc += "; with " + o.With
	}
	return doc
}
