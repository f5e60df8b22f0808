package operating

import (
	"fmt"
	"testing"
	"time"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
)

// TestFigureRollback: a whole library goes back to the version before.
func TestFigureRollback(t *testing.T) {
	figure.Begin(t, "switch/rollback")
	const assets, rounds = 1000, 5
	l := apitest.New(t)
	for i := range assets {
		id := schema.AssetID(fmt.Sprintf("%032x%032x", i+1, i+1))
		a := &pb.Asset{Id: id, Sha256: fmt.Sprintf("%032x%032x", i+1, i+1), Title: &pb.Title{Id: fmt.Sprintf("title-%04d", i)}}
		if err := l.Store.PutAsset(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		previous := ""
		for _, v := range []string{"1", "2"} {
			r := &pb.Run{Asset: id, Algorithm: "labels", Version: v, State: pb.RunState_RUN_STATE_FINISHED, Epoch: 1}
			r.Id = schema.RunID(r)
			if err := l.Store.FinishRun(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			if v == "1" {
				l.Switch(r, previous)
			}
		}
	}
	g := openGateway(t, l)
	everybody := authz.NewCaller("everybody", []string{"*"})
	versions := func() map[string]int {
		out := map[string]int{}
		err := g.List(t.Context(), everybody, nil, gateway.Place{}, func(l gateway.Listed) bool {
			for _, r := range l.Active {
				out[r.GetVersion()]++
			}
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	a := newActivator(l)
	var worst time.Duration
	for range rounds {
		if err := a.do(t.Context(), &pb.Activate{Algorithm: "labels", Version: "2"}, assets, nil, (&record{}).tell); err != nil {
			t.Fatal(err)
		}
		if v := versions(); v["2"] != assets {
			t.Fatalf("switched: %v", v)
		}
		began := time.Now()
		err := a.do(t.Context(), &pb.Activate{Algorithm: "labels", Selection: &pb.Selection{Algorithms: []string{"labels@2"}}}, assets, nil, (&record{}).tell)
		v := versions() // the answer to a reader now
		worst = max(worst, time.Since(began))
		if err != nil || v["1"] != assets {
			t.Fatalf("gone back: %v, %v", v, err)
		}
	}
	figure.Report(t, false, figure.Result{
		Name:     "switch/rollback",
		Claim:    "a library of 1,000 assets goes back to the version before in ≤ 1 s, to the first answer that shows it",
		Measured: fmt.Sprintf("the slowest of %d: %.3f s", rounds, worst.Seconds()),
		Pass:     worst <= time.Second,
		Note:     "embedded store, each switch durable; the job's own notes are left out",
	})
}
