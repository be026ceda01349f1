package toplogits

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSelect(t *testing.T) {
	logits := []float32{1, 3, -2, 3, 0}
	var w Window
	w.Select(logits, 3, 2)
	if want := []int32{1, 3, 0}; !slices.Equal(w.IDs, want) {
		t.Errorf("got %v, want %v: of equal ones the lower id first", w.IDs, want)
	}
	sum := 0.0
	for _, x := range logits {
		sum += math.Exp(float64(x) / 2)
	}
	want := []float64{math.Exp(1.5) / sum, math.Exp(1.5) / sum, math.Exp(0.5) / sum, (math.Exp(-1) + 1) / sum}
	for i, p := range want {
		if got := math.Exp(float64(w.Log[i])); math.Abs(got-p) > 1e-6 {
			t.Errorf("p[%d]: got %g, want %g", i, got, p)
		}
	}
	// All of the vocabulary leaves nothing.
	w = Window{}
	w.Select(logits, 5, 1)
	if last := w.Log[5]; last > -30 {
		t.Errorf("what is left of everything: got log p %g, want next to nothing", last)
	}
}

// As a sort of everything does.
func TestSelectRandom(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		logits := make([]float32, 1+rng.IntN(40))
		ids := make([]int32, len(logits))
		for i := range logits {
			logits[i], ids[i] = float32(rng.IntN(9)), int32(i)
		}
		slices.SortStableFunc(ids, func(a, b int32) int { return int(logits[b] - logits[a]) })
		k := 1 + rng.IntN(len(logits))
		var w Window
		w.Select(logits, k, 1)
		if !slices.Equal(w.IDs, ids[:k]) {
			t.Fatalf("%d of %v: got %v, want %v", k, logits, w.IDs, ids[:k])
		}
	}
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache", "top.bin")
	l := Layout{Windows: 3, Tokens: 2, K: 1}
	open := func(l Layout, key byte) *File {
		t.Helper()
		f, err := Open(path, l, Key{key})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	has := func(f *File, window int) bool {
		t.Helper()
		_, ok, err := f.Read(window)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	f := open(l, 1)
	want := Window{[]int32{7, 1 << 30}, []float32{-0.5, -1, -2, -3}}
	if has(f, 0) || has(f, 2) {
		t.Error("a new file has windows")
	}
	if err := f.Write(1, want); err != nil {
		t.Fatal(err)
	}
	if err := f.Write(3, want); err == nil {
		t.Error("Write took a window beyond the last one")
	}
	again := open(l, 1)
	got, ok, err := again.Read(1)
	if diff := cmp.Diff(want, got); err != nil || !ok || diff != "" {
		t.Errorf("Read(1) is %v, %v (-want +got):\n%s", ok, err, diff)
	}
	if has(again, 0) { // a hole before what is written
		t.Error("window 0 was never written, and is there")
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() != l.Bytes(2) {
		t.Errorf("two places take %d bytes, want %d", info.Size(), l.Bytes(2))
	}
	// A bit that turned, a file cut short, another key.
	if _, err := f.file.WriteAt([]byte{0xff}, f.place(1)+3); err != nil {
		t.Fatal(err)
	}
	if has(f, 1) {
		t.Error("a window with another checksum is there")
	}
	if err := f.Write(1, want); err != nil {
		t.Fatal(err)
	}
	if !has(f, 1) || has(open(l, 2), 1) {
		t.Error("a window of another key is there, or one of this is not")
	}
	if err := os.Truncate(path, l.Bytes(1)+3); err != nil {
		t.Fatal(err)
	}
	if has(open(l, 2), 1) {
		t.Error("half a window is there")
	}
}

func FuzzDecode(f *testing.F) {
	l := Layout{Windows: 1, Tokens: 2, K: 1}
	f.Add(l.encode(Window{[]int32{1, 2}, []float32{-1, -2, -3, -4}}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		w, ok := l.decode(data)
		if ok && !slices.Equal(l.encode(w), data) {
			t.Errorf("%x is read and written as %x", data, l.encode(w))
		}
	})
}
