package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/seed-1411d8c0/linearize/recipes"
)

func newValidateCmd() *cobra.Command {
	var sets []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "validate RECIPE...",
		Short: "Check recipes without running them",
		Long: `Check recipes without running them. Every problem of every file is reported, with
line and column. Neither teacher nor data is read; distill --dry-run checks those too.`,
		Args: takes(1, anyNumber),
		Example: `  linearize validate stories.yaml
  linearize validate recipes/*.yaml --set seed=1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			var errs []error
			list := validation{Recipes: []validatedRecipe{}}
			for _, path := range args {
				_, err := recipes.Load(path, sets...)
				list.Recipes = append(list.Recipes, newValidatedRecipe(path, err))
				switch {
				case err != nil:
					errs = append(errs, invalid(err))
				case !asJSON:
					fmt.Fprintf(cmd.OutOrStdout(), "%s: ok\n", path)
				}
			}
			if asJSON {
				errs = append(errs, printJSON(cmd, list))
			}
			return errors.Join(errs...)
		},
	}
	setFlag(cmd, &sets)
	jsonFlag(cmd, &asJSON)
	return cmd
}

// setFlag adds --set to a command that reads a recipe.
func setFlag(cmd *cobra.Command, sets *[]string) {
	cmd.Flags().StringArrayVar(sets, "set", nil, "replace a value of the recipe, such as stages[0].steps=10; may be repeated")
}

type validation struct {
	Recipes []validatedRecipe `json:"recipes"`
}

type validatedRecipe struct {
	File     string          `json:"file"`
	Valid    bool            `json:"valid"`
	Problems []recipeProblem `json:"problems"`
}

// recipeProblem is one complaint. Line and column count from 1; file is "--set",
// and line the number of the assignment, when the place is not in the recipe.
type recipeProblem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Message string `json:"message"`
}

func newValidatedRecipe(path string, err error) validatedRecipe {
	v := validatedRecipe{File: path, Valid: err == nil, Problems: []recipeProblem{}}
	e, ok := errors.AsType[*recipes.Error](err)
	if !ok {
		if err != nil {
			v.Problems = append(v.Problems, recipeProblem{File: path, Message: err.Error()})
		}
		return v
	}
	for _, p := range e.Problems {
		file := path
		if p.File != "" {
			file = p.File
		}
		v.Problems = append(v.Problems, recipeProblem{file, p.Line, p.Column, p.Message})
	}
	return v
}
