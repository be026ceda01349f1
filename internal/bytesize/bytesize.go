// Package bytesize prints and reads sizes in bytes.
package bytesize

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// units are decimal, as in the Hugging Face tools: 1 kB is 1000 bytes. The
// binary ones are read but never printed.
var units = []struct {
	name  string
	bytes float64
}{
	{"TiB", 1 << 40},
	{"GiB", 1 << 30},
	{"MiB", 1 << 20},
	{"KiB", 1 << 10},
	{"TB", 1e12},
	{"GB", 1e9},
	{"MB", 1e6},
	{"kB", 1e3},
	{"B", 1},
}

// Format prints a size with three digits and a decimal unit: "1.23 GB". A
// whole number of units has no decimals: "5 GB".
func Format(n int64) string {
	if n < 0 {
		return "-" + Format(-max(n, -math.MaxInt64)) // of the least number there is no opposite
	}
	for _, u := range units[4:] {
		decimals := 0
		switch x := float64(n) / u.bytes; {
		case x < 0.9995: // from there on three digits are those of 1
			continue
		case x == math.Trunc(x) || x >= 99.95:
		case x >= 9.995:
			decimals = 1
		default:
			decimals = 2
		}
		return fmt.Sprintf("%.*f %s", decimals, float64(n)/u.bytes, u.name)
	}
	return "0 B"
}

// Parse reads a size as people type it: "5GB", "1.5 MiB", "200000". Units
// are decimal unless they have an i, and their case does not matter.
func Parse(s string) (int64, error) {
	text := strings.TrimSpace(s)
	unit := 1.0
	for _, u := range units {
		if n := len(text) - len(u.name); n > 0 && strings.EqualFold(text[n:], u.name) {
			text, unit = strings.TrimSpace(text[:n]), u.bytes
			break
		}
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || !(x >= 0) || x*unit >= math.MaxInt64 {
		return 0, fmt.Errorf("size %q: want a number with an optional unit, as 5GB, 500MB or 64KiB", s)
	}
	return int64(x * unit), nil
}
