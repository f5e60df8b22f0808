package operating

import (
	"math"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A job at an impossible rate would wait for ever, or run without a limit.
func TestRatesThatCannotBeKept(t *testing.T) {
	for _, rate := range []float64{-1, math.NaN(), math.Inf(1), math.Inf(-1)} {
		job := &pb.Job{Work: &pb.Job_Replay{Replay: &pb.Replay{Source: sourceStore, Rate: rate}}}
		if _, err := (&replay{}).plan(t.Context(), job); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("a replay at %v: %v", rate, err)
		}
		if err := checkRebuild(&pb.Rebuild{Rate: rate}); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("a rebuild at %v: %v", rate, err)
		}
	}
}
