package ingest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// known returns the asset in the library, or nil if the library does not have the asset.
func (s *Service) known(ctx context.Context, id string) (*pb.Asset, error) {
	a, err := s.deps.Library.Asset(ctx, id)
	if errkind.Is(err, errkind.NotFound) {
		return nil, nil
	}
	return a, err
}

// mayTitle decides whether an event may give an asset the event's title. Any event may title an unknown asset.
//   - Conflict: a later event decided the title. This event came again, or late, and changes nothing.
//   - Denied: the sender lacks the right. The refusal does not name the asset's title, because the sender may not be
//     allowed to know the title.
func (s *Service) mayTitle(known *pb.Asset, m arrival) error {
	from, to := known.GetTitle().GetId(), m.GetTitle().GetId()
	if known == nil || from == to {
		return nil
	}
	if m.atMs <= known.GetTitledMs() {
		s.deps.Log.Info("skipped an event older than the title of its asset", "asset", known.GetId(), "title", from, "event_title", to, "caller", m.caller)
		return errkind.New(errkind.Conflict, "the title of asset %s was decided by a later event", known.GetId())
	}
	if m.mayMove(from) && m.mayMove(to) {
		return nil
	}
	err := errkind.New(errkind.Denied, "title.id: asset %s keeps its other title: to move the asset, send an event over HTTP with a token that has the role retitle and both titles", known.GetId())
	s.deps.Log.Warn("refused to move an asset to another title", "asset", known.GetId(), "title", from, "event_title", to, "caller", m.caller)
	s.record(known.GetId(), from, to, m, err)
	return err
}

func (m arrival) mayMove(title string) bool {
	return slices.Contains(m.retitle, "*") || slices.Contains(m.retitle, title)
}

// record writes a change of title, or the refusal, into the audit log.
func (s *Service) record(asset, from, to string, m arrival, refusal error) {
	e := audit.Entry{Call: "retitle", Caller: m.caller, About: asset, Detail: fmt.Sprintf("from %s to %s", from, to), Titles: []string{from, to}, Outcome: "ok"}
	if refusal != nil {
		e.Outcome, e.Reason = errkind.Of(refusal).String(), refusal.Error()
	}
	_ = s.deps.Audit.Write(e) // the audit log holds a line that it cannot write, and reports the failure
}

// enter puts an asset into the library after an event. a has the facts from the event and the bytes, and gets the facts
// that known adds. The library of assets changes here and nowhere else. Conflict: the asset no longer is as in known.
func (s *Service) enter(ctx context.Context, known, a *pb.Asset, m arrival) error {
	join(known, a, m)
	if proto.Equal(known, a) {
		return nil // the same event, or an event with the same content
	}
	a.Revision++
	if err := s.deps.Library.PutAsset(ctx, a); err != nil {
		return fmt.Errorf("putting asset %s into the library: %w", a.GetId(), err)
	}
	if from, to := known.GetTitle().GetId(), a.GetTitle().GetId(); known != nil && from != to {
		s.deps.Log.Warn("moved an asset to another title", "asset", a.GetId(), "from", from, "to", to, "caller", m.caller)
		s.record(a.GetId(), from, to, m, nil)
	}
	return nil
}

// join gives a the facts of the event and, for omitted facts, the known facts.
func join(known, a *pb.Asset, m arrival) {
	a.Title = proto.CloneOf(m.GetTitle())
	a.EidrEdit = cmp.Or(m.GetEidrEdit(), known.GetEidrEdit())
	a.Attributes = joinAttributes(known.GetAttributes(), m.GetAttributes())
	a.Revision, a.TitledMs = known.GetRevision(), known.GetTitledMs()
	if known.GetTitle().GetId() == m.GetTitle().GetId() {
		joinTitle(known.GetTitle(), a.GetTitle())
	} else {
		// No fact about the old title carries over to the new title.
		a.TitledMs = m.atMs
	}
	if !m.GetReplaceText() {
		a.Text = joinText(known.GetText(), a.GetText())
		a.RefusedText = joinRefused(known.GetRefusedText(), a.GetRefusedText(), m.GetText())
	}
}

// joinRefused returns the newly refused tracks, and the previously refused side-cars that the event does not send
// again.
func joinRefused(known, refused []*pb.TextTrack, sent []*pb.SideCar) []*pb.TextTrack {
	var joined []*pb.TextTrack
	for _, k := range known {
		again := slices.ContainsFunc(sent, func(sc *pb.SideCar) bool { return cmp.Or(sc.GetUrl(), sc.GetName()) == k.GetName() })
		if !inside(k) && !again {
			joined = append(joined, k)
		}
	}
	return append(joined, refused...)
}

func joinTitle(known, t *pb.Title) {
	t.Name, t.Series = cmp.Or(t.GetName(), known.GetName()), cmp.Or(t.GetSeries(), known.GetSeries())
	t.Season, t.Episode = cmp.Or(t.GetSeason(), known.GetSeason()), cmp.Or(t.GetEpisode(), known.GetEpisode())
	t.OriginalLanguage = cmp.Or(t.GetOriginalLanguage(), known.GetOriginalLanguage())
	t.Credit, t.Eidr = cmp.Or(t.GetCredit(), known.GetCredit()), cmp.Or(t.GetEidr(), known.GetEidr())
	t.Attributes = joinAttributes(known.GetAttributes(), t.GetAttributes())
}

func joinAttributes(known, given map[string]*pb.Value) map[string]*pb.Value {
	if len(known) == 0 {
		return given
	}
	joined := maps.Clone(known)
	maps.Copy(joined, given)
	return joined
}

// joinText returns the tracks of the file, the known side-cars, and the new side-cars: a repeated event changes
// nothing. A side-car is known by its content, its language and its role.
func joinText(known, tracks []*pb.TextTrack) []*pb.TextTrack {
	var joined, given []*pb.TextTrack
	for _, t := range tracks {
		if inside(t) {
			joined = append(joined, t)
		} else {
			given = append(given, t)
		}
	}
	for _, k := range known {
		if inside(k) || replaced(k, given) {
			continue // the bytes are the same, and so are the tracks within them
		}
		same := func(t *pb.TextTrack) bool {
			return t.GetSha256() == k.GetSha256() && t.GetLanguage() == k.GetLanguage() && t.GetRole() == k.GetRole()
		}
		if i := slices.IndexFunc(given, same); i >= 0 {
			given[i].Name = cmp.Or(given[i].GetName(), k.GetName())
			k = given[i]
			given = slices.Delete(given, i, i+1)
		}
		joined = append(joined, k)
	}
	return append(joined, given...)
}

// replaced reports whether a given track takes the place of a known track: markers with the same name, from a later version of the file.
func replaced(k *pb.TextTrack, given []*pb.TextTrack) bool {
	return k.GetRole() == schema.RoleMarkers && slices.ContainsFunc(given, func(t *pb.TextTrack) bool {
		return t.GetRole() == k.GetRole() && t.GetName() == k.GetName() && t.GetSha256() != k.GetSha256()
	})
}

func inside(t *pb.TextTrack) bool { return t.GetIndex() >= 0 }

// publish puts the library's asset into media.ready. The last event there MUST equal the library's asset. Of two
// concurrent events, the event that changed the library first may publish last. Every publisher therefore reads the
// library afterwards, and publishes again if the library has changed.
func (s *Service) publish(ctx context.Context, a *pb.Asset) error {
	for {
		if err := s.deps.Events.Publish(ctx, events.MediaReady, events.Event{Subject: a.GetId(), Data: &pb.MediaReady{Asset: a}}); err != nil {
			return err
		}
		now, err := s.deps.Library.Asset(ctx, a.GetId())
		if err != nil {
			return fmt.Errorf("reading the asset: %w", err)
		}
		if now.GetRevision() <= a.GetRevision() {
			return nil
		}
		a = now
	}
}
