package configtest

import (
	"cmp"
	"slices"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/config"
	"github.com/cinedex/cinedex/pkg/errkind"
)

// Refuses checks the configuration of a program. defaults returns a pointer to new defaults. except replaces the
// refused values of some keys, for a program that is stricter or laxer about these keys than other programs.
func Refuses(t *testing.T, defaults func() any, except map[string][]string) {
	t.Helper()
	load := func(set ...string) error { return config.Load(defaults(), "", set) }
	if err := load(); err != nil {
		t.Errorf("the defaults: %v", err)
	}
	keys := config.Keys(defaults())
	if len(keys) < 20 {
		t.Fatalf("only %d keys: %q", len(keys), keys)
	}
	for _, key := range keys {
		r, ok := rules[key]
		if !ok {
			t.Errorf("%s: has no row in the table of configtest", key)
			continue
		}
		if len(r.refused) == 0 && r.why == "" {
			t.Errorf("%s: nothing is refused, and the table does not say why", key)
		}
		with := slices.DeleteFunc(slices.Clone(r.with), func(s string) bool {
			k, _, _ := strings.Cut(s, "=")
			return !slices.Contains(keys, k)
		})
		if len(with) < len(r.with) {
			t.Errorf("%s: the program lacks %q", key, r.with)
		}
		refused := r.refused
		if v, ok := except[key]; ok {
			refused = v
		}
		for _, v := range refused {
			named := cmp.Or(r.names, key)
			if err := load(append(with, key+"="+v)...); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), ": "+named) && !strings.Contains(err.Error(), "'"+named+"'") {
				t.Errorf("%s=%q: %v, want a refusal with the key %s", key, v, err, named)
			}
		}
		for _, v := range r.taken {
			if slices.Contains(refused, v) {
				continue
			}
			if err := load(append(with, key+"="+v)...); err != nil {
				t.Errorf("%s=%q is refused: %v", key, v, err)
			}
		}
	}
	for _, s := range config.Settings(defaults()) {
		number := s.Value.CanInt() || s.Value.CanUint() || s.Value.CanFloat()
		if r := rules[s.Key]; number && len(r.refused) == 0 {
			t.Errorf("%s: a number or a time of which everything is taken", s.Key)
		}
	}
}
