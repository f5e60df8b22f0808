package ingest

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/cinedex/cinedex/pkg/blob"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/media"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// handle handles an event: arrive, then publish the asset.
func (s *Service) handle(ctx context.Context, batch []events.Delivery) error {
	for _, d := range batch {
		began := time.Now()
		err := s.one(ctx, d)
		result := "ok"
		if err != nil {
			result = errkind.Of(err).String()
		}
		s.arrived.WithLabelValues(result).Inc()
		s.seconds.Observe(time.Since(began).Seconds())
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) one(ctx context.Context, d events.Delivery) error {
	m, err := arrivalOf(d)
	if err != nil {
		return err
	}
	asset, err := s.arrive(ctx, m)
	if k := errkind.Of(err); err == nil || !k.Retryable() {
		s.uploads.Arrived(d.ID, m.GetUrl(), asset, err)
	}
	if err != nil {
		return fmt.Errorf("ingesting %s: %w", m.GetUrl(), err)
	}
	if err := s.publish(ctx, asset); err != nil {
		return fmt.Errorf("putting asset %s into the log: %w", asset.GetId(), err)
	}
	s.deps.Log.Info("media ready", "asset", asset.GetId(), "title", asset.GetTitle().GetId(), "url", m.GetUrl(),
		"frames", asset.GetVideo().GetFrames(), "text_tracks", len(asset.GetText()))
	return nil
}

// An arrival is an event with the rights of its sender.
type arrival struct {
	*pb.MediaArrived
	// caller is the name of the sender's token; empty for an event written to media.arrived.
	caller string
	// atMs is the time at which the event was accepted or, for an event written to media.arrived, logged.
	atMs int64
	// retitle are the titles from which and to which the sender may move assets. "*" is every title.
	retitle []string
}

func arrivalOf(d events.Delivery) (arrival, error) {
	var a arrival
	switch m := d.Data.(type) {
	case *pb.MediaArrived:
		// The producer may set the time of a record. A time in the future would decide the title until then.
		a = arrival{MediaArrived: m, atMs: min(d.Logged.UnixMilli(), time.Now().UnixMilli())}
	case *pb.MediaAccepted:
		a = arrival{MediaArrived: m.GetArrived(), caller: m.GetCaller(), atMs: m.GetAcceptedMs(), retitle: m.GetRetitle()}
	}
	if a.MediaArrived == nil {
		return a, errkind.New(errkind.Invalid, "the event has no data")
	}
	return a, schema.Validate(a.MediaArrived)
}

// arrive makes an asset from an event and puts the asset into the library. arrive finds and hashes the bytes, reads the
// known facts about the asset, probes the media and keeps the text tracks.
func (s *Service) arrive(ctx context.Context, m arrival) (*pb.Asset, error) {
	ref, err := s.place(ctx, m)
	if err != nil {
		return nil, err
	}
	file, err := s.deps.Blobs.Take(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("reading the media: %w", err)
	}
	defer file.Close()
	sum := file.Sum
	if want := m.GetSha256(); want != "" && !strings.EqualFold(want, sum) {
		return nil, errkind.New(errkind.Invalid, "sha256: the event says %s, the bytes say %s: the file was changed or not wholly there", want, sum)
	}
	if m.GetAsset() != "" && m.GetAsset() != schema.AssetID(sum) {
		return nil, errkind.New(errkind.Invalid, "asset: the media of %s have changed since they arrived: ingest the file again", m.GetAsset())
	}
	for {
		known, err := s.known(ctx, schema.AssetID(sum))
		if err != nil {
			return nil, err
		}
		if err := s.mayTitle(known, m); err != nil {
			return nil, err
		}
		a, err := s.look(ctx, file, schema.AssetID(sum), known, m)
		if err != nil {
			return nil, err
		}
		a.Sha256, a.SizeBytes, a.Media = sum, file.Size, file.Ref
		err = s.enter(ctx, known, a, m)
		if errkind.Is(err, errkind.Conflict) {
			continue // another event changed the asset meanwhile: decide again
		}
		return a, err
	}
}

// place returns the place of the media of an event: by the URL, or by the asset. An event that names an asset may not move the asset to another title.
func (s *Service) place(ctx context.Context, m arrival) (*pb.MediaRef, error) {
	if m.GetAsset() == "" {
		ref, err := s.deps.Blobs.Resolve(m.GetUrl())
		if err != nil {
			return nil, field("url", err)
		}
		return ref, nil
	}
	known, err := s.known(ctx, m.GetAsset())
	if err != nil {
		return nil, err
	}
	// The refusal does not tell an unknown asset from an asset of another title, because the sender may not be allowed to know the title.
	if known == nil || known.GetTitle().GetId() != m.GetTitle().GetId() {
		return nil, errkind.New(errkind.NotFound, "asset: title %s has no asset %s", m.GetTitle().GetId(), m.GetAsset())
	}
	return known.GetMedia(), nil
}

// look probes the media and keeps the text tracks inside and beside the film.
func (s *Service) look(ctx context.Context, file *blob.AssetFile, id string, known *pb.Asset, m arrival) (*pb.Asset, error) {
	path := file.Path()
	film, err := s.deps.Reader.Probe(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("probing the media: %w", err)
	}
	film.Asset.Id, film.Asset.Media = id, file.Ref
	if v := film.Asset.GetVideo(); v.GetUnshownFrames() > 0 {
		s.deps.Log.Warn("a recording begins in the middle of a group of pictures: frames before its first key frame cannot be shown",
			"asset", id, "frames", v.GetUnshownFrames(), "of", v.GetFrames())
	}
	if film.Asset.GetVideo() != nil {
		if err := s.video(ctx, film, cmp.Or(m.GetStartTimecode(), known.GetVideo().GetStartTimecode())); err != nil {
			return nil, err
		}
	} else if m.GetStartTimecode() != "" {
		return nil, errkind.New(errkind.Invalid, "start_timecode: the media has no pictures to count")
	}
	if err := s.text(ctx, path, film, m.GetText()); err != nil {
		return nil, err
	}
	if err := file.Unchanged(); err != nil {
		return nil, fmt.Errorf("reading the media: %w", err)
	}
	return film.Asset, nil
}

// video applies the event's statements about the pictures, and keeps the frame table of a variable rate.
func (s *Service) video(ctx context.Context, film *media.Film, startTimecode string) error {
	v := film.Asset.GetVideo()
	if startTimecode != "" {
		v.StartTimecode, v.DropFrame = startTimecode, strings.ContainsAny(startTimecode, ";,")
	}
	if _, err := schema.NewTimecodeScale(v); err != nil {
		return field("start_timecode", err)
	}
	if film.Frames == nil {
		return nil
	}
	b, err := film.Frames.Encode()
	if err != nil {
		return fmt.Errorf("encoding the frame table: %w", err)
	}
	ref, err := s.deps.Blobs.Put(ctx, "frames/"+contentHash(b), "application/octet-stream", bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("keeping the frame table: %w", err)
	}
	v.FrameTable = ref
	return nil
}

func contentHash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// field says which field of the event is to blame, and keeps the kind of the error.
func field(name string, err error) error { return fmt.Errorf("%s: %w", name, err) }
