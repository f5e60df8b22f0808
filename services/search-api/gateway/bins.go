package gateway

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/bins"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// Bounds of the bins of a caller.
const (
	MaxBins     = 500
	MaxBinsPage = 200
	// binAttempts bounds how often an edit is decided anew because another edit was first.
	binAttempts    = 32
	MaxHistoryPage = 100
)

// newBinID makes an id, or a secret, that nobody guesses.
func newBinID() string { return rand.Text() }

// CreateBin makes a bin of a caller.
//
//   - Invalid: the name or the notes cannot be kept.
//   - Exhausted: the caller has MaxBins bins already.
func (g *Gateway) CreateBin(ctx context.Context, caller *authz.Caller, req *pb.CreateBinRequest) (*pb.CreateBinResponse, error) {
	if caller == nil {
		return nil, errNobody
	}
	audit.From(ctx).About(req.GetName())
	if err := bins.CheckName(req.GetName(), req.GetNotes()); err != nil {
		return nil, err
	}
	b := &pb.Bin{Id: newBinID(), Name: req.GetName(), Notes: req.GetNotes(), Owner: caller.Name(), CreatedMs: time.Now().UnixMilli(), Named: 1}
	b.ChangedMs = b.GetCreatedMs()
	mine, err := g.deps.Store.BinsOf(ctx, store.BinMembers(b)[0])
	if err != nil {
		return nil, fmt.Errorf("counting your bins: %w", err)
	}
	if len(mine) >= MaxBins {
		return nil, errkind.New(errkind.Exhausted, "you have %d bins, the most allowed; delete one first", len(mine))
	}
	made := &pb.BinChange{By: caller.Name(), AtMs: b.GetCreatedMs(), Edits: []*pb.BinEdit{{Edit: &pb.BinEdit_Name{Name: &pb.NameBin{Name: b.GetName(), Notes: b.GetNotes()}}}}}
	if b, err = g.deps.Store.PutBin(ctx, b, made); err != nil {
		return nil, fmt.Errorf("keeping the bin: %w", err)
	}
	if b, err = g.shownBin(ctx, caller, b, bins.Own); err != nil {
		return nil, err
	}
	return &pb.CreateBinResponse{Bin: b}, nil
}

// ListBins returns a page of the bins that a caller may see, without clips.
func (g *Gateway) ListBins(ctx context.Context, caller *authz.Caller, req *pb.ListBinsRequest) (*pb.ListBinsResponse, error) {
	if caller == nil {
		return nil, errNobody
	}
	limit := int(cmp.Or(req.GetLimit(), 100))
	if limit < 0 || limit > MaxBinsPage {
		return nil, errkind.New(errkind.Invalid, "limit: must be from 1 to %d", MaxBinsPage)
	}
	var ids []string
	for _, m := range bins.Members(caller) {
		of, err := g.deps.Store.BinsOf(ctx, m)
		if err != nil {
			return nil, fmt.Errorf("listing bins: %w", err)
		}
		ids = append(ids, of...)
	}
	slices.Sort(ids)
	resp := &pb.ListBinsResponse{}
	for _, id := range slices.Compact(ids) {
		if id <= req.GetCursor() {
			continue
		}
		b, access, err := g.bin(ctx, caller, id, "")
		if errkind.Is(err, errkind.NotFound) {
			continue
		}
		if err == nil {
			b, err = g.shownBin(ctx, caller, b, access)
		}
		if err != nil {
			return nil, err
		}
		if len(resp.GetBins()) == limit {
			resp.Cursor = resp.Bins[limit-1].GetId()
			break
		}
		b.Clips = nil
		resp.Bins = append(resp.Bins, b)
	}
	return resp, nil
}

// bin returns a bin that a caller may see. NotFound: there is none that the caller may see.
func (g *Gateway) bin(ctx context.Context, caller *authz.Caller, id, link string) (*pb.Bin, bins.Access, error) {
	if caller == nil {
		return nil, bins.None, errNobody
	}
	b, err := g.deps.Store.Bin(ctx, id)
	if err != nil && !errkind.Is(err, errkind.NotFound) {
		return nil, bins.None, fmt.Errorf("reading the bin: %w", err)
	}
	access := bins.None
	if err == nil {
		access = bins.AccessOf(b, caller, link, time.Now())
	}
	if access == bins.None {
		return nil, bins.None, errkind.New(errkind.NotFound, "there is no bin %.64q", id)
	}
	return b, access, nil
}

// GetBin returns a bin with the clips that a caller may see.
func (g *Gateway) GetBin(ctx context.Context, caller *authz.Caller, req *pb.GetBinRequest) (*pb.GetBinResponse, error) {
	b, err := g.seenBin(ctx, caller, req.GetBin(), req.GetLink())
	if err != nil {
		return nil, err
	}
	if b.GetTag() == req.GetKnown() {
		return &pb.GetBinResponse{Unchanged: true}, nil
	}
	for _, c := range b.GetClips() {
		audit.From(ctx).Told(1, c.GetTitle())
	}
	return &pb.GetBinResponse{Bin: b}, nil
}

// seenBin returns a bin as a caller may see the bin.
func (g *Gateway) seenBin(ctx context.Context, caller *authz.Caller, id, link string) (*pb.Bin, error) {
	audit.From(ctx).About(id)
	b, access, err := g.bin(ctx, caller, id, link)
	if err != nil {
		return nil, err
	}
	return g.shownBin(ctx, caller, b, access)
}

// shownBin is a bin as a caller may see the bin.
func (g *Gateway) shownBin(ctx context.Context, caller *authz.Caller, b *pb.Bin, access bins.Access) (*pb.Bin, error) {
	s, err := g.see(ctx, caller)
	if err != nil {
		return nil, err
	}
	out := proto.CloneOf(b)
	all := len(out.GetClips())
	if out.Clips, err = g.shownClips(ctx, caller, s, out.GetClips()); err != nil {
		return nil, err
	}
	out.ClipCount, out.HiddenClips = int32(len(out.GetClips())), int32(all-len(out.GetClips()))
	out.Editable, out.Owned = access >= bins.Edit, access == bins.Own
	if access < bins.Own {
		out.Shares = nil
	}
	for _, share := range out.GetShares() {
		share.Secret = nil
	}
	printed, err := proto.MarshalOptions{Deterministic: true}.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("printing the bin: %w", err)
	}
	sum := sha256.Sum256(printed)
	out.Tag = hex.EncodeToString(sum[:8])
	return out, nil
}

// shownClips returns the clips of assets that a caller may see, with titles, frames, timecodes and thumbnails.
func (g *Gateway) shownClips(ctx context.Context, caller *authz.Caller, s *snapshot, clips []*pb.Clip) (shown []*pb.Clip, err error) {
	var at []beginning
	for _, c := range clips {
		e, err := s.visible(caller, c.GetAsset())
		if err != nil {
			continue
		}
		c = proto.CloneOf(c)
		iv := schema.Interval{Start: schema.Time(c.GetStart()), End: schema.Time(c.GetEnd())}
		c.Title, c.TitleName = e.title, e.name
		c.StartFrame, c.EndFrame, c.StartTimecode, c.EndTimecode = e.counted(iv)
		shown, at = append(shown, c), append(at, beginning{c.GetAsset(), iv.Start})
	}
	paths, err := g.thumbnailsAt(ctx, g.deps.Catalog.View(), s, at)
	if err != nil {
		return nil, err
	}
	for i, path := range paths {
		shown[i].Thumbnail = path
	}
	return shown, nil
}

// EditBin makes the edits of a caller that are in no conflict. Of several callers at the same time, each caller's edits are made, or told as conflicts.
//
//   - NotFound: there is no such bin, or no such asset, that the caller may see.
//   - Denied: the caller may not edit the bin.
//   - Invalid, Exhausted: see bins.Apply. No edit is made.
func (g *Gateway) EditBin(ctx context.Context, caller *authz.Caller, req *pb.EditBinRequest) (*pb.EditBinResponse, error) {
	audit.From(ctx).About(req.GetBin())
	for attempt := 1; ; attempt++ {
		b, access, err := g.bin(ctx, caller, req.GetBin(), req.GetLink())
		if err != nil {
			return nil, err
		}
		switch {
		case access < bins.Edit:
			return nil, errLooking(b)
		case req.GetSeen() < 0 || req.GetSeen() > b.GetRevision():
			return nil, errkind.New(errkind.Invalid, "seen: the bin is of revision %d, and nobody has seen revision %d", b.GetRevision(), req.GetSeen())
		}
		s, err := g.see(ctx, caller)
		if err != nil {
			return nil, err
		}
		made, err := bins.Apply(b, g.editorOf(caller, s, access, req.GetSeen()), req.GetEdits(), bins.Env{Now: time.Now(), ID: newBinID, Secret: newBinID})
		if err != nil {
			return nil, err
		}
		if made.Made() {
			b, err = g.deps.Store.PutBin(ctx, made.Bin, made.Change)
			if errkind.Is(err, errkind.Conflict) && attempt < binAttempts {
				continue
			}
			if err != nil {
				return nil, fmt.Errorf("keeping the bin: %w", err)
			}
			g.binLooks.poke(b.GetId())
		}
		return g.edited(ctx, caller, b, access, made)
	}
}

func errLooking(b *pb.Bin) error {
	return errkind.New(errkind.Denied, "the bin %q is shared with you for looking: ask %s for the right to edit", b.GetName(), b.GetOwner())
}

// editorOf is a caller as an editor of a bin.
func (g *Gateway) editorOf(caller *authz.Caller, s *snapshot, access bins.Access, seen int64) bins.Editor {
	return bins.Editor{Name: caller.Name(), Owns: access == bins.Own, Seen: seen, End: func(asset string) (schema.Time, error) { return s.endOf(caller, asset) }}
}

// edited is the answer after edits.
func (g *Gateway) edited(ctx context.Context, caller *authz.Caller, b *pb.Bin, access bins.Access, made bins.Result) (*pb.EditBinResponse, error) {
	shown, err := g.shownBin(ctx, caller, b, access)
	if err != nil {
		return nil, err
	}
	for _, c := range made.Conflicts {
		if i := slices.IndexFunc(shown.GetClips(), func(o *pb.Clip) bool { return o.GetId() == c.GetClip().GetId() }); i >= 0 {
			c.Clip = shown.GetClips()[i]
		}
	}
	return &pb.EditBinResponse{Bin: shown, Conflicts: made.Conflicts, Links: made.Links}, nil
}

// endOf returns the end of an asset that a caller may see. NotFound: there is none.
func (s *snapshot) endOf(caller *authz.Caller, asset string) (schema.Time, error) {
	e, err := s.visible(caller, asset)
	if err != nil {
		return 0, err
	}
	end := schema.Time(e.asset().GetDuration())
	if e.clock != nil {
		end = max(end, e.clock.FrameStart(e.clock.Frames()))
	}
	return end, nil
}

// DeleteBin deletes a bin of a caller.
//
//   - NotFound: there is no such bin that the caller may see.
//   - Denied: another caller owns the bin.
//   - Conflict: the bin changed after the caller looked.
func (g *Gateway) DeleteBin(ctx context.Context, caller *authz.Caller, req *pb.DeleteBinRequest) error {
	audit.From(ctx).About(req.GetBin())
	b, access, err := g.bin(ctx, caller, req.GetBin(), "")
	if err != nil {
		return err
	}
	if access < bins.Own {
		return errkind.New(errkind.Denied, "the bin %q is of %s, who alone may delete the bin", b.GetName(), b.GetOwner())
	}
	if err := g.deps.Store.DeleteBin(ctx, b.GetId(), req.GetSeen()); err != nil {
		return fmt.Errorf("deleting the bin: %w", err)
	}
	g.binLooks.poke(b.GetId())
	return nil
}

// BinHistory returns a page of the changes of a bin, without the edits of clips that the caller may not see.
func (g *Gateway) BinHistory(ctx context.Context, caller *authz.Caller, req *pb.GetBinHistoryRequest) (*pb.GetBinHistoryResponse, error) {
	audit.From(ctx).About(req.GetBin())
	limit := int(cmp.Or(req.GetLimit(), 50))
	if limit < 0 || limit > MaxHistoryPage {
		return nil, errkind.New(errkind.Invalid, "limit: must be from 1 to %d", MaxHistoryPage)
	}
	b, access, err := g.bin(ctx, caller, req.GetBin(), req.GetLink())
	if err != nil {
		return nil, err
	}
	s, err := g.see(ctx, caller)
	if err != nil {
		return nil, err
	}
	changes, err := g.deps.Store.BinChanges(ctx, b.GetId(), req.GetBelow(), limit)
	if err != nil {
		return nil, fmt.Errorf("reading the history of the bin: %w", err)
	}
	resp := &pb.GetBinHistoryResponse{}
	if len(changes) == limit && changes[limit-1].GetRevision() > 1 {
		resp.Below = changes[limit-1].GetRevision()
	}
	assets := map[string]string{} // of the clips that the page and the bin know
	for _, c := range b.GetClips() {
		assets[c.GetId()] = c.GetAsset()
	}
	for _, c := range changes {
		for _, e := range c.GetEdits() {
			if a := e.GetAdd().GetClip(); a != nil {
				assets[a.GetId()] = a.GetAsset()
			}
		}
		for _, o := range c.GetBefore() {
			assets[o.GetId()] = o.GetAsset()
		}
	}
	for _, c := range changes {
		c.Edits = slices.DeleteFunc(c.Edits, func(e *pb.BinEdit) bool {
			if clip := bins.ClipOf(e); clip != "" {
				_, err := s.visible(caller, assets[clip])
				return err != nil && !caller.SeesAll()
			}
			return access < bins.Own && (e.GetShare() != nil || e.GetUnshare() != nil)
		})
		if c.Before, err = g.shownClips(ctx, caller, s, c.Before); err != nil {
			return nil, err
		}
		resp.Changes = append(resp.Changes, c)
	}
	return resp, nil
}
