package gateway_test

import (
	"testing"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// TestNearIsTold: a hit says whether it is near and no match. The hits that are matches are as many as the answer counts.
func TestNearIsTold(t *testing.T) {
	_, g := opened(t, harbour(), mountain("mountain"))
	for _, q := range []string{"captain", `dialogue:"black coffee"`, "label:lighthouse AND look:green", "xylophone zebra"} {
		resp := ask(t, g, &pb.SearchRequest{Q: q, Limit: 200})
		var matches, near int64
		for _, h := range resp.GetHits() {
			if h.GetNear() {
				near++
			} else {
				matches++
			}
		}
		if resp.GetTotal().GetExact() && matches != resp.GetTotal().GetCount() {
			t.Errorf("%s: %d hits are matches and %d are near, of %d matches", q, matches, near, resp.GetTotal().GetCount())
		}
		if resp.GetNoGoodMatch() && (matches > 0 || near == 0) {
			t.Errorf("%s: no good match, with %d matches and %d near", q, matches, near)
		}
	}
}
