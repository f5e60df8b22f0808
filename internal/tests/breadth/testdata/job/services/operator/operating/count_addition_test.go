package operating

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/authz"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store/pebblestore"
)

// TestAddition has the new kind listed, and a job of the kind done.
func TestAddition(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cfg := pebblestore.Default()
	cfg.Dir = t.TempDir()
	s, err := pebblestore.Open(cfg, pebblestore.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for id, title := range map[string]string{"a": "harbour", "b": "harbour", "c": "storm"} {
		if err := s.PutAsset(ctx, &pb.Asset{Id: id, Title: &pb.Title{Id: title}}); err != nil {
			t.Fatal(err)
		}
	}
	service, err := New(Default(), Deps{Store: s, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	operator := authz.NewCaller("operator", []string{"*"}, authz.Operator)
	kinds, err := service.Kinds(operator)
	if err != nil || !slices.ContainsFunc(kinds, func(k *pb.JobKind) bool { return k.GetName() == "count" }) {
		t.Fatalf("the kinds are %v, %v", kinds, err)
	}
	j, err := service.Submit(ctx, operator, &pb.Job{Key: "k", Kind: "count", Work: &pb.Job_Task{Task: &pb.Task{
		Options: map[string]*pb.Value{"title": {Kind: &pb.Value_Text{Text: "harbour"}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	serving, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- service.Service.Serve(serving) }()
	for j.GetState() != pb.JobState_JOB_STATE_FINISHED && err == nil && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond) // between two looks at a condition
		j, err = service.Job(ctx, operator, j.GetId())
	}
	stop()
	if served := <-done; served != nil || err != nil {
		t.Fatal(served, err)
	}
	if want := []string{"harbour has 2 of 3 assets"}; !slices.Equal(j.GetNotes(), want) || j.GetDone() != 3 {
		t.Errorf("the job says %q after %d assets, want %q after 3; its state is %v", j.GetNotes(), j.GetDone(), want, j.GetState())
	}
}
