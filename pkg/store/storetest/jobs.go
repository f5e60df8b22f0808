package storetest

import (
	"fmt"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func testJobs(t *testing.T, h Harness) {
	s, ctx := open(t, h), t.Context()
	_, err := s.Job(ctx, "j")
	kind(t, "a job that is not there", err, errkind.NotFound)
	_, err = s.PutJob(ctx, &pb.Job{})
	kind(t, "a job without id", err, errkind.Invalid)
	_, err = s.PutJob(ctx, &pb.Job{Id: "j", Revision: 3})
	kind(t, "a new job that claims a revision", err, errkind.Conflict)

	job := &pb.Job{Id: "j", Kind: "replay", Caller: "op", Cursor: []byte{0, 255, 1}, Notes: []string{"first", "second"},
		Work: &pb.Job_Replay{Replay: &pb.Replay{Source: "store", Rate: 12.5, Selection: &pb.Selection{Titles: []string{"t"}}}}}
	told := proto.CloneOf(job)
	first := must(s.PutJob(ctx, told))(t)
	equal(t, "the message passed in", told, job)
	want := proto.CloneOf(job)
	want.Revision = 1
	equal(t, "the job put", first, want)
	equal(t, "the job", must(s.Job(ctx, "j"))(t), want)
	_, err = s.PutJob(ctx, job)
	kind(t, "the job put as new again", err, errkind.Conflict)

	want.Done, want.State = 7, pb.JobState_JOB_STATE_RUNNING
	second := must(s.PutJob(ctx, want))(t)
	if second.GetRevision() != 2 || second.GetDone() != 7 {
		t.Errorf("the job put again is %v", second)
	}
	_, err = s.PutJob(ctx, first)
	kind(t, "a change of an older revision", err, errkind.Conflict)

	for _, id := range odd {
		must(s.PutJob(ctx, &pb.Job{Id: id}))(t)
	}
	equal(t, "all jobs", ids(list(t, s.AllJobs(ctx))), sorted(append([]string{"j"}, odd...)...))

	// Of many callers who change the same revision, a single caller wins each round.
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := 0; n < 10; {
				j, err := s.Job(ctx, "j")
				if err != nil {
					t.Error(err)
					return
				}
				j.Done++
				j.Notes = append(j.Notes, fmt.Sprint(i))
				switch _, err := s.PutJob(ctx, j); {
				case err == nil:
					n++
				case !errkind.Is(err, errkind.Conflict):
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if j := must(s.Job(ctx, "j"))(t); j.GetDone() != 47 || len(j.GetNotes()) != 42 || j.GetRevision() != 42 {
		t.Errorf("after 40 changes of many: done %d, %d notes, revision %d", j.GetDone(), len(j.GetNotes()), j.GetRevision())
	}
}
