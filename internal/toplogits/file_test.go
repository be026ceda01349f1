package toplogits

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// open opens the file of a test.
func open(t *testing.T, path string, l Layout, key byte) *File {
	t.Helper()
	f, err := Open(path, l, Key{key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// there are the windows that can be read.
func (f *File) there(t *testing.T) (windows []int) {
	t.Helper()
	for window := range f.layout.Windows {
		_, ok, err := f.Read(window)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			windows = append(windows, window)
		}
	}
	return windows
}

// sample is a window that tells its number.
func sample(l Layout, window int) Window {
	w := Window{make([]int32, l.Tokens*l.K), make([]float32, l.Tokens*(l.K+1))}
	w.IDs[0], w.Log[0] = int32(window), -float32(window)
	return w
}

func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cache", "top.bin")
	l := Layout{Windows: 1000, Tokens: 2, K: 1}
	f := open(t, path, l, 1)
	if got := f.there(t); got != nil {
		t.Errorf("a new file has windows %v", got)
	}
	if err := f.Write(1000, sample(l, 0)); err == nil {
		t.Error("Write took a window beyond the last one")
	}
	for _, window := range []int{900, 7, 0, 7} {
		if err := f.Write(window, sample(l, window)); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, path, l, 1)
	if got := again.there(t); !slices.Equal(got, []int{0, 7, 900}) {
		t.Errorf("windows %v are there, want 0, 7 and 900", got)
	}
	got, _, _ := again.Read(900)
	if diff := cmp.Diff(sample(l, 900), got); diff != "" {
		t.Errorf("window 900 (-want +got):\n%s", diff)
	}
	// No place is kept for what is not there: a copy is as small as the file.
	if info, err := os.Stat(path); err != nil || info.Size() != l.Bytes(3) {
		t.Errorf("three windows take %d bytes (%v), want %d", info.Size(), err, l.Bytes(3))
	}
	if got := open(t, path, l, 2).there(t); got != nil {
		t.Errorf("with another key windows %v are there", got)
	}
}

// Whatever is damaged is not there, and all else is; what is made again takes its place.
func TestFileDamaged(t *testing.T) {
	l := Layout{Windows: 9, Tokens: 2, K: 1}
	for name, tt := range map[string]struct {
		damage func(f *File) error
		want   []int
	}{
		"bit of a value":  {func(f *File) error { _, err := f.file.WriteAt([]byte{0xff}, f.place(1)+7); return err }, []int{2, 6}},
		"number too high": {func(f *File) error { _, err := f.file.WriteAt([]byte{99}, f.place(1)); return err }, []int{2, 6}},
		"another's":       {func(f *File) error { _, err := f.file.WriteAt([]byte{3}, f.place(1)); return err }, []int{2, 6}},
		"a later one's":   {func(f *File) error { _, err := f.file.WriteAt([]byte{7}, f.place(1)); return err }, []int{2}},
		"zeros":           {func(f *File) error { _, err := f.file.WriteAt(make([]byte, l.record()), f.place(1)); return err }, []int{2, 6}},
		"cut off":         {func(f *File) error { return f.file.Truncate(l.Bytes(2) + 3) }, []int{2, 4}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "top.bin")
			f := open(t, path, l, 1)
			for _, window := range []int{2, 4, 6} {
				if err := f.Write(window, sample(l, window)); err != nil {
					t.Fatal(err)
				}
			}
			if err := tt.damage(f); err != nil {
				t.Fatal(err)
			}
			f = open(t, path, l, 1)
			if got := f.there(t); !slices.Equal(got, tt.want) {
				t.Fatalf("windows %v are there, want %v", got, tt.want)
			}
			for _, window := range []int{4, 6} {
				if err := f.Write(window, sample(l, window)); err != nil {
					t.Fatal(err)
				}
			}
			f = open(t, path, l, 1)
			if got := f.there(t); !slices.Equal(got, []int{2, 4, 6}) {
				t.Errorf("windows %v are there after they were made again", got)
			}
			if info, err := os.Stat(path); err != nil || info.Size() != l.Bytes(3) {
				t.Errorf("three windows take %d bytes (%v), want %d", info.Size(), err, l.Bytes(3))
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	l := Layout{Windows: 9, Tokens: 2, K: 1}
	f.Add(5, l.encode(5, Window{[]int32{1, 2}, []float32{-1, -2, -3, -4}}))
	f.Add(0, []byte{})
	f.Fuzz(func(t *testing.T, window int, data []byte) {
		w, ok := l.decode(window, data)
		if ok && !slices.Equal(l.encode(window, w), data) {
			t.Errorf("%x is read and written as %x", data, l.encode(window, w))
		}
	})
}
