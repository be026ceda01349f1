package checkpoints_test

import (
	"encoding/binary"
	"path/filepath"
	"testing"

	"github.com/seed-1411d8c0/linearize/checkpoints"
)

// TestCopiesKeepTheirPlaceInPages writes large copies beside what is new, before, between
// and behind them, of sizes that fit no page.
func TestCopiesKeepTheirPlaceInPages(t *testing.T) {
	const page = 4 << 10
	large := make([]float32, 1<<18+page/4)
	for i := range large {
		large[i] = float32(i)
	}
	of := func(name string, n int) checkpoints.Source {
		return checkpoints.FromFloat32(name, []int{n}, large[:n], checkpoints.F32)
	}
	dir := t.TempDir()
	from := filepath.Join(dir, "from.safetensors")
	all := []checkpoints.Source{of("b", len(large)), of("d", len(large)), of("f", len(large))}
	if err := checkpoints.WriteFile(from, all, map[string]string{"of": "another length"}); err != nil {
		t.Fatal(err)
	}
	file, err := checkpoints.OpenFile(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for i, s := range all {
		tensor, err := file.Tensor(s.Name)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = tensor.Source()
	}
	all = append(all, of("a", 3), of("c", 100), of("e", page/4), of("g", 7),
		checkpoints.Source{Name: "h", DType: checkpoints.BOOL, Shape: []int{5}, Data: func() ([]byte, error) { return make([]byte, 5), nil }})
	to := filepath.Join(dir, "to.safetensors")
	if err := checkpoints.WriteFile(to, all, nil); err != nil {
		t.Fatal(err)
	}
	before, after := places(t, from), places(t, to)
	for _, name := range []string{"b", "d", "f"} {
		if was, is := before[name], after[name]; was%page != is%page {
			t.Errorf("tensor %s begins at %d, was at %d: not alike in their pages", name, is, was)
		}
	}
	again, err := checkpoints.OpenFile(to)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = again.Close() }()
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		tensor, err := again.Tensor(name)
		if err != nil {
			t.Fatal(err)
		}
		values, err := tensor.Float32()
		if err != nil {
			t.Fatal(err)
		}
		for i, x := range values {
			if x != float32(i) {
				t.Fatalf("tensor %s: element %d is %g", name, i, x)
			}
		}
	}
}

// places returns where tensors begin in a file.
func places(t *testing.T, path string) map[string]int {
	t.Helper()
	dir, file := filepath.Split(path)
	tensors, _ := header(t, dir, file)
	out := map[string]int{}
	for name, x := range tensors {
		out[name] = 8 + int(binary.LittleEndian.Uint64(read(t, dir, file))) + x.Offsets[0]
	}
	return out
}
