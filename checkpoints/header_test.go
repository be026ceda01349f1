package checkpoints

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/advice"
)

// file puts the length in front of a header and data behind it.
func file(header string, data int) []byte {
	out := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(out, header...), make([]byte, data)...)
}

func TestParseHeader(t *testing.T) {
	tests := []struct {
		name, header string
		data         int
		want         string // substring of the error; empty means success
	}{
		{"duplicate tensor", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1, `duplicate object member name "a"`},
		{"duplicate by escape", `{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\u0061":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 1, "duplicate object member name"},
		{"duplicate field", `{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}`, 1, `duplicate object member name "dtype"`},
		{"duplicate metadata", `{"__metadata__":{"x":"1","x":"2"}}`, 0, `duplicate object member name "x"`},
		{"fp8", `{"w":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}}`, 1, "tensor w: dtype F8_E4M3, want F64, F32, F16, BF16, an integer or BOOL"},
		{"fp4", `{"w":{"dtype":"F4","shape":[2],"data_offsets":[0,1]}}`, 1, "tensor w: dtype F4, want"},
		{"lower case", `{"w":{"dtype":"f32","shape":[1],"data_offsets":[0,4]}}`, 4, "tensor w: dtype f32, want"},
		{"null", `null`, 0, "header is no JSON object"},
		{"nothing", ``, 0, "header is no JSON object"},
		{"two objects", `{} {}`, 0, "more than one JSON object"},
		{"cut off", `{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 7, "7 bytes of data, want 8: the file is cut off"},
		{"tail", `{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`, 9, "9 bytes of data, want 8"},
		{"fraction", `{"w":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}`, 8, "natural numbers"},
		{"extra field", `{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}`, 8, "expected 3 keys"},
		{"huge beside zero", `{"w":{"dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,0]}}`, 0, "tensor w: dimension 18446744073709551615, want at most"},
		{"zero-size tensors in any order", `{"c":{"dtype":"F32","shape":[0],"data_offsets":[4,4]},"b":{"dtype":"F32","shape":[0,3],"data_offsets":[0,0]},` +
			`"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"d":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`, 4, ""},
		{"unicode name", `{"größe":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}}`, 1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 20 { // map order must not matter
				got, _, err := parseHeader(file(tt.header, tt.data))
				if tt.want == "" {
					if err != nil || len(got) == 0 {
						t.Fatalf("parseHeader() = %v, %v, want tensors", got, err)
					}
					continue
				}
				if err == nil || got != nil || !strings.Contains(err.Error(), tt.want) {
					t.Fatalf("parseHeader() = %v, %v\nwant an error with %q", got, err, tt.want)
				}
			}
		})
	}
}

func TestUnsupportedDTypeHasHint(t *testing.T) {
	_, _, err := parseHeader(file(`{"w":{"dtype":"F8_E5M2","shape":[1],"data_offsets":[0,1]}}`, 1))
	if hint := advice.Of(err); !strings.Contains(hint, "BF16") {
		t.Errorf("error %v: hint %q, want one that names BF16", err, hint)
	}
}

func TestCompareNames(t *testing.T) {
	want := []string{
		"lm_head.weight", "model.embed_tokens.weight", "model.layers.0.a", "model.layers.0.b", "model.layers.2.a", "model.layers.10.a",
		"model.layers.10.a.01", "model.layers.10.a.1", "model.layers.x", "model.norm.weight",
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, compareNames)
	if !slices.Equal(got, want) {
		t.Errorf("sorted:\n%q\nwant\n%q", got, want)
	}
}

// FuzzParseHeader: error or value, never both, never a panic; and a value's tensors
// cover the data without gap or overlap, in views that can be made.
func FuzzParseHeader(f *testing.F) {
	f.Add(file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"__metadata__":{"format":"pt"}}`, 8))
	f.Add(file(`{"a":{"dtype":"BF16","shape":[],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 2))
	f.Add(file(`null`, 0))
	seeds, _ := filepath.Glob("../../shared/data/safetensors-vectors/*/*.safetensors")
	for _, path := range seeds {
		if data, err := os.ReadFile(path); err == nil {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, _, err := parseHeader(data)
		if err != nil {
			if entries != nil {
				t.Fatalf("both a value and %v", err)
			}
			return
		}
		covered := 0
		for name, e := range entries {
			view := data[e.begin:e.end:e.end]
			if int64(len(view)) != e.info.Bytes() || e.info.Name != name {
				t.Fatalf("%s: view of %d bytes, want %d", name, len(view), e.info.Bytes())
			}
			covered += len(view)
		}
		if want := len(data) - 8 - int(binary.LittleEndian.Uint64(data)); covered != want {
			t.Fatalf("tensors cover %d bytes, want %d", covered, want)
		}
	})
}

func FuzzParseIndex(f *testing.F) {
	f.Add([]byte(`{"metadata":{"total_size":1},"weight_map":{"a":"model-00001-of-00001.safetensors"}}`))
	f.Add([]byte(`{"weight_map":{"a":"../x.safetensors"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		index, err := parseIndex(data)
		if (err == nil) != (len(index) > 0) {
			t.Fatalf("value %v, error %v, want one of them", index, err)
		}
		for tensor, shard := range index {
			if filepath.Base(shard) != shard {
				t.Fatalf("%s: shard %q leaves the folder", tensor, shard)
			}
		}
	})
}
