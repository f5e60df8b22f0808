package ingest

import (
	"testing"
	"time"

	"github.com/cinedex/cinedex/pkg/events"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// TestTimeOfAnArrival: a producer that writes a future time into a record does not keep later events from titling the
// asset.
func TestTimeOfAnArrival(t *testing.T) {
	m := &pb.MediaArrived{Url: "file:///films/a.mp4", Title: &pb.Title{Id: "harbour"}}
	past := time.Now().Add(-time.Hour)
	for _, logged := range []time.Time{past, time.Now().Add(24 * 365 * time.Hour)} {
		a, err := arrivalOf(events.Delivery{Event: events.Event{Data: m}, Logged: logged})
		if err != nil {
			t.Fatal(err)
		}
		now := time.Now().UnixMilli()
		if a.atMs > now || logged.Equal(past) && a.atMs != past.UnixMilli() {
			t.Errorf("a record of %s decides the title as of %s, and it is %s", logged, time.UnixMilli(a.atMs), time.UnixMilli(now))
		}
	}
}
