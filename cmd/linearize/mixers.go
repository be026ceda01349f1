package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/arch"
	"github.com/seed-1411d8c0/linearize/internal/ui"
	"github.com/seed-1411d8c0/linearize/seeding"
)

func newMixersCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "mixers",
		Short: "List what can stand in a layer's attention, with options and state sizes",
		Long: `List the mixers, with their options, the methods that can seed them (convert
--seeding), and the size of the state that each carries from token to token.

An option is written after the name: --mixer hedgehog,window=16. A switch that
is off by default needs no value.`,
		Args: usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := describeMixers()
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
	Example stateExample `json:"state_example"` // what state_bytes was computed for
}

type mixerEntry struct {
	Name       string        `json:"name"`
	Doc        string        `json:"doc"`
	Source     string        `json:"source"`
	Options    []mixerOption `json:"options"`
	Seeding    []seedingInfo `json:"seeding"` // what convert --seeding takes
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
	Min     *int     `json:"min,omitempty"` // of integers
	Doc     string   `json:"doc"`
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

func describeMixers() (mixerList, error) {
	list := mixerList{Example: stateExample{"Llama-3.2-1B", 2048, 32, 8, 64, 8192}}
	e := list.Example
	model := &arch.Model{Hidden: e.Hidden, Heads: e.Heads, KVHeads: e.KVHeads, HeadDim: e.HeadDim}
	for _, name := range arch.Mixers() {
		mixer, err := arch.ParseMixer(name)
		if err != nil {
			return list, err
		}
		entry := mixerEntry{Name: name, Options: []mixerOption{}, Seeding: seedings(name), StateBytes: mixer.StateBytes(model, e.Tokens)}
		var options []arch.Option
		entry.Doc, entry.Source, options = arch.About(name)
		for _, o := range options {
			option := mixerOption{Name: o.Name, Default: o.Default, Choices: o.Choices, Doc: o.Doc}
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

func writeMixers(w io.Writer, list mixerList) error {
	for _, m := range list.Mixers {
		fmt.Fprintf(w, "%s: %s\n", m.Name, m.Doc)
		fmt.Fprintf(w, "  source: %s\n", m.Source)
		fmt.Fprintf(w, "  state:  %s\n", ui.FormatBytes(m.StateBytes))
		for _, o := range m.Options {
			fmt.Fprintf(w, "  %-22s %s\n", fmt.Sprintf("%s=%v", o.Name, o.Default), optionDoc(o))
		}
		for _, x := range m.Seeding {
			mark := ""
			if x.Default {
				mark = " (default)"
			}
			fmt.Fprintf(w, "  %-22s %s\n", "seeding "+x.Name+mark, x.Doc)
		}
		fmt.Fprintln(w)
	}
	e := list.Example
	_, err := fmt.Fprintf(w, "State is fp32, for one layer and one sequence, options at their defaults, at the\n"+
		"sizes of %s (%d heads, %d for keys, of %d) after %d tokens; only softmax's grows.\n",
		e.Model, e.Heads, e.KVHeads, e.HeadDim, e.Tokens)
	return err
}

func optionDoc(o mixerOption) string {
	if len(o.Choices) == 0 {
		return o.Doc
	}
	return o.Doc + " (" + strings.Join(o.Choices, " | ") + ")"
}
