package main

import (
	"bytes"
	"strings"
	"testing"
)

// The small files of a download that goes on may all be there: their total is 0.
func TestDownloadBarOfNothing(t *testing.T) {
	var out bytes.Buffer
	bar := downloadBar{w: &out, label: "download acme/tiny MB"}
	bar.set(0, 0)
	bar.close()
	if bar.bar != nil || out.Len() > 0 {
		t.Errorf("nothing to download: printed %q", out.String())
	}
	bar.set(1_000_000, 3_000_000)
	bar.set(3_000_000, 3_000_000)
	bar.close()
	if want := "download acme/tiny MB: 3/3, took "; !strings.HasPrefix(out.String(), want) || strings.Count(out.String(), "\n") != 1 {
		t.Errorf("printed %q, want %q and how long, in one line", out.String(), want)
	}
}
