package checkpoints_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

func parse(tb testing.TB, text string) *checkpoints.Config {
	tb.Helper()
	c, err := checkpoints.ParseConfig([]byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func TestConfigKeepsText(t *testing.T) {
	const text = `{
  "z": 1e-05,
  "a": 10000.0,
  "big": 12345678901234567890,
  "nested": {
    "y": [
      1,
      2.50
    ],
    "x": {}
  },
  "text": "caf\u00e9 <|x|> é",
  "none": null
}
`
	c := parse(t, text)
	if got := string(c.Bytes()); got != text {
		t.Errorf("Bytes() = %s\nwant %s", got, text)
	}
	for _, name := range []string{"stories260K-hf", "stories260K-hf-bf16"} {
		data, err := os.ReadFile(filepath.Join(testdata.Shared(t, name), "config.json"))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(parse(t, string(data)).Bytes()); got != string(data)+"\n" {
			t.Errorf("%s: config.json changed:\n%s", name, got)
		}
	}
}

func TestConfigEdit(t *testing.T) {
	c := parse(t, `{"b":1,"a":"x","n":null,"f":1e-05}`)
	clone := c.Clone()
	for key, value := range map[string]any{"a": "<y>", "new": []int{1, 2}} {
		if err := c.Set(key, value); err != nil {
			t.Fatal(err)
		}
	}
	c.Delete("b")
	c.Delete("ghost")
	if want := "{\n  \"a\": \"<y>\",\n  \"n\": null,\n  \"f\": 1e-05,\n  \"new\": [\n    1,\n    2\n  ]\n}\n"; string(c.Bytes()) != want {
		t.Errorf("Bytes() = %s\nwant %s", c.Bytes(), want)
	}
	if got := clone.Keys(); !slices.Equal(got, []string{"b", "a", "n", "f"}) {
		t.Errorf("the clone changed: %v", got)
	}
	var text string
	if found, err := clone.Get("a", &text); !found || err != nil || text != "x" {
		t.Errorf("clone's a = %q, %v, %v, want x", text, found, err)
	}
	if err := c.Set("bad", func() {}); err == nil || !strings.Contains(err.Error(), "set bad") {
		t.Errorf("Set(func) = %v, want an error that names the key", err)
	}
	if err := c.Set("raw", json.Number("1e400")); err != nil {
		t.Errorf("Set(json.Number) = %v", err)
	}
	if got := string(checkpoints.NewConfig().Bytes()); got != "{}\n" {
		t.Errorf("empty config: %q", got)
	}
}

func TestConfigGet(t *testing.T) {
	c := parse(t, `{"n":null,"i":3,"s":"x","o":{"a":1}}`)
	i := 7
	if found, err := c.Get("ghost", &i); found || err != nil || i != 7 {
		t.Errorf("Get(ghost) = %v, %v, %d, want false and the default", found, err, i)
	}
	if found, err := c.Get("n", &i); !found || err != nil || i != 7 {
		t.Errorf("Get(null) = %v, %v, %d, want true and the default", found, err, i)
	}
	if found, err := c.Get("i", &i); !found || err != nil || i != 3 {
		t.Errorf("Get(i) = %v, %v, %d, want true and 3", found, err, i)
	}
	for _, key := range []string{"s", "o"} {
		if _, err := c.Get(key, &i); err == nil || !strings.HasPrefix(err.Error(), "config.json: "+key+" is ") {
			t.Errorf("Get(%s) into an int = %v, want an error that names it", key, err)
		}
	}
}

func TestConfigNonFinite(t *testing.T) {
	c := parse(t, `{"a":[0.0, Infinity],"b":-Infinity,"c":"Infinity and \"NaN","d":NaN}`)
	want := strings.Join(strings.Fields(`{"a":[0.0,{"__float__":"Infinity"}],"b":{"__float__":"-Infinity"},"c":"Infinity and \"NaN","d":{"__float__":"NaN"}}`), "")
	if got := strings.Join(strings.Fields(string(c.Bytes())), ""); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestParseConfigRefuses(t *testing.T) {
	for text, want := range map[string]string{
		``:                      "unexpected EOF",
		`[]`:                    "want an object",
		`{"a":1} {}`:            "more than one JSON value",
		`{"a":1,"a":2}`:         `duplicate object member name "a"`,
		`{"o":{"a":1,"a":2}}`:   `duplicate object member name "a"`,
		`{"a":`:                 "unexpected EOF",
		"{\"a\":\"\xff\"}":      "invalid UTF-8",
		`{"a":1,}`:              "invalid character",
		`{"a":Infinity1}`:       "invalid character",
		`{"a":Infinity"b":NaN}`: "invalid character",
	} {
		c, err := checkpoints.ParseConfig([]byte(text))
		if err == nil || c != nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseConfig(%q) = %v, %v, want an error with %q", text, c, err, want)
		}
	}
}

// FuzzParseConfig: error or value, and a value's text parses to the same text.
func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(`{"a":[0.0, Infinity],"b":{"c":null},"d":"x\"y"}`))
	f.Add([]byte(`{"a":1e-05}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := checkpoints.ParseConfig(data)
		if (err == nil) != (c != nil) {
			t.Fatalf("value %v, error %v, want one of them", c, err)
		}
		if c == nil {
			return
		}
		again, err := checkpoints.ParseConfig(c.Bytes())
		if err != nil || string(again.Bytes()) != string(c.Bytes()) {
			t.Fatalf("%q: does not survive: %v", c.Bytes(), err)
		}
	})
}
