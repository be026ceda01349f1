package chat_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/chat"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

var question = []chat.Message{{Role: "user", Content: "Who?"}}

// folder makes a model's folder of these files.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoad(t *testing.T) {
	const tokens = `"bos_token": {"content": "<s>", "special": true}, "eos_token": "</s>", "unk_token": null`
	for name, c := range map[string]struct {
		files map[string]string
		want  string
	}{
		"own file":       {map[string]string{"chat_template.jinja": "file {{ bos_token }}", "tokenizer_config.json": `{"chat_template": "config", ` + tokens + `}`}, "file <s>"},
		"own file alone": {map[string]string{"chat_template.jinja": "file {{ bos_token is defined }}"}, "file False"},
		"config":         {map[string]string{"tokenizer_config.json": `{"chat_template": "{{ eos_token }} {{ unk_token is defined }} {{ pad_token is defined }}", ` + tokens + `}`}, "</s> False False"},
		"several":        {map[string]string{"tokenizer_config.json": `{"chat_template": [{"name": "tool_use", "template": "a"}, {"name": "default", "template": "b"}]}`}, "b"},
		"no tools":       {map[string]string{"chat_template.jinja": "{{ tools is none }} {{ documents is none }} {{ enable_thinking is defined }}"}, "True True False"},
	} {
		t.Run(name, func(t *testing.T) {
			template, err := chat.Load(folder(t, c.files))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := template.Render(question, true); err != nil || got != c.want {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestLoadErrors(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string // after the folder
	}{
		"nothing":     {nil, " has no chat template: no chat_template.jinja, no chat_template in tokenizer_config.json"},
		"null":        {map[string]string{"tokenizer_config.json": `{"chat_template": null}`}, " has no chat template: no chat_template.jinja, no chat_template in tokenizer_config.json"},
		"no default":  {map[string]string{"tokenizer_config.json": `{"chat_template": [{"name": "rag", "template": ""}, {"name": "b", "template": ""}]}`}, "/tokenizer_config.json: chat_template has b, rag, want default"},
		"a number":    {map[string]string{"tokenizer_config.json": `{"chat_template": 1}`}, "/tokenizer_config.json: chat_template: want a string or a list of name and template"},
		"no JSON":     {map[string]string{"tokenizer_config.json": `{`}, "/tokenizer_config.json: unexpected end of JSON input"},
		"token":       {map[string]string{"tokenizer_config.json": `{"bos_token": 1}`}, "/tokenizer_config.json: bos_token: want a string or an object with content"},
		"broken":      {map[string]string{"chat_template.jinja": "\n{{ a"}, "/chat_template.jinja: line 2: a tag has no }}"},
		"broken also": {map[string]string{"tokenizer_config.json": `{"chat_template": "{{ a"}`}, "/tokenizer_config.json: chat_template: line 1: a tag has no }}"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, c.files)
			_, err := chat.Load(dir)
			var missing *chat.MissingError
			if err == nil || err.Error() != dir+c.want && err.Error() != "read "+dir+c.want {
				t.Errorf("got %v, want %s", err, dir+c.want)
			}
			if wantMissing := name == "nothing" || name == "null" || name == "no default"; errors.As(err, &missing) != wantMissing {
				t.Errorf("got a %T", err)
			}
		})
	}
}

// Qwen2.5's own template: a default system turn, and none where there is one.
func TestQwen(t *testing.T) {
	template, err := chat.Load(testdata.Shared(t, "tokenizers", "qwen2.5"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := template.Render(append([]chat.Message{{Role: "system", Content: "Be brief."}}, question...), true)
	if want := "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestRenderErrors(t *testing.T) {
	template, err := chat.Parse("t", "{{ messages[1].content }}{{ raise_exception('no') }}", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = template.Render(nil, false)
	if want := "render a conversation: it has no messages"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	_, err = template.Render(question, false)
	if want := `render a conversation by t: line 1: a list of 1 has no item 1`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAt(t *testing.T) {
	template, err := chat.Parse("t", "{{ strftime_now('%Y') }}", nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := template.At(time.Date(1999, 1, 2, 3, 4, 5, 6, time.UTC)).Render(question, false)
	if err != nil || got != "1999" {
		t.Errorf("got %q, %v, want 1999", got, err)
	}
}
