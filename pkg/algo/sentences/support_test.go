package sentences

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func spoken(language string, start, end int64, vector ...float32) *line {
	s := int64(schema.Second)
	return &line{&pb.Annotation{Language: language, Start: start * s, End: end * s}, vector}
}

func TestTranslationsSupportEachOther(t *testing.T) {
	en := spoken("en", 10, 14, 1, 0, 0)
	for name, c := range map[string]struct {
		others []*line
		want   []float32
	}{
		"alone":                           {nil, []float32{1, 0, 0}},
		"said at the same time":           {[]*line{spoken("ja", 10, 14, 0, 1, 0)}, []float32{1, .5, 0}},
		"two languages":                   {[]*line{spoken("ja", 10, 14, 0, 1, 0), spoken("ru", 11, 13, 0, 0, 1)}, []float32{1, .5, .5}},
		"the one that shares most":        {[]*line{spoken("ja", 8, 11, 0, 1, 0), spoken("ja", 11, 15, 0, 0, 1)}, []float32{1, 0, .5}},
		"half of the shorter":             {[]*line{spoken("ja", 13, 15, 0, 1, 0)}, []float32{1, .5, 0}},
		"less than half":                  {[]*line{spoken("ja", 13, 17, 0, 1, 0)}, []float32{1, 0, 0}},
		"touching is not together":        {[]*line{spoken("ja", 14, 18, 0, 1, 0)}, []float32{1, 0, 0}},
		"its own language says no more":   {[]*line{spoken("en", 10, 14, 0, 1, 0)}, []float32{1, 0, 0}},
		"a line without words has none":   {[]*line{spoken("ja", 10, 14)}, []float32{1, 0, 0}},
		"one that began some time ago":    {[]*line{spoken("ja", 1, 14, 0, 1, 0)}, []float32{1, .5, 0}},
		"an empty line beside a full one": {[]*line{spoken("ja", 10, 14), spoken("ja", 10, 13, 0, 1, 0)}, []float32{1, .5, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			got := supported(en, byLanguage(append([]*line{en}, c.others...)))
			var norm float64
			for _, x := range c.want {
				norm += float64(x) * float64(x)
			}
			for i := range c.want {
				c.want[i] /= float32(math.Sqrt(norm))
			}
			if d := cmp.Diff(c.want, got, cmpopts.EquateApprox(0, 1e-6)); d != "" {
				t.Error(d)
			}
		})
	}
	if d := cmp.Diff([]float32{1, 0, 0}, en.vector); d != "" {
		t.Errorf("the line's own vector was changed: %s", d)
	}
}
