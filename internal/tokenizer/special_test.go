package tokenizer_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/internal/tokenizer"
)

func TestSpecialTokens(t *testing.T) {
	for _, tt := range []struct {
		name, config string // "": there is no such file
		want         map[string]string
		wantErr      string
	}{
		{name: "no file"},
		{name: "none", config: `{"model_max_length": 8}`, want: map[string]string{}},
		{
			name:   "both forms and null",
			config: `{"bos_token": {"content": "<s>", "special": true}, "eos_token": "</s>", "pad_token": null}`,
			want:   map[string]string{"bos_token": "<s>", "eos_token": "</s>"},
		},
		{name: "a number", config: `{"eos_token": 2}`, wantErr: "tokenizer_config.json: eos_token: want a string or an object with content"},
		{name: "an object without content", config: `{"unk_token": {}}`, wantErr: "tokenizer_config.json: unk_token: want a string"},
		{name: "no JSON", config: `{`, wantErr: "tokenizer_config.json: unexpected end of JSON input"},
	} {
		dir := t.TempDir()
		if tt.config != "" {
			if err := os.WriteFile(filepath.Join(dir, "tokenizer_config.json"), []byte(tt.config), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := tokenizer.SpecialTokens(dir)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: SpecialTokens() (-want +got):\n%s", tt.name, diff)
		}
		if (err != nil) != (tt.wantErr != "") || err != nil && !strings.Contains(err.Error(), tt.wantErr) {
			t.Errorf("%s: SpecialTokens() = %v, want an error with %q", tt.name, err, tt.wantErr)
		}
	}
}
