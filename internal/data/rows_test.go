package data_test

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/data"
)

func TestLoadJSONL(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"text", "{\"text\": \" a \\n\", \"id\": 1}\n\n{\"text\":\"  \"}\r\n{\"text\":\"b \\u00e9\"}", "^a^b é"},
		{"answers", `{"prompt": "2+2=", "completion": "4"}` + "\n" + `{"prompt":"", "completion":" x ", "messages":null}`, "^2+2=[4$]^[ x $]"},
		{
			"messages", `{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"yes","weight":1,"tool_calls":null}]}` + "\n" +
				`{"prompt":"hi","messages":[{"role":"system","content":"s"},{"role":"assistant","content":""},{"role":"tool","content":"t"}]}`,
			"u:hi.a:[yes.]s:s.a:[.]t:t.",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := load(t, data.Source{Path: writeAs(t, "rows.jsonl", tt.text)})
			if got := all(c); got != tt.want {
				t.Errorf("corpus is %q, want %q", got, tt.want)
			}
			if got, want := c.Documents(), 2; got != want {
				t.Errorf("corpus has %d documents, want %d", got, want)
			}
		})
	}
}

// A byte order mark before UTF-8 is no part of the first document. Elsewhere the same
// character is text, and the places of errors stay.
func TestByteOrderMark(t *testing.T) {
	const mark = "\uFEFF"
	for _, tt := range []struct{ file, text, want string }{
		{"rows.jsonl", mark + "{\"text\":\"a\"}\n{\"text\":\"b\"}", "^a^b"},
		{"rows.jsonl", mark + "\n{\"text\":\"" + mark + "a\"}\n", "^" + mark + "a"},
		{"a.txt", mark + "a", "^a"},
		{"a.txt", mark + " a " + mark, "^a " + mark},
	} {
		if got := all(load(t, data.Source{Path: writeAs(t, tt.file, tt.text)})); got != tt.want {
			t.Errorf("%s of %q: corpus is %q, want %q", tt.file, tt.text, got, tt.want)
		}
	}
	for text, want := range map[string]string{
		mark:             "got no text",
		mark + "\n{":     "rows.jsonl:2: is not JSON",
		mark + mark:      "rows.jsonl:1: is not JSON",
		mark[:2]:         "rows.jsonl:1: byte 0xef is not UTF-8",
		"{}\n" + mark:    "rows.jsonl:1: has no keys",
		"\xff\xfe{\x00}": "rows.jsonl:1: byte 0xff is not UTF-8",
	} {
		_, err := data.Load(encoding, []data.Source{{Path: writeAs(t, "rows.jsonl", text)}}, data.Options{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load() of %q is %v, want %q in it", text, err, want)
		}
	}
}

// What is wrong with a row is said with its file and line.
func TestJSONLErrors(t *testing.T) {
	const user = `{"messages":[{"role":"user","content":"a"}]}`
	for _, tt := range []struct{ name, text, want string }{
		{"syntax", "{\"text\":\"a\"}\n\n{\"text\": a}", "rows.jsonl:3: is not JSON: byte 10: "},
		{"cut", `{"text":"a`, "rows.jsonl:1: is not JSON: byte 10: unexpected end"},
		{"array", `[1]`, "rows.jsonl:1: is a list, want a JSON object"},
		{"no keys", `{}`, "rows.jsonl:1: has no keys, want text, prompt and completion, or messages"},
		{"other keys", `{"url":1,"content":"a"}`, "rows.jsonl:1: has content, url, want text, prompt and completion, or messages"},
		{"null", `{"text":null}`, "rows.jsonl:1: has null, want text"},
		{"number", `{"text":1.5}`, "rows.jsonl:1: text is a number, want a string"},
		{"prompt alone", `{"prompt":"a"}`, "rows.jsonl:1: has prompt and no completion, want both"},
		{"completion alone", `{"completion":"a"}`, "rows.jsonl:1: has completion and no prompt, want both"},
		{"prompt of messages", `{"prompt":[],"completion":"a"}`, "rows.jsonl:1: prompt is a list, want a string"},
		{"empty completion", `{"prompt":"a","completion":""}`, "rows.jsonl:1: completion is empty, want text"},
		{"both", `{"text":"a","messages":[]}`, "rows.jsonl:1: has both text and messages, want one of them"},
		{"mixed", "{\"text\":\"a\"}\n" + user, "rows.jsonl:2: has messages, and the lines before it text: want one form in a file"},
		{"no list", `{"messages":{}}`, "rows.jsonl:1: messages is an object, want a list"},
		{"empty list", `{"messages":[]}`, "rows.jsonl:1: messages is empty, want at least one"},
		{"no object", `{"messages":["a"]}`, "rows.jsonl:1: messages[0] is a string, want an object with role and content"},
		{"no role", `{"messages":[{"content":"a"}]}`, "rows.jsonl:1: messages[0]: has no role, want a string"},
		{"nothing", `{"messages":[{}]}`, "rows.jsonl:1: messages[0]: has no role, want a string, has no content, want a string"},
		{"parts", `{"messages":[{"role":"user","content":[{"type":"text"}]}]}`, "rows.jsonl:1: messages[0]: content is a list, want a string"},
		{"role", user + "\n" + `{"messages":[{"role":"user","content":"a"},{"role":"bot","content":"a"}]}`, `rows.jsonl:2: messages[1]: role is "bot", want one of system, user, assistant, tool`},
		{"calls", `{"messages":[{"role":"assistant","content":"","tool_calls":[]}]}`, "rows.jsonl:1: messages[0] has tool_calls, which are not supported"},
		{"template", `{"messages":[{"role":"user","content":"refused"}]}`, "rows.jsonl:1: the template refuses"},
		{"nothing counts", user, "no token counts for the loss: want a turn of the assistant"},
		{"not UTF-8", "{\"text\":\"a\"}\n{\"text\":\"\xff\"}", "rows.jsonl:2: byte 0xff is not UTF-8"},
		{"empty", "\n \n", "rows.jsonl: got no text"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := data.Load(encoding, []data.Source{{Path: writeAs(t, "rows.jsonl", tt.text)}}, data.Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Load() is %v, want %q in it", err, tt.want)
			}
		})
	}
	path := writeAs(t, "rows.jsonl", `{"text":"a"}`)
	if _, err := data.Load(encoding, []data.Source{{Path: path, Separator: "|"}}, data.Options{}); err == nil || !strings.Contains(err.Error(), "rows.jsonl: got a separator") {
		t.Errorf("Load() with a separator is %v", err)
	}
	plain := data.Encoding{Tokenizer: letters{}}
	_, err := data.Load(plain, []data.Source{{Path: writeAs(t, "rows.jsonl", user)}}, data.Options{})
	if want := "rows.jsonl:1: has messages, and there is no chat template"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Load() without a template is %v, want %q in it", err, want)
	}
}

// Rows of text and text files are the same documents, zipped or not.
func TestFormsAgree(t *testing.T) {
	zip := func(text string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(text))
		_ = z.Close()
		return b.String()
	}
	const text, rows = "a b\n--\n\nc\n--", `{"text":"a b\n"}` + "\n" + `{"text":"\n\nc\n"}`
	want := load(t, data.Source{Path: write(t, text), Separator: "--"})
	for _, s := range []data.Source{
		{Path: writeAs(t, "rows.JSONL", rows)},
		{Path: writeAs(t, "rows.jsonl.gz", zip(rows))},
		{Path: writeAs(t, "text.txt.gz", zip(text)), Separator: "--"},
	} {
		if got := load(t, s); !got.Equal(want) {
			t.Errorf("%s is %q, want %q", filepath.Base(s.Path), all(got), all(want))
		}
	}
	for name, content := range map[string]string{"no.jsonl.gz": rows, "cut.txt.gz": zip(text)[:30]} {
		_, err := data.Load(encoding, []data.Source{{Path: writeAs(t, name, content)}}, data.Options{})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("Load() of %s is %v, want an error that names it", name, err)
		}
	}
}

func TestLoadParquet(t *testing.T) {
	long := strings.Repeat("a", 300)
	talks := "u:hi.a:[hello.]s:be kind.u:a.a:[b.]u:c.a:[d.]u:only asked.u:" + strings.Repeat("x", 50) + ".a:[.]u:last.a:[one.]"
	for name, want := range map[string]string{
		"text.parquet":           "^One day, a cat sat.^日本 é 🙂^" + long + "^The end.",
		"pages.parquet":          "^One day, a cat sat.^日本 é 🙂^" + long + "^The end.",
		"answers.parquet":        "^2+2=[4$]^capital of France?[ Paris$]^[alone$]^x[y\n$]^last[one$]",
		"messages.parquet":       talks,
		"messages-items.parquet": talks,
	} {
		if got := all(load(t, data.Source{Path: filepath.Join("testdata", name)})); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

func TestParquetErrors(t *testing.T) {
	whole, err := os.ReadFile("testdata/text.parquet")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ path, want string }{
		{"testdata/null.parquet", "null.parquet: row 2: text is null, want a string"},
		{"testdata/null-content.parquet", "null-content.parquet: row 2: messages[1]: content is null, want a string"},
		{"testdata/binary.parquet", "binary.parquet: row 2: text: byte 0xff is not UTF-8"},
		{"testdata/number.parquet", "number.parquet: column text is INT64, want strings"},
		{"testdata/strings.parquet", "strings.parquet: column messages is no list of structs with role and content"},
		{"testdata/lz4.parquet", "lz4.parquet: column text is compressed by LZ4, want snappy"},
		{"testdata/other.parquet", "other.parquet: the schema has content, url, want text, prompt and completion, or messages"},
		{writeAs(t, "no.parquet", "PAR1 no"), "no.parquet: has 7 bytes, want a parquet file"},
		{writeAs(t, "empty.parquet", ""), "empty.parquet: has 0 bytes, want a parquet file"},
		{writeAs(t, "cut.parquet", string(whole[:len(whole)/2])), "it is no parquet file, or cut short"},
		{writeAs(t, "huge.parquet", "PAR1    \xff\xff\xff\x7fPAR1"), "huge.parquet: its footer has 2147483647 bytes, and the file 16"},
		{writeAs(t, "torn.parquet", string(whole[:100])+string(whole[200:])), "torn.parquet: "},
	} {
		_, err := data.Load(encoding, []data.Source{{Path: tt.path}}, data.Options{})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Load() is %v, want %q in it", err, tt.want)
		}
	}
}
