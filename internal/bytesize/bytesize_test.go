package bytesize_test

import (
	"math"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/bytesize"
)

func TestSizes(t *testing.T) {
	for _, tt := range []struct {
		text  string
		bytes int64
		again string // how Format prints it
	}{
		{"0", 0, "0 B"},
		{"999", 999, "999 B"},
		{"5GB", 5_000_000_000, "5 GB"},
		{"5gb", 5_000_000_000, "5 GB"},
		{"1.5 MB", 1_500_000, "1.50 MB"},
		{"64KiB", 65536, "65.5 kB"},
		{"2 TiB", 2 << 40, "2.20 TB"},
		{" 200000 B ", 200_000, "200 kB"},
	} {
		got, err := bytesize.Parse(tt.text)
		if err != nil || got != tt.bytes {
			t.Errorf("Parse(%q) = %d, %v, want %d", tt.text, got, err, tt.bytes)
		}
		if again := bytesize.Format(tt.bytes); again != tt.again {
			t.Errorf("Format(%d) = %q, want %q", tt.bytes, again, tt.again)
		}
	}
	for n, want := range map[int64]string{
		-2_500: "-2.50 kB", math.MinInt64: "-9223372 TB",
		9_994: "9.99 kB", 9_995: "10.0 kB", 99_949: "99.9 kB", 99_950: "100 kB", 999_499: "999 kB", 999_500: "1.00 MB", 999_999_999: "1.00 GB",
	} {
		if got := bytesize.Format(n); got != want {
			t.Errorf("Format(%d) = %q, want %q", n, got, want)
		}
	}
	for _, bad := range []string{"", "GB", "-1", "5 GB/s", "NaN", "Inf", "1e30", "9223372036854775807"} {
		if got, err := bytesize.Parse(bad); err == nil {
			t.Errorf("Parse(%q) = %d, want an error", bad, got)
		}
	}
}
