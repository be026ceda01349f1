package hub

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestInterrupted stops a download in a file and goes on from the byte where it stopped.
func TestInterrupted(t *testing.T) {
	h := newFakeHub(t)
	o := h.options(t)
	ctx, cancel := context.WithCancel(t.Context())
	h.setFault(func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/"+shard {
			return false
		}
		w.Header().Set("Content-Length", "300000")
		_, _ = w.Write(h.files[shard][:120_000])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		return true
	})
	part := filepath.Join(o.Cache, "models--acme--tiny", "blobs", sha256Hex(h.files[shard])+".incomplete")
	go func() {
		for !sized(part, 120_000) && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, _, err := Resolve(ctx, testRepo, o); !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v, want context.Canceled", err)
	}
	offline := o
	offline.Offline = true
	_, _, err := Resolve(t.Context(), testRepo, offline)
	if !errors.Is(err, ErrNotCached) || !strings.Contains(err.Error(), shard) || !strings.Contains(err.Error(), o.Cache) {
		t.Errorf("offline: %v, want %s and the folder named", err, shard)
	}

	h.setFault(nil)
	dir, ref, err := Resolve(t.Context(), testRepo, o)
	if err != nil {
		t.Fatal(err)
	}
	wantSnapshot(t, h, o, dir, ref)
	noLeftovers(t, o)
	if got := h.seen("cdn GET /" + shard + " bytes=120000-"); len(got) != 1 {
		t.Errorf("requests are %q, want one from byte 120000", h.seen("cdn"))
	}
}

// TestBadPart starts from leftovers that are no part of the file.
func TestBadPart(t *testing.T) {
	for name, size := range map[string]int{"shorter": 1000, "as long": 300_000, "longer": 300_001} {
		t.Run(name, func(t *testing.T) {
			h := newFakeHub(t)
			o := h.options(t)
			blobs := filepath.Join(o.Cache, "models--acme--tiny", "blobs")
			if err := os.MkdirAll(blobs, 0o777); err != nil {
				t.Fatal(err)
			}
			part := filepath.Join(blobs, sha256Hex(h.files[shard])+".incomplete")
			if err := os.WriteFile(part, make([]byte, size), 0o666); err != nil {
				t.Fatal(err)
			}
			dir, ref, err := Resolve(t.Context(), testRepo, o)
			if err != nil {
				t.Fatal(err)
			}
			wantSnapshot(t, h, o, dir, ref)
			noLeftovers(t, o)
		})
	}
}

// TestTogether lets four processes' worth of downloads meet.
func TestTogether(t *testing.T) {
	h := newFakeHub(t)
	o := h.options(t)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { _, _, errs[i] = Resolve(t.Context(), testRepo, o) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	dir, ref, err := Resolve(t.Context(), testRepo, o)
	if err != nil {
		t.Fatal(err)
	}
	wantSnapshot(t, h, o, dir, ref)
	noLeftovers(t, o)
	if got := h.seen("cdn GET /" + shard); len(got) != 1 {
		t.Errorf("%d requests for %s, want 1: the others had to wait for it", len(got), shard)
	}
}
