package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

// The part of docs/cli.md between these lines is written from the commands
// themselves: UPDATE_GOLDEN=1 go test ./cmd/linearize -run TestCommandReference.
const (
	referenceBegin = "<!-- commands: written by `make golden` -->\n"
	referenceEnd   = "<!-- end of commands -->\n"
	cliDoc         = "../../docs/cli.md"
)

func TestCommandReference(t *testing.T) {
	data, err := os.ReadFile(cliDoc)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(data), referenceBegin)
	got, after, ok2 := strings.Cut(rest, referenceEnd)
	if !ok || !ok2 {
		t.Fatalf("%s lacks the lines that frame the commands", cliDoc)
	}
	var want strings.Builder
	root := newRoot()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" { // cobra's own pages would be half of the file
			cmd.Use += " bash|fish|powershell|zsh"
			cmd.Long = cmd.Short + "; --help after the shell's name says how to load it."
			cmd.Run, cmd.RunE = func(*cobra.Command, []string) {}, nil
			cmd.RemoveCommand(cmd.Commands()...)
		}
	}
	writeReference(&want, root)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		doc := before + referenceBegin + want.String() + referenceEnd + after
		if err := os.WriteFile(cliDoc, []byte(doc), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want.String(), got); diff != "" {
		t.Errorf("%s is not what the commands say; run `make golden` (-commands +file):\n%s", cliDoc, diff)
	}
}

func writeReference(b *strings.Builder, parent *cobra.Command) {
	for _, cmd := range parent.Commands() {
		if cmd.Hidden || cmd.Name() == "help" {
			continue
		}
		parts := []string{"### " + cmd.CommandPath()}
		if cmd.Runnable() {
			parts = append(parts, "    "+cmd.UseLine())
		}
		if cmd.Long != "" {
			parts = append(parts, strings.TrimSpace(cmd.Long))
		} else {
			parts = append(parts, cmd.Short+".")
		}
		if flags := cmd.LocalFlags().FlagUsages(); flags != "" {
			parts = append(parts, "```text\n"+unindent(flags)+"\n```")
		}
		if cmd.Example != "" {
			parts = append(parts, "```sh\n"+unindent(cmd.Example)+"\n```")
		}
		fmt.Fprintf(b, "\n%s\n", strings.Join(parts, "\n\n"))
		writeReference(b, cmd)
	}
	if !parent.HasParent() {
		b.WriteString("\n")
	}
}

func unindent(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimPrefix(line, "  "))
	}
	return strings.TrimRight(b.String(), "\n")
}

// Every command with --json has a row of keys in docs/cli.md; those that run
// without arguments print no key that the row lacks.
func TestJSONReference(t *testing.T) {
	doc, err := os.ReadFile(cliDoc)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `linearize (.*) --json` \\| (.*) \\|$").FindAllStringSubmatch(string(doc), -1) {
		rows[row[1]] = row[2]
	}
	have := map[string]bool{}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, c := range cmd.Commands() {
			walk(c)
		}
		if cmd.Flags().Lookup("json") == nil {
			return
		}
		path := strings.TrimPrefix(cmd.CommandPath(), "linearize ")
		have[path] = true
		if cmd.Args(cmd, nil) != nil {
			return
		}
		args := append(strings.Fields(path), "--json")
		if cmd.Flags().Lookup("bench") != nil {
			args = append(args, "--bench", "0")
		}
		var stdout, stderr bytes.Buffer
		if code := run(args, &stdout, &stderr); code != exitOK {
			t.Errorf("linearize %s --json: exit code %d: %s", path, code, &stderr)
		}
		var keys map[string]any
		if err := json.Unmarshal(stdout.Bytes(), &keys); err != nil {
			t.Errorf("linearize %s --json: %v", path, err)
		}
		for key := range keys {
			if !strings.Contains(rows[path], "`"+key+"`") {
				t.Errorf("%s: the row of linearize %s --json lacks `%s`", cliDoc, path, key)
			}
		}
	}
	walk(newRoot())
	if diff := cmp.Diff(slices.Sorted(maps.Keys(have)), slices.Sorted(maps.Keys(rows))); diff != "" {
		t.Errorf("commands with --json (-commands +rows of %s):\n%s", cliDoc, diff)
	}
}

// Every LINEARIZE_ variable that the program reads is in docs/cli.md, and no other.
func TestEnvironmentReference(t *testing.T) {
	variable := regexp.MustCompile(`LINEARIZE_[A-Z_]+`)
	read := map[string]bool{}
	err := filepath.WalkDir("../..", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		data, err := os.ReadFile(path)
		for _, name := range variable.FindAllString(string(data), -1) {
			read[name] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile(cliDoc)
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, name := range variable.FindAllString(string(doc), -1) {
		documented[name] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(read)), slices.Sorted(maps.Keys(documented))); diff != "" {
		t.Errorf("variables (-read +documented in %s):\n%s", cliDoc, diff)
	}
}

// What README and docs show in ```console blocks is run, in the order of a file
// and in one folder that has ../shared beside it, and must print what is shown.
// A line "..." stands for any lines.
func TestConsoleBlocks(t *testing.T) {
	files, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	shared, err := filepath.Abs(filepath.Dir(sharedData))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "../../README.md") {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		commands := consoleCommands(string(data))
		if len(commands) == 0 {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			beside := t.TempDir()
			work := filepath.Join(beside, "work")
			if err := os.Mkdir(work, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(shared, filepath.Join(beside, "shared")); err != nil {
				t.Fatal(err)
			}
			for _, c := range commands {
				if _, err := os.Stat(shared); err != nil && strings.Contains(c.line, "../shared/") {
					t.Skipf("%s: real data is not beside this checkout", c.line)
				}
				cmd := exec.Command("sh", "-c", c.line)
				cmd.Dir = work
				got, _ := cmd.CombinedOutput() // a failure shown is shown with its message
				if !matches(c.output, string(got)) {
					t.Errorf("$ %s\n%s\nis shown as\n%s", c.line, got, c.output)
				}
			}
		})
	}
}

type consoleCommand struct{ line, output string }

func consoleCommands(doc string) []consoleCommand {
	var out []consoleCommand
	inside := false
	for line := range strings.Lines(doc) {
		text := strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(text, "```"):
			inside = text == "```console"
		case !inside:
		case strings.HasPrefix(text, "$ "):
			out = append(out, consoleCommand{line: text[2:]})
		case len(out) > 0:
			out[len(out)-1].output += line
		}
	}
	return out
}

func matches(shown, got string) bool {
	pattern := regexp.QuoteMeta(shown)
	pattern = regexp.MustCompile(`(?m)^\\\.\\\.\\\.\n`).ReplaceAllString(pattern, `(?:.*\n)*?`)
	return regexp.MustCompile(`^` + pattern + `$`).MatchString(got)
}

func TestMatches(t *testing.T) {
	for _, tt := range []struct {
		shown, got string
		want       bool
	}{
		{"a\nb\n", "a\nb\n", true},
		{"a.\n", "ab\n", false},
		{"a\n...\nd\n", "a\nb\nc\nd\n", true},
		{"a\n...\nd\n", "a\nd\n", true},
		{"a\n...\n", "a\n", true},
		{"a\n", "a\nb\n", false},
		{"...\nb\n", "a\n", false},
	} {
		if got := matches(tt.shown, tt.got); got != tt.want {
			t.Errorf("matches(%q, %q) = %v, want %v", tt.shown, tt.got, got, tt.want)
		}
	}
}
