package data_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/seed-1411d8c0/linearize/internal/data"
)

const rowsOfAnswers = `{"prompt":"abcdef","completion":"g"}
{"prompt":"h","completion":"ij"}
{"prompt":"k","completion":"l"}`

// shown draws windows as their inputs, ^ for a BOS and $ for an end, each followed by
// what is predicted: ! where it counts, . where not, _ where there is no text.
func shown(w *data.Windows) []string {
	var all []string
	for i := range w.Len() {
		b := w.Batch(w.Start(i))
		var text []byte
		for j, id := range b.Inputs {
			if id < 2 {
				id = int32("^$"[id])
			}
			state := byte('!')
			switch {
			case b.Real != nil && !b.Real[j]:
				id, state = '_', '_'
			case b.Counted != nil && !b.Counted[j]:
				state = '.'
			}
			text = append(text, byte(id), state)
		}
		all = append(all, string(text))
	}
	return all
}

// The row is ^abcdef[g$]^h[ij$]^k[l$].
func TestCut(t *testing.T) {
	answers := load(t, data.Source{Path: writeAs(t, "a.jsonl", rowsOfAnswers)})
	text := load(t, data.Source{Path: write(t, "abcdef|g|hi|"), Separator: "|"})
	for _, tt := range []struct {
		name    string
		corpus  *data.Corpus
		seqLen  int
		packing data.Packing
		want    []string
	}{
		{"joined, masked", answers, 4, data.Concat, []string{"d.e.f!g!", "$.^.h!i!", "j!$.^.k!"}},
		{"joined, a window of nothing", answers, 3, data.Concat, []string{"f!g!$.", "^.h!i!", "j!$.^."}},
		{"documents, masked", answers, 4, data.Documents, []string{"d.e.f!g!", "^.h!i!j!", "^.k!l!__"}},
		{"documents of text", text, 4, data.Documents, []string{"^!a!b!c!", "d!e!____", "^!______", "^!h!____"}},
		{"documents in long windows", text, 100, data.Documents, nil},
		{"joined text", text, 4, data.Concat, []string{"^!a!b!c!", "d!e!f!^!"}},
	} {
		w := tt.corpus.Cut(tt.seqLen, tt.packing)
		if tt.want == nil {
			if w.Len() != 3 {
				t.Errorf("%s: there are %d windows, want one for each of 3 documents", tt.name, w.Len())
			}
			continue
		}
		if diff := cmp.Diff(tt.want, shown(w)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// What is shown of a window is its first input and all that it predicts.
func TestTokens(t *testing.T) {
	c := load(t, data.Source{Path: writeAs(t, "a.jsonl", rowsOfAnswers)})
	want := []data.Token{{ID: 1}, {ID: 0, Starts: true}, {ID: 'h'}, {ID: 'i', Counted: true}, {ID: 'j', Counted: true}}
	if diff := cmp.Diff(want, c.Cut(4, data.Concat).Tokens(1)); diff != "" {
		t.Errorf("window 1 (-want +got):\n%s", diff)
	}
	if got := c.Cut(4, data.Documents).Tokens(2); len(got) != 4 || !got[3].Counted {
		t.Errorf("the padded window shows %v, want 4 tokens, the last counted", got)
	}
}

// An epoch of listed windows has each of them once, and what a step draws depends on
// nothing but seed and step: a resumed run goes on exactly.
func TestSamplerOfListedWindows(t *testing.T) {
	var rows []byte
	for range 300 {
		rows = append(rows, `{"messages":[{"role":"user","content":"ab"},{"role":"assistant","content":"c"},{"role":"user","content":"a longer question"}]}`+"\n"...)
	}
	c := load(t, data.Source{Path: writeAs(t, "a.jsonl", string(rows))})
	for _, packing := range []data.Packing{data.Concat, data.Documents} {
		w := c.Cut(8, packing)
		s, err := data.NewSampler(w, 3)
		if err != nil {
			t.Fatal(err)
		}
		var every []int
		for i := range w.Len() {
			every = append(every, w.Start(i))
		}
		var before []int
		for epoch := range 2 {
			got := s.Starts(epoch, s.Epoch())
			if slices.Equal(got, before) || slices.IsSorted(got) {
				t.Errorf("%s: epoch %d is not shuffled", packing, epoch)
			}
			before = slices.Clone(got)
			if slices.Sort(got); !slices.Equal(got, every) {
				t.Errorf("%s: epoch %d is not every window once", packing, epoch)
			}
		}
		var pieces []int
		resumed, err := data.NewSampler(c.Cut(8, packing), 3)
		if err != nil {
			t.Fatal(err)
		}
		for step := range 50 {
			from := s
			if step >= 20 {
				from = resumed
			}
			pieces = append(pieces, from.Starts(step, 4)...)
		}
		if diff := cmp.Diff(s.Starts(0, 200), pieces); diff != "" {
			t.Errorf("%s: windows of one step and of a resumed run (-one +resumed):\n%s", packing, diff)
		}
		for _, start := range s.Starts(0, s.Epoch()) {
			if !slices.Contains(w.Batch(start).Counted, true) {
				t.Fatalf("%s: the window at %d counts nothing", packing, start)
			}
		}
	}
}
