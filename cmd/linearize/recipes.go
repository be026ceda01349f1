package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/internal/ui"
	"github.com/seed-1411d8c0/linearize/recipes"
)

func newRecipesCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "recipes",
		Short: "List, show and copy the built-in recipes",
		Args:  usage(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newRecipesLsCmd(), newRecipesCatCmd(), newRecipesCpCmd())
	return cmd
}

func newRecipesLsCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls",
		Short: "List the built-in recipes",
		Args:  usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := builtinRecipes()
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(cmd, recipeList{all})
			}
			t := ui.NewTable("name", "mixer", "keep", "stages", "steps")
			for _, r := range all {
				t.Row(r.Name, r.Mixer, r.Keep, strings.Join(r.Stages, ", "), strconv.Itoa(r.Steps))
			}
			return t.Write(cmd.OutOrStdout())
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

// recipeList is what --json prints.
type recipeList struct {
	Recipes []recipeEntry `json:"recipes"`
}

// recipeEntry is a line of the list.
type recipeEntry struct {
	Name    string   `json:"name"`
	Teacher string   `json:"teacher"`
	Mixer   string   `json:"mixer"`
	Keep    string   `json:"keep"`
	Stages  []string `json:"stages"`
	Steps   int      `json:"steps"` // of all stages
}

// builtinRecipes reads all recipes of the binary.
func builtinRecipes() ([]recipeEntry, error) {
	var all []recipeEntry
	for _, name := range recipes.Builtin() {
		data, err := recipes.Cat(name)
		if err != nil {
			return nil, err
		}
		r, err := recipes.Parse(name+".yaml", data)
		if err != nil {
			return nil, err
		}
		e := recipeEntry{Name: name, Teacher: r.Teacher, Mixer: r.Student.Mixer, Keep: r.Student.Keep}
		for _, s := range r.Stages {
			e.Stages = append(e.Stages, s.Name)
			e.Steps += s.Steps
		}
		all = append(all, e)
	}
	return all, nil
}

func newRecipesCatCmd() *cobra.Command {
	return &cobra.Command{
		Use:               "cat NAME",
		Short:             "Print a built-in recipe",
		Args:              takes(1, 1),
		ValidArgsFunction: completeRecipes,
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := recipes.Cat(args[0])
			if err != nil {
				return &usageError{err}
			}
			_, err = cmd.OutOrStdout().Write(data)
			return err
		},
	}
}

func newRecipesCpCmd() *cobra.Command {
	return &cobra.Command{
		Use:               "cp NAME [FILE]",
		Short:             "Copy a built-in recipe to a file of your own",
		Long:              "Copy a built-in recipe to FILE, a folder or a file; without one, to NAME.yaml.\nA file that exists is not overwritten. Prints the path.",
		Args:              takes(1, 2),
		ValidArgsFunction: completeRecipes,
		RunE: func(cmd *cobra.Command, args []string) error {
			data, err := recipes.Cat(args[0])
			if err != nil {
				return &usageError{err}
			}
			path := args[0] + ".yaml"
			if len(args) == 2 {
				path = args[1]
				if info, err := os.Stat(path); err == nil && info.IsDir() {
					path = filepath.Join(path, args[0]+".yaml")
				}
			}
			if err := writeNew(path, data); err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), path)
			return err
		},
	}
}

// writeNew writes a file that must not exist, whole or not at all.
func writeNew(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("write %s: the file exists, and is not overwritten", path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// completeRecipes offers their names to the shell.
func completeRecipes(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return recipes.Builtin(), cobra.ShellCompDirectiveNoFileComp
}
