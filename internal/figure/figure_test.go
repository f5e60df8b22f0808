package figure

import "testing"

func TestPicks(t *testing.T) {
	for _, c := range []struct {
		only, name string
		want       bool
	}{
		{"vectors*", "vectors/recall", true},
		{"vectors/*", "vectors/recall", true},
		{"*", "vectors/recall", true},
		{"*recall", "vectors/recall", true},
		{"vectors/recall", "vectors/recall", true},
		{"vectors", "vectors/recall", false},
		{"words*", "vectors/recall", false},
		{"[", "vectors/recall", false},
	} {
		if got := picks(c.only, c.name); got != c.want {
			t.Errorf("%s of %s: %t, want %t", c.only, c.name, got, c.want)
		}
	}
}
