package checkpoints_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

// wordings maps the reference reader's error to what ours says in each such case.
var wordings = map[string][]string{
	"HeaderTooSmall":               {"want 8 for the header length alone", "file is empty"},
	"HeaderTooLarge":               {"want at most 100000000"},
	"InvalidHeaderLength":          {"the file is cut off"},
	"InvalidHeader":                {"header is no JSON object", "parse header"},
	"InvalidHeaderDeserialization": {"header is no JSON object", "parse header", "dtype", "expected string", "natural numbers"},
	"MetadataIncompleteBuffer":     {"metadata incomplete buffer", "14 bytes of data, want 16: the file is cut off"},
	"TensorInvalidInfo":            {"data_offsets [0 4] span 4 bytes, want 16 for I32[2 2]"},
	"ValidationOverflow":           {"overflow"},
	"InvalidOffset":                {"invalid metadata offset"},
}

// TestVectors runs over the reference implementation's own cases.
func TestVectors(t *testing.T) {
	root := testdata.Shared(t, "safetensors-vectors")
	data, err := os.ReadFile(filepath.Join(root, "manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	var manifest []struct {
		File           string `json:"file"`
		Expect         string `json:"expect"`
		ReferenceError string `json:"reference_error"`
		Bytes          int64  `json:"bytes"`
	}
	if err := json.Unmarshal(data, &manifest); err != nil {
		t.Fatal(err)
	}
	if len(manifest) != 30 {
		t.Errorf("manifest lists %d files, want 30", len(manifest))
	}
	for _, m := range manifest {
		t.Run(m.File, func(t *testing.T) {
			path := filepath.Join(root, m.File)
			if stat, err := os.Stat(path); err != nil || stat.Size() != m.Bytes {
				t.Fatalf("file of %v bytes, %v, want %d", stat, err, m.Bytes)
			}
			f, err := checkpoints.OpenFile(path)
			if m.Expect == "ok" {
				if err != nil {
					t.Fatal(err)
				}
				readAll(t, f)
				return
			}
			if err == nil || f != nil {
				t.Fatalf("OpenFile() = %v, %v, want an error alone: %s", f, err, m.ReferenceError)
			}
			if !strings.HasPrefix(err.Error(), "read "+path+": ") {
				t.Errorf("error does not name the file: %v", err)
			}
			for _, want := range wordings[m.ReferenceError] {
				if strings.Contains(err.Error(), want) {
					return
				}
			}
			t.Errorf("OpenFile() = %v\nwant the words for %s: %q", err, m.ReferenceError, wordings[m.ReferenceError])
		})
	}
}

// readAll reads every tensor, in the way its dtype asks for.
func readAll(t *testing.T, f *checkpoints.File) {
	t.Helper()
	for _, name := range f.Names() {
		tensor, err := f.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		_, floatErr := tensor.Float32()
		_, intErr := tensor.Int64()
		if (floatErr == nil) == (intErr == nil) {
			t.Errorf("%s %s: Float32 says %v, Int64 says %v, want one error", name, tensor.DType, floatErr, intErr)
		}
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

func TestVectorValues(t *testing.T) {
	root := testdata.Shared(t, "safetensors-vectors")
	f, err := checkpoints.OpenFile(filepath.Join(root, "valid", "py_serialization_aligned.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	names := f.Names()
	if len(names) != 1 {
		t.Fatalf("Names() = %v, want one", names)
	}
	tensor, err := f.Tensor(names[0])
	if err != nil {
		t.Fatal(err)
	}
	got, err := tensor.Int64()
	if diff := cmp.Diff([]int64{0, 0, 0, 1}, got); err != nil || diff != "" {
		t.Errorf("Int64() %v (-want +got):\n%s", err, diff)
	}
	scalar, err := checkpoints.OpenFile(filepath.Join(root, "valid", "scalar_empty_shape.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	defer scalar.Close()
	info, ok := scalar.Info(scalar.Names()[0])
	if !ok || len(info.Shape) != 0 || info.Elements() != 1 || info.Bytes() != 4 {
		t.Errorf("Info() = %+v, %v, want a scalar of 4 bytes", info, ok)
	}
}

// TestForeignWriter reads files that another implementation wrote.
func TestForeignWriter(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata.Shared(t, "safetensors-vectors", "swift-transformers"), "*.safetensors"))
	if err != nil || len(files) != 4 {
		t.Fatalf("Glob() = %v, %v, want 4 files", files, err)
	}
	for _, path := range files {
		f, err := checkpoints.OpenFile(path)
		if err != nil {
			t.Error(err)
			continue
		}
		readAll(t, f)
	}
}
