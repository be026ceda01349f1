package tokenizer

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGolden compares with what Hugging Face's tokenizers gives for small files
// that use one option each; testdata/make_golden.py writes them.
func TestGolden(t *testing.T) {
	type golden struct {
		Texts []string
		Bases map[string]map[string]any
		Cases []struct {
			Name string
			Base string
			Set  map[string]any
			Want [][3]json.RawMessage // ids, text, text without special tokens
		}
	}
	g := readJSON[golden](t, "testdata/golden.json")
	for _, tc := range g.Cases {
		t.Run(tc.Name, func(t *testing.T) {
			tok, err := Parse(tc.Name, patched(t, g.Bases[tc.Base], tc.Set))
			if err != nil {
				t.Fatal(err)
			}
			for i, text := range g.Texts {
				var ids []int
				var with, without string
				for k, into := range []any{&ids, &with, &without} {
					if err := json.Unmarshal(tc.Want[i][k], into); err != nil {
						t.Fatal(err)
					}
				}
				same(t, text, tok.Encode(text), ids)
				if got := tok.Decode(ids, false); got != with {
					t.Errorf("decode %q: %s", text, cmp.Diff(with, got))
				}
				if got := tok.Decode(ids, true); got != without {
					t.Errorf("decode %q without special tokens: %s", text, cmp.Diff(without, got))
				}
				if got := streamed(t, tok, ids); got != without {
					t.Errorf("stream %q: %s", text, cmp.Diff(without, got))
				}
			}
		})
	}
}

// patched returns base as JSON with values replaced by dotted path.
func patched(tb testing.TB, base, set map[string]any) []byte {
	tb.Helper()
	base = maps.Clone(base)
	for path, value := range set {
		at := base
		for {
			key, rest, deeper := strings.Cut(path, ".")
			if !deeper {
				at[key] = value
				break
			}
			child := maps.Clone(at[key].(map[string]any))
			at[key], at, path = child, child, rest
		}
	}
	data, err := json.Marshal(base)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}
