package fsx_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/fsx"
)

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func fillWith(name, text string) func(string) error {
	return func(tmp string) error { return os.WriteFile(filepath.Join(tmp, name), []byte(text), 0o644) }
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.json")
	for _, text := range []string{"one", "two"} {
		if err := fsx.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Fatalf("ReadFile() = %q, %v, want %q", got, err, text)
		}
	}
	failed := errors.New("disk on fire")
	err := fsx.ReplaceFile(path, 0o644, func(w *fsx.Writer) error {
		_, _ = w.Write([]byte("half"))
		return failed
	})
	if !errors.Is(err, failed) {
		t.Errorf("ReplaceFile() = %v, want %v", err, failed)
	}
	if got, _ := os.ReadFile(path); string(got) != "two" {
		t.Errorf("after a failed write: %q, want the old text", got)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"a.json"}) {
		t.Errorf("files = %v, want only a.json", got)
	}
}

func TestReplaceDir(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "deep", "out")
	if err := fsx.ReplaceDir(dir, false, fillWith("one", "1")); err != nil {
		t.Fatal(err)
	}
	if err := fsx.ReplaceDir(dir, false, fillWith("two", "2")); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("ReplaceDir() = %v, want a refusal", err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"one"}) {
		t.Errorf("after a refusal: %v, want [one]", got)
	}
	err := fsx.ReplaceDir(dir, true, func(tmp string) error {
		if got := names(t, dir); !slices.Equal(got, []string{"one"}) {
			t.Errorf("while the new one is written: %v, want [one]", got)
		}
		return fillWith("two", "2")(tmp)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"two"}) {
		t.Errorf("after overwriting: %v, want [two]", got)
	}
	if got := names(t, filepath.Dir(dir)); !slices.Equal(got, []string{"out"}) {
		t.Errorf("siblings: %v, want [out]", got)
	}
}

func TestReplaceDirLeavesNothing(t *testing.T) {
	root := t.TempDir()
	failed := errors.New("no")
	err := fsx.ReplaceDir(filepath.Join(root, "a", "b", "out"), false, func(tmp string) error {
		_ = fillWith("one", "1")(tmp)
		return failed
	})
	if !errors.Is(err, failed) {
		t.Errorf("ReplaceDir() = %v, want %v", err, failed)
	}
	func() {
		defer func() { _ = recover() }()
		_ = fsx.ReplaceDir(filepath.Join(root, "out"), false, func(string) error { panic("no") })
	}()
	if got := names(t, root); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
}

func TestReplaceDirFillsEmptyAndFollowsLinks(t *testing.T) {
	root := t.TempDir()
	target := filepath.Join(root, "target")
	link := filepath.Join(root, "link")
	if err := os.Mkdir(target, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skipf("this system makes no symbolic links: %v", err)
	}
	if err := fsx.ReplaceDir(link, false, fillWith("one", "1")); err != nil {
		t.Fatal(err)
	}
	if got := names(t, target); !slices.Equal(got, []string{"one"}) {
		t.Errorf("target holds %v, want [one]", got)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v, %v", info, err)
	}
}

func TestSweep(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "out")
	put(t, filepath.Join(root, "out.partial-4194000", "x"), "dead")
	put(t, filepath.Join(root, "out.partial-mine", "x"), "not ours")
	put(t, filepath.Join(root, "other.partial-4194000", "x"), "another folder's")
	err := fsx.ReplaceDir(dir, false, func(tmp string) error {
		inner := fsx.ReplaceDir(dir, false, fillWith("two", "2"))
		if inner == nil || !strings.Contains(inner.Error(), "another write is under way") {
			t.Errorf("second writer: %v, want a refusal", inner)
		}
		return fillWith("one", "1")(tmp)
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"other.partial-4194000", "out", "out.partial-mine"}
	if got := names(t, root); !slices.Equal(got, want) {
		t.Errorf("left: %v, want %v", got, want)
	}
}

func TestSweepFiles(t *testing.T) {
	root := t.TempDir()
	path := filepath.Join(root, "deep", "state")
	put(t, path+".partial-4194000", "dead")
	put(t, path+".partial-mine", "not ours")
	put(t, filepath.Join(root, "deep", "other.partial-4194000"), "another file's")
	put(t, filepath.Join(root, "gone.partial-4194000", "x"), "a folder's")
	err := fsx.ReplaceFile(path, 0o644, func(w *fsx.Writer) error {
		if err := fsx.Sweep(root); err != nil { // what is being written stays
			return err
		}
		_, err := w.Write([]byte("one"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := names(t, filepath.Dir(path)), []string{"state", "state.partial-mine"}; !slices.Equal(got, want) {
		t.Errorf("left: %v, want %v", got, want)
	}
	if got, want := names(t, root), []string{"deep"}; !slices.Equal(got, want) {
		t.Errorf("left: %v, want %v", got, want)
	}
}

// TestKilled kills a writer in the middle and writes again.
func TestKilled(t *testing.T) {
	if dir := os.Getenv("FSX_TEST_KILLED"); dir != "" {
		_ = fsx.ReplaceDir(dir, false, func(tmp string) error {
			put(t, filepath.Join(tmp, "half"), "1")
			self, err := os.FindProcess(os.Getpid())
			if err != nil {
				return err
			}
			_ = self.Kill()
			select {}
		})
		return
	}
	root := t.TempDir()
	dir := filepath.Join(root, "out")
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
	cmd.Env = append(os.Environ(), "FSX_TEST_KILLED="+dir)
	if err := cmd.Run(); err == nil {
		t.Fatal("the writer was not killed")
	}
	if got := names(t, root); len(got) != 1 || !strings.HasPrefix(got[0], "out.partial-") {
		t.Errorf("after the kill: %v, want one .partial folder and no output", got)
	}
	if err := fsx.ReplaceDir(dir, false, fillWith("one", "1")); err != nil {
		t.Fatal(err)
	}
	if got := names(t, root); !slices.Equal(got, []string{"out"}) {
		t.Errorf("after the next write: %v, want [out]", got)
	}
}

func TestResolve(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	put(t, filepath.Join(root, "real", "x"), "")
	if err := os.Symlink("real", filepath.Join(root, "link")); err != nil {
		t.Skipf("this system makes no symbolic links: %v", err)
	}
	if err := os.Symlink("nowhere", filepath.Join(root, "dangling")); err != nil {
		t.Skipf("this system makes no symbolic links: %v", err)
	}
	got, err := fsx.Resolve(filepath.Join(root, "link", "..", "link", "new", "deep"))
	if want := filepath.Join(root, "real", "new", "deep"); err != nil || got != want {
		t.Errorf("Resolve() = %q, %v, want %q", got, err, want)
	}
	if got, err := fsx.Resolve(filepath.Join(root, "dangling")); err == nil {
		t.Errorf("Resolve(dangling) = %q, want an error", got)
	}
}

// TestWriter writes in pieces that fit nothing.
func TestWriter(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	w := fsx.NewWriter(f, true)
	want := make([]byte, 0, 40<<20)
	for n := 1; len(want)+n <= cap(want); n = n*3 + 1 {
		piece := bytes.Repeat([]byte{byte(n)}, n)
		want = append(want, piece...)
		if got, err := w.Write(piece); err != nil || got != n {
			t.Fatalf("Write() = %d, %v, want %d", got, err, n)
		}
	}
	if err := errors.Join(w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v, want the %d that were written", len(got), err, len(want))
	}
	if n, err := w.Write(make([]byte, 1<<20)); err == nil || n == 1<<20 {
		t.Errorf("Write() to a closed file = %d, %v, want an error", n, err)
	}
	if err := w.Flush(); err == nil {
		t.Error("Flush() after an error is none")
	}
}

// TestCopyFrom copies parts that lie in their pages as they will, and others.
func TestCopyFrom(t *testing.T) {
	dir := t.TempDir()
	data := make([]byte, 35<<20)
	for i := range data {
		data[i] = byte(i * i >> 7)
	}
	put(t, filepath.Join(dir, "from"), string(data))
	src, err := os.Open(filepath.Join(dir, "from"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "to"))
	if err != nil {
		t.Fatal(err)
	}
	w := fsx.NewWriter(f, false)
	var want []byte
	for _, part := range []struct{ between, offset, n int }{
		{1000, 1000, 34 << 20},            // alike, from within a page on
		{0, 34<<20 + 1000, 100_001},       // goes on
		{7, 1, 1 << 20},                   // not alike
		{0, 0, 10},                        // small
		{fsx.Align, 5, 0},                 // nothing
		{3 * fsx.Align, 2 * fsx.Align, 1}, // one byte
		{100, len(data) - 200_000, 200_000},
	} {
		between := bytes.Repeat([]byte{1}, part.between)
		if _, err := w.Write(between); err != nil {
			t.Fatal(err)
		}
		if err := w.CopyFrom(src, int64(part.offset), int64(part.n)); err != nil {
			t.Fatal(err)
		}
		want = append(append(want, between...), data[part.offset:part.offset+part.n]...)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(f.Name()); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%d bytes, %v, want the %d that were written", len(got), err, len(want))
	}
	at := int64(len(want))
	if err := w.CopyFrom(src, at%fsx.Align, int64(len(data))); !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "from") {
		t.Errorf("CopyFrom() beyond the end = %v, want an error that names the file", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := w.CopyFrom(src, 0, 1<<20); err == nil {
		t.Error("CopyFrom() into a closed file is no error")
	}
}

func TestPlaceDir(t *testing.T) {
	root := t.TempDir()
	dir := filepath.Join(root, "deep", "out")
	if err := fsx.PlaceDir(dir, fillWith("one", "1")); err != nil {
		t.Fatal(err)
	}
	if err := fsx.PlaceDir(dir, fillWith("two", "2")); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("PlaceDir() = %v, want a refusal", err)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"one"}) {
		t.Errorf("files = %v, want [one]", got)
	}
}

// TestReplaceDirFilledMeanwhile has somebody else write into the folder that was empty.
func TestReplaceDirFilledMeanwhile(t *testing.T) {
	for name, exists := range map[string]bool{"empty": true, "absent": false} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			dir := filepath.Join(root, "out")
			if exists {
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			err := fsx.PlaceDir(dir, func(tmp string) error {
				put(t, filepath.Join(dir, "theirs"), "1")
				return fillWith("ours", "2")(tmp)
			})
			if err == nil {
				t.Error("PlaceDir() has replaced what somebody else wrote")
			}
			if got := names(t, dir); !slices.Equal(got, []string{"theirs"}) {
				t.Errorf("the folder holds %v, want [theirs]", got)
			}
			if got := names(t, root); !slices.Equal(got, []string{"out"}) {
				t.Errorf("left: %v, want [out]", got)
			}
		})
	}
}

func TestHold(t *testing.T) {
	dir := t.TempDir()
	release, err := fsx.Hold(dir)
	if err != nil {
		t.Skipf("folders cannot be held here: %v", err)
	}
	again, err := fsx.Hold(dir)
	again()
	if !errors.Is(err, fsx.ErrHeld) {
		t.Errorf("Hold() of a folder that is held = %v, want ErrHeld", err)
	}
	release()
	release, err = fsx.Hold(dir)
	release()
	if err != nil {
		t.Errorf("Hold() of a folder that was released = %v", err)
	}
	_, err = fsx.Hold(filepath.Join(dir, "none"))
	if err == nil || errors.Is(err, fsx.ErrHeld) {
		t.Errorf("Hold() of no folder = %v, want another error", err)
	}
}

func TestFree(t *testing.T) {
	if free, ok := fsx.Free(t.TempDir()); ok && free <= 0 {
		t.Errorf("Free() = %d", free)
	}
	if free, ok := fsx.Free(filepath.Join(t.TempDir(), "none")); ok {
		t.Errorf("Free() of no folder = %d", free)
	}
}
