package hidden_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/hidden"
)

var layout = hidden.Layout{Rows: 3, Tokens: 2, Hidden: 2, Mixed: 4, DType: hidden.F32}

func open(t *testing.T, dir, key string, l hidden.Layout) *hidden.Cache {
	t.Helper()
	c, err := hidden.Open(dir, key, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// fill writes rows of the numbers from first on.
func fill(t *testing.T, c *hidden.Cache, s hidden.Slot, layer, width int, first float32) {
	t.Helper()
	w, err := c.Write(s, layer, width)
	if err != nil {
		t.Fatal(err)
	}
	for range layout.Rows {
		row := make([]float32, layout.Tokens*width)
		for i := range row {
			row[i] = first
			first++
		}
		if err := w.Append(row); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestCache(t *testing.T) {
	for dtype, bytes := range map[string]int64{hidden.F32: 192, hidden.BF16: 96} {
		l, dir := layout, t.TempDir()
		l.DType = dtype
		if l.Bytes() != bytes {
			t.Errorf("%s: Bytes() = %d, want %d", dtype, l.Bytes(), bytes)
		}
		c := open(t, dir, "key", l)
		fill(t, c, hidden.Before(0), 0, 2, 0)
		fill(t, c, hidden.Before(1), 1, 2, 100)
		fill(t, c, hidden.Mixed, 0, 4, 64)
		if got := hidden.Held(dir); got != bytes {
			t.Errorf("%s: Held() = %d, want %d", dtype, got, bytes)
		}
		for _, c := range []*hidden.Cache{c, open(t, dir, "key", l)} { // and opened again
			if !c.Has(hidden.Before(0), 0) || !c.Has(hidden.Before(1), 1) || c.Has(hidden.Before(2), 2) || !c.Has(hidden.Mixed, 0) {
				t.Errorf("%s: what was written is not there", dtype)
			}
			got, err := c.Read(hidden.Before(0), []int{2, 0})
			if want := []float32{8, 9, 10, 11, 0, 1, 2, 3}; err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: Read() = %v, %v, want %v", dtype, got, err, want)
			}
			got, err = c.Read(hidden.Mixed, []int{1})
			if want := []float32{72, 73, 74, 75, 76, 77, 78, 79}; err != nil || !slices.Equal(got, want) {
				t.Errorf("%s: Read() = %v, %v, want %v", dtype, got, err, want)
			}
		}
	}
}

// What is not whole, or was written for something else, is not there.
func TestNotWhole(t *testing.T) {
	for name, spoil := range map[string]func(dir string, c *hidden.Cache) (key string, l hidden.Layout){
		"key":    func(string, *hidden.Cache) (string, hidden.Layout) { return "other", layout },
		"layout": func(string, *hidden.Cache) (string, hidden.Layout) { l := layout; l.Tokens = 3; return "key", l },
		"bits": func(dir string, _ *hidden.Cache) (string, hidden.Layout) {
			data, _ := os.ReadFile(filepath.Join(dir, "hidden0.bin"))
			data[7] ^= 1
			_ = os.WriteFile(filepath.Join(dir, "hidden0.bin"), data, 0o644)
			return "key", layout
		},
		"size": func(dir string, _ *hidden.Cache) (string, hidden.Layout) {
			_ = os.Truncate(filepath.Join(dir, "hidden0.bin"), 10)
			return "key", layout
		},
		"begun": func(_ string, c *hidden.Cache) (string, hidden.Layout) {
			w, _ := c.Write(hidden.Before(2), 2, 2)
			_ = w.Abort()
			return "key", layout
		},
		"manifest": func(dir string, _ *hidden.Cache) (string, hidden.Layout) {
			_ = os.WriteFile(filepath.Join(dir, "cache.json"), []byte("{"), 0o644)
			return "key", layout
		},
	} {
		dir := t.TempDir()
		c := open(t, dir, "key", layout)
		fill(t, c, hidden.Before(0), 0, 2, 0)
		key, l := spoil(dir, c)
		c = open(t, dir, key, l)
		if c.Has(hidden.Before(0), 0) {
			t.Errorf("%s: is taken for whole", name)
		}
		if _, err := c.Read(hidden.Before(0), []int{0}); err == nil {
			t.Errorf("%s: is read", name)
		}
	}
}

func TestTooFewRows(t *testing.T) {
	c := open(t, t.TempDir(), "key", layout)
	w, err := c.Write(hidden.Mixed, 0, 4)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err == nil || c.Has(hidden.Mixed, 0) {
		t.Errorf("Commit() without rows = %v", err)
	}
}

// A full disk is an error that says so.
func TestFull(t *testing.T) {
	dir := t.TempDir()
	if os.Symlink("/dev/full", filepath.Join(dir, "mixed.bin")) != nil {
		t.Skip("no links here")
	}
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full here")
	}
	c := open(t, dir, "key", layout)
	w, err := c.Write(hidden.Mixed, 0, 4)
	if err != nil {
		t.Fatal(err)
	}
	for range layout.Rows {
		if err = w.Append(make([]float32, 8)); err != nil {
			break
		}
	}
	if err == nil {
		err = w.Commit()
	}
	space, ok := errors.AsType[*hidden.SpaceError](err)
	if !ok || !errors.Is(err, syscall.ENOSPC) || space.Hint() == "" {
		t.Errorf("a full disk gives %v", err)
	}
}
