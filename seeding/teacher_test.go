package seeding_test

import "testing"

// A learnt sink takes so little of the weight that the teacher's attention stays.
func TestTeacher(t *testing.T) {
	got := seeded(t, "teacher", layer(t, "softmax,window=8,sink_logit,qk_norm=rms"))
	for name, want := range map[string]float32{"sink_logits": -8, "q_norm.weight": 1, "k_norm.weight": 1} {
		if len(got["mixer."+name]) == 0 {
			t.Errorf("%s is not seeded", name)
		}
		for _, v := range got["mixer."+name] {
			if v != want {
				t.Errorf("%s has a %g, want %g", name, v, want)
			}
		}
	}
	if got := seeded(t, "teacher", layer(t, "softmax,window=8,sinks=2")); len(got) != 0 {
		t.Errorf("a window alone seeds %v, want nothing", got)
	}
}
