package typo_test

import (
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/typo"
)

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"same", "same", 0},
		{"steps", "stepz", 1},
		{"kitten", "sitting", 3},
		{"ab", "ba", 2},
		{"intention", "execution", 5},
	} {
		if got := typo.Distance(tt.a, tt.b); got != tt.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := typo.Distance(tt.b, tt.a); got != tt.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}

func TestNearest(t *testing.T) {
	choices := []string{"steps", "stop", "learning_rate", "lr"}
	for word, want := range map[string]string{
		"stepz": "steps", "stps": "steps", "learning_rat": "learning_rate", "lrr": "lr", "xy": "", "momentum": "", "": "",
	} {
		if got := typo.Nearest(word, choices); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
