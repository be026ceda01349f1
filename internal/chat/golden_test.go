package chat_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/chat"
)

// golden is what tools/golden/chat.py writes.
type golden struct {
	Now           time.Time
	Special       map[string]string
	Conversations map[string][]chat.Message
	Templates     map[string]map[string]outcome // by template and conversation
}

// outcome is a text, with the spans of generation blocks; or an error that the
// template raised; or another one.
type outcome struct {
	Text         *string
	Spans        [][2]int
	Error, Fails string
}

func readGolden(t *testing.T, dir string) golden {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var g golden
	if err := json.Unmarshal(raw, &g); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g golden) template(t *testing.T, dir, name string) *chat.Template {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	template, err := chat.Parse(name, string(source), g.Special)
	if err != nil {
		t.Fatal(err)
	}
	return template.At(g.Now)
}

// TestGolden renders our own templates, which write the formats of real models, and
// compares with what transformers made of them.
func TestGolden(t *testing.T) { testGolden(t, "testdata") }

// TestRealTemplates does the same with templates that this repository may not carry.
func TestRealTemplates(t *testing.T) {
	dir := os.Getenv("LINEARIZE_CHAT_TEMPLATES")
	if dir == "" {
		t.Skip("LINEARIZE_CHAT_TEMPLATES names no folder with templates and the golden.json of tools/golden/chat.py")
	}
	testGolden(t, dir)
}

func testGolden(t *testing.T, dir string) {
	t.Helper()
	g := readGolden(t, dir)
	if len(g.Templates) == 0 {
		t.Fatal("golden.json has no templates")
	}
	for name, cases := range g.Templates {
		t.Run(name, func(t *testing.T) {
			template := g.template(t, dir, name)
			for label, want := range cases {
				conversation, prompt := strings.CutSuffix(label, ", prompt")
				got, err := template.Render(g.Conversations[conversation], prompt)
				var refused *chat.RefusedError
				switch {
				case want.Text != nil && (err != nil || got != *want.Text):
					t.Errorf("%s: got %q, %v\nwant %q", label, got, err, *want.Text)
				case want.Error != "" && (!errors.As(err, &refused) || refused.Message != want.Error):
					t.Errorf("%s: got %q, %v\nwant the error %s", label, got, err, want.Error)
				case want.Fails != "" && err == nil:
					t.Errorf("%s: got %q\nwant an error such as %s", label, got, want.Fails)
				}
				if want.Spans == nil || prompt {
					continue
				}
				_, spans, err := template.RenderSpans(g.Conversations[conversation])
				if err != nil {
					t.Errorf("%s: %v", label, err)
				}
				wanted := []chat.Span{}
				for _, s := range want.Spans {
					wanted = append(wanted, chat.Span{Start: s[0], End: s[1]})
				}
				if len(wanted) > 0 && !slices.Equal(spans, wanted) {
					t.Errorf("%s: spans are %v, want %v", label, spans, wanted)
				}
			}
		})
	}
}
