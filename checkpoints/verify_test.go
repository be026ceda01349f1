package checkpoints_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/seed-1411d8c0/linearize/checkpoints"
	"github.com/seed-1411d8c0/linearize/internal/testdata"
)

func sum(data []byte) string { return fmt.Sprintf("xxh128:%x", xxh3.Hash128(data).Bytes()) }

func all(string) bool { return true }

// spoiled writes a folder of three tensors, the middle one larger than what is read at
// a time, with a NaN in its last place but one.
func spoiled(t *testing.T) (dir string, elements int) {
	t.Helper()
	elements = 5<<20/4 + 3
	values := make([]float32, elements)
	values[elements-2] = float32(math.NaN())
	dir = filepath.Join(t.TempDir(), "model")
	err := checkpoints.Write(dir, checkpoints.Output{Config: parse(t, "{}"), Tensors: []checkpoints.Source{
		checkpoints.FromFloat32("a", []int{3}, []float32{1, 2, 3}, checkpoints.F32),
		checkpoints.FromFloat32("b", []int{elements}, values, checkpoints.F32),
		checkpoints.FromFloat32("c", []int{1}, []float32{4}, checkpoints.F32),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return dir, elements
}

func TestVerify(t *testing.T) {
	for _, name := range []string{"stories260K-hf", "stories260K-hf-sharded"} {
		folder := open(t, testdata.Shared(t, name))
		got, err := folder.Verify(t.Context(), all)
		if err != nil {
			t.Fatal(err)
		}
		for file, digest := range got {
			if want := sum(read(t, folder.Dir(), file)); digest != want {
				t.Errorf("%s: digest %s, want %s", file, digest, want)
			}
		}
	}
	dir, elements := spoiled(t)
	folder := open(t, dir)
	want := fmt.Sprintf("tensor b: element %d of shape [%d] is NaN, want finite numbers", elements-2, elements)
	for range 2 { // what was found is not forgotten
		if _, err := folder.Verify(t.Context(), all); err == nil || err.Error() != want {
			t.Errorf("got error %v, want %s", err, want)
		}
	}
	got, err := folder.Verify(t.Context(), func(tensor string) bool { return tensor != "b" })
	if want := sum(read(t, dir, "model.safetensors")); err != nil || got["model.safetensors"] != want {
		t.Errorf("without b: %v, %v, want %s", got, err, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := folder.Verify(ctx, all); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got error %v", err)
	}
	if err := folder.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := folder.Verify(t.Context(), all); err == nil || !strings.HasSuffix(err.Error(), "file is closed") {
		t.Errorf("closed: got error %v", err)
	}
}

// TestDigestByName: a link into the Hub's cache says its digest, true or not; any other
// file is read. The values are looked at in both.
func TestDigestByName(t *testing.T) {
	name := strings.Repeat("0123456789abcdef", 4)
	for _, tt := range []struct {
		target string
		byName bool
	}{
		{"blobs/" + name, true},
		{"blobs/" + name[:40], false}, // git's, of a file that is not in LFS
		{"files/" + name, false},
	} {
		dir, _ := spoiled(t)
		file := filepath.Join(dir, "model.safetensors")
		want := sum(read(t, file))
		if tt.byName {
			want = "sha256:" + name
		}
		target := filepath.Join(t.TempDir(), filepath.FromSlash(tt.target))
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file, target); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, file); err != nil {
			t.Skipf("this system makes no symbolic links: %v", err)
		}
		folder := open(t, dir)
		if got, err := folder.Digests(); err != nil || got["model.safetensors"] != want {
			t.Errorf("%s: %v, %v, want %s", tt.target, got, err, want)
		}
		if _, err := folder.Verify(t.Context(), all); err == nil || !strings.Contains(err.Error(), "is NaN") {
			t.Errorf("%s: got error %v, want the NaN", tt.target, err)
		}
	}
}

// TestCopyLarge copies tensors that are written and let go piece by piece.
func TestCopyLarge(t *testing.T) {
	dir, _ := spoiled(t)
	out := filepath.Join(t.TempDir(), "out")
	again := copyOf(t, open(t, dir))
	again.MaxShardSize = 5 << 20 // b has a file of its own
	if err := checkpoints.Write(out, again); err != nil {
		t.Fatal(err)
	}
	_, want := content(t, open(t, dir))
	_, got := content(t, open(t, out))
	for name, data := range want {
		if sum(got[name]) != sum(data) {
			t.Errorf("tensor %s differs", name)
		}
	}
}

// TestTornFile reads files that became shorter after they were opened.
func TestTornFile(t *testing.T) {
	dir, _ := spoiled(t)
	folder := open(t, dir)
	if err := os.Truncate(filepath.Join(dir, "model.safetensors"), 1<<20); err != nil {
		t.Skipf("this system does not shorten a mapped file: %v", err)
	}
	if _, err := folder.Digests(); err == nil || !strings.Contains(err.Error(), "model.safetensors: a weight file cannot be read any more") {
		t.Errorf("Digests() = %v, want an error", err)
	}
	tensor, err := folder.Tensor("b")
	if err != nil {
		t.Fatal(err)
	}
	if err := tensor.CheckFinite(); err == nil || !strings.Contains(err.Error(), "tensor b: a weight file cannot be read any more") {
		t.Errorf("CheckFinite() = %v, want an error", err)
	}
	other := tensor
	other.Data = make([]byte, len(tensor.Data))
	if _, err := tensor.Equal(other); err == nil || !strings.Contains(err.Error(), "tensors b and b: a weight file cannot be read any more") {
		t.Errorf("Equal() = %v, want an error", err)
	}
	run := checkpoints.Run{Tensor: "b", Shape: tensor.Shape, Rows: tensor.Shape[0]}
	if _, err := folder.Gather("part", tensor.Shape, []checkpoints.Run{run}); err == nil || !strings.Contains(err.Error(), "tensor b: a weight file cannot be read any more") {
		t.Errorf("Gather() = %v, want an error", err)
	}
	out := copyOf(t, folder)
	if err := checkpoints.Write(filepath.Join(t.TempDir(), "out"), out); err == nil || !strings.Contains(err.Error(), "tensor b: read ") {
		t.Errorf("copied: %v, want an error", err)
	}
	for i, s := range out.Tensors {
		s := checkpoints.Source{Name: s.Name, DType: s.DType, Shape: s.Shape, Data: func() ([]byte, error) {
			tensor, err := folder.Tensor(s.Name)
			if err != nil {
				return nil, err
			}
			values, err := tensor.Float32()
			if err != nil {
				return nil, err
			}
			return checkpoints.EncodeFloat32(values, s.DType)
		}}
		out.Tensors[i] = s
	}
	if err := checkpoints.Write(filepath.Join(t.TempDir(), "out"), out); err == nil || !strings.Contains(err.Error(), "tensor b: read model.safetensors: tensor b: a weight file cannot be read any more") {
		t.Errorf("computed: %v, want an error", err)
	}
}
