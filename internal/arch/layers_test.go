package arch_test

import (
	"strings"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/arch"
)

func TestParseLayers(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"0", "0"},
		{"1,3-5", "1,3-5"},
		{" 5 - 6, 0 ", "0,5-6"},
		{"2,1,0", "0-2"},
		{"7-7", "7"},
		{"0,2,4", "0,2,4"},
	} {
		layers, err := arch.ParseLayers(tt.text)
		if got := arch.FormatLayers(layers); err != nil || got != tt.want {
			t.Errorf("ParseLayers(%q) = %q, %v; want %q", tt.text, got, err, tt.want)
		}
	}
	for text, want := range map[string]string{
		"": `got "", want the number of a layer`, "1,": `got ""`, "-1": `got "-1"`, "5-3": `got "5-3"`, "a": `got "a"`,
		"+1": `got "+1"`, "1.5": `got "1.5"`, "1-2-3": `got "1-2-3"`, "0-99999999": `got "0-99999999"`,
		"3,2-4": "layer 3 is named twice",
	} {
		if _, err := arch.ParseLayers(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseLayers(%q) = %v, want an error with %q", text, err, want)
		}
	}
}
