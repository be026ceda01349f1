package arch

import "testing"

func TestLinear(t *testing.T) {
	for _, tt := range []struct {
		spec, want string
		ok         bool
	}{
		{"softmax", "softmax", false},
		{"softmax,window=8,sinks=2", "softmax,window=8,sinks=2", false},
		{"mamba2", "mamba2", false},
		{"hedgehog", "hedgehog", false},
		{"hedgehog,window=8,sinks=2,affine,feature_map=exp", "hedgehog,feature_map=exp", true},
		{"hedgehog,window=8,terrace,short_overlap", "hedgehog", true},
		{"gla,decay=head", "gla,window=0,decay=head", true},
	} {
		x, err := ParseMixer(tt.spec)
		if err != nil {
			t.Fatal(err)
		}
		want, err := ParseMixer(tt.want)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := x.Linear(); !got.Equal(want) || ok != tt.ok {
			t.Errorf("%s without its window: got %s, %v; want %s, %v", tt.spec, got, ok, want, tt.ok)
		}
	}
}
