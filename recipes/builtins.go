package recipes

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/seed-1411d8c0/linearize/internal/typo"
)

//go:embed *.yaml
var files embed.FS

// Builtin returns the names of the recipes that are part of the tool, sorted.
func Builtin() []string {
	entries, err := fs.Glob(files, "*.yaml")
	if err != nil {
		panic(err) // only a malformed pattern fails
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e, ".yaml"))
	}
	return names
}

// UnknownError reports a name that [Builtin] does not list.
type UnknownError struct{ Name string }

func (e *UnknownError) Error() string { return fmt.Sprintf("no built-in recipe %q", e.Name) }

// Hint names the recipe that was probably meant, or all of them.
func (e *UnknownError) Hint() string {
	if near := typo.Nearest(e.Name, Builtin()); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "there are " + strings.Join(Builtin(), ", ")
}

// Cat returns the text of a built-in recipe. The error is an [*UnknownError].
func Cat(name string) ([]byte, error) {
	data, err := files.ReadFile(name + ".yaml")
	if err != nil {
		return nil, &UnknownError{name}
	}
	return data, nil
}
