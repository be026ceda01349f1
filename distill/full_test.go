//go:build linux

package distill_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/seed-1411d8c0/linearize/distill"
	"github.com/seed-1411d8c0/linearize/internal/fsx"
	"github.com/seed-1411d8c0/linearize/internal/hidden"
)

// A disk that is full while the state is written: the error says so, what was saved
// before is whole, and the run goes on once there is room.
func TestDiskFull(t *testing.T) {
	dir := workshop(t, pair)
	o := distill.Options{Run: filepath.Join(dir, "run")}
	if _, _, err := run(t, plan(t, dir, o), 3); err == nil {
		t.Fatal("the run was not interrupted")
	}
	statePath := filepath.Join(o.Run, "state.safetensors")
	state, err := os.ReadFile(statePath)
	if err != nil {
		t.Fatal(err)
	}
	// What is written in place of the next state goes to a device that is always full.
	// As long as it is held nobody takes its name for a leftover.
	release, err := fsx.Hold("/dev/full")
	if err != nil {
		t.Skipf("/dev/full: %v", err)
	}
	defer release()
	partial := fmt.Sprintf("%s.partial-%d", statePath, os.Getpid())
	if err := os.Symlink("/dev/full", partial); err != nil {
		t.Fatal(err)
	}
	_, _, err = run(t, plan(t, dir, o), 0)
	full, ok := errors.AsType[*distill.WriteError](err)
	if !ok || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(full.Error(), "no space left on device") || !strings.Contains(full.Hint(), "the last save is whole") {
		t.Fatalf("Run() = %v, want a *WriteError", err)
	}
	if after, err := os.ReadFile(statePath); err != nil || !bytes.Equal(after, state) {
		t.Errorf("the state changed: %v", err)
	}
	release()
	if _, _, err := run(t, plan(t, dir, o), 0); err != nil {
		t.Errorf("Run() with room: %v", err)
	}
}

// A folder that may not be written is refused before any training. Root may write all.
func TestUnwritable(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := workshop(t, pair)
	o := distill.Options{Run: filepath.Join(dir, "run")}
	if _, _, err := run(t, plan(t, dir, o), 3); err == nil {
		t.Fatal("the run was not interrupted")
	}
	if err := os.Chmod(o.Run, 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(o.Run, 0o755) })
	_, out, err := run(t, plan(t, dir, o), 0)
	if x, ok := errors.AsType[*distill.WriteError](err); !ok || !strings.Contains(x.Hint(), "make the folder writable") || strings.Contains(out, "stage 2-tune") {
		t.Errorf("Run() = %v, said %q", err, out)
	}
}

// What to do depends on what was refused.
func TestWriteErrorHint(t *testing.T) {
	for err, want := range map[error]string{
		syscall.ENOSPC:   "free some room",
		syscall.EFBIG:    "ulimit -f",
		fs.ErrPermission: "make the folder writable",

		&hidden.SpaceError{Dir: "cache", Err: syscall.ENOSPC}: "cache_dtype: bf16",
	} {
		if got := (&distill.WriteError{Run: "run", Err: err}).Hint(); !strings.Contains(got, want) {
			t.Errorf("%v: hint %q, want %q", err, got, want)
		}
	}
}
