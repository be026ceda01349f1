package ui_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/seed-1411d8c0/linearize/internal/ui"
)

func TestTable(t *testing.T) {
	table := ui.NewTable("group", "parameters", "state")
	table.Row("mixer", "1536", "trained")
	table.Row("embedding", "–", "frozen")
	table.Row("φ", "12")
	var b bytes.Buffer
	if err := table.Write(&b); err != nil {
		t.Fatal(err)
	}
	want := `
group      parameters  state
mixer            1536  trained
embedding           –  frozen
φ                  12
`
	if got := "\n" + b.String(); got != want {
		t.Errorf("Write() wrote%s\nwant%s", got, want)
	}
}

func TestWriteJSON(t *testing.T) {
	var b bytes.Buffer
	if err := ui.WriteJSON(&b, map[string]string{"text": "<s> a & b"}); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "{\"text\":\"<s> a & b\"}\n"; got != want {
		t.Errorf("WriteJSON() wrote %q, want %q", got, want)
	}
	if err := ui.WriteJSON(&b, func() {}); err == nil {
		t.Error("WriteJSON(func) succeeded, want an error")
	}
}

func TestProgressLines(t *testing.T) {
	var b bytes.Buffer
	now := time.Unix(0, 0)
	p := ui.NewProgress(&b, false, "align", 100, func() time.Time { return now })
	for step := int64(41); step <= 100; step++ { // a run that was resumed at step 40
		now = now.Add(time.Second)
		p.Set(step, "loss 1.5")
	}
	p.Done()
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if want := "align: 50/100, loss 1.5, 50s left"; lines[0] != want {
		t.Errorf("first line is %q, want %q", lines[0], want)
	}
	if want := "align: 100/100, loss 1.5, took 59s"; lines[len(lines)-1] != want {
		t.Errorf("last line is %q, want %q", lines[len(lines)-1], want)
	}
	if len(lines) != 6 { // the last one once
		t.Errorf("wrote %d lines in 60 s, want 6:\n%s", len(lines), &b)
	}
}

func TestProgressTook(t *testing.T) {
	for took, want := range map[time.Duration]string{
		8123 * time.Microsecond: "8ms", 3456 * time.Millisecond: "3.5s", 83456 * time.Millisecond: "1m23s",
	} {
		var b bytes.Buffer
		now := time.Unix(0, 0)
		p := ui.NewProgress(&b, false, "align", 2, func() time.Time { return now })
		p.Set(0, "")
		now = now.Add(took)
		p.Set(2, "")
		p.Done()
		if got := b.String(); got != "align: 2/2, took "+want+"\n" {
			t.Errorf("after %v it wrote %q, want %s", took, got, want)
		}
	}
}

func TestProgressBar(t *testing.T) {
	var b bytes.Buffer
	p := ui.NewProgress(&b, true, "align", 3, time.Now)
	for step := range int64(3) {
		p.Set(step+1, "loss 1.5")
	}
	p.Done()
	if got := b.String(); !strings.Contains(got, "align (loss 1.5) 100%") || !strings.HasSuffix(got, "\n") {
		t.Errorf("the finished bar is %q", got)
	}

	b.Reset()
	p = ui.NewProgress(&b, true, "align", 3, time.Now)
	p.Set(1, "")
	p.Done() // interrupted: the cursor still leaves the bar's line
	if got := b.String(); !strings.HasSuffix(got, "\n") {
		t.Errorf("the unfinished bar is %q", got)
	}
}
