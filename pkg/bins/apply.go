package bins

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Bounds of a bin.
const (
	MaxClips   = 2000
	MaxMarkers = 50 // of a clip
	MaxShares  = 50
	MaxEdits   = 200 // of a request
	MaxBytes   = 1 << 20
)

// An Editor asks for edits.
type Editor struct {
	Name string
	Owns bool
	// Seen is the revision that the editor saw.
	Seen int64
	// End returns the end of an asset that the editor may see; NotFound for every other asset.
	End func(asset string) (schema.Time, error)
}

// Env is the world of an Apply.
type Env struct {
	Now time.Time
	// ID makes an id that nobody has; Secret makes a secret that nobody guesses.
	ID, Secret func() string
}

// A Result is a bin after edits.
type Result struct {
	Bin       *pb.Bin // of the revision of the bin before
	Change    *pb.BinChange
	Conflicts []*pb.BinConflict
	Links     []*pb.BinLink
}

// Made reports whether an edit changed the bin.
func (r Result) Made() bool { return len(r.Change.GetEdits()) > 0 }

// Apply makes edits. Apply does not change b.
//
//   - Invalid: an edit breaks a bound, or is empty.
//   - NotFound: a clip of an asset that the editor may not see.
//   - Denied: sharing by an editor who is not the owner.
//   - Exhausted: the bin would have too many clips, markers, shares or bytes.
func Apply(b *pb.Bin, by Editor, edits []*pb.BinEdit, env Env) (Result, error) {
	if n := len(edits); n == 0 || n > MaxEdits {
		return Result{}, errkind.New(errkind.Invalid, "edits: want from 1 to %d, not %d", MaxEdits, n)
	}
	d := newDraft(b, by, env)
	for i, e := range edits {
		made, conflict, err := d.edit(e)
		switch {
		case err != nil:
			return Result{}, fmt.Errorf("edits[%d]: %w", i, err)
		case conflict != nil:
			conflict.Edit = int32(i)
			d.Conflicts = append(d.Conflicts, conflict)
		case made != nil:
			d.Change.Edits = append(d.Change.Edits, made)
		}
	}
	return d.finish()
}

func newDraft(b *pb.Bin, by Editor, env Env) *draft {
	return &draft{by: by, env: env, revision: b.GetRevision() + 1, Result: Result{Bin: proto.CloneOf(b), Change: &pb.BinChange{By: by.Name, AtMs: env.Now.UnixMilli()}}}
}

// finish returns the bin after the edits. Exhausted: the bin has too many bytes.
func (d *draft) finish() (Result, error) {
	d.Bin.ChangedMs = d.env.Now.UnixMilli()
	if n := proto.Size(d.Bin); n > MaxBytes {
		return Result{}, errkind.New(errkind.Exhausted, "the bin would take %d bytes, more than the %d allowed: make a second bin", n, MaxBytes)
	}
	return d.Result, nil
}

// A draft is a bin under edit.
type draft struct {
	Result
	by       Editor
	env      Env
	revision int64 // that the edits make
	failed   error // of a restoring
}

// edit makes an edit. made is nil where the bin is as asked already.
func (d *draft) edit(e *pb.BinEdit) (made *pb.BinEdit, conflict *pb.BinConflict, err error) {
	e = proto.CloneOf(e)
	e.WasAfter = nil
	changed := false
	if clip := cmp.Or(e.GetRemove().GetClip(), e.GetMove().GetClip()); clip != "" {
		if i := d.find(clip); i == 0 {
			e.WasAfter = new(string)
		} else if i > 0 {
			e.WasAfter = proto.String(d.Bin.GetClips()[i-1].GetId())
		}
	}
	switch x := e.GetEdit().(type) {
	case *pb.BinEdit_Add:
		changed, conflict, err = d.add(x.Add)
	case *pb.BinEdit_Remove:
		changed, conflict = d.remove(x.Remove)
	case *pb.BinEdit_Move:
		changed, conflict, err = d.move(x.Move)
	case *pb.BinEdit_Trim:
		changed, conflict, err = d.trim(x.Trim)
	case *pb.BinEdit_Note:
		changed, conflict, err = d.note(x.Note)
	case *pb.BinEdit_PutMarker:
		changed, conflict, err = d.putMarker(x.PutMarker)
	case *pb.BinEdit_RemoveMarker:
		changed, conflict = d.removeMarker(x.RemoveMarker)
	case *pb.BinEdit_Name:
		changed, conflict, err = d.name(x.Name)
	case *pb.BinEdit_Share:
		changed, err = d.share(x.Share)
	case *pb.BinEdit_Unshare:
		changed, err = d.unshare(x.Unshare)
	default:
		err = errkind.New(errkind.Invalid, "the edit is empty, or is of a later version of Cinedex")
	}
	if !changed || err != nil || conflict != nil {
		return nil, conflict, err
	}
	return e, nil, nil
}

func (d *draft) find(clip string) int {
	return slices.IndexFunc(d.Bin.GetClips(), func(c *pb.Clip) bool { return c.GetId() == clip })
}

// clip returns a clip of the bin, or the conflict of a clip that is gone. A clip of an asset that the editor may not see is gone for the editor.
func (d *draft) clip(id string) (*pb.Clip, *pb.BinConflict) {
	if i := d.find(id); i >= 0 && d.sees(d.Bin.GetClips()[i]) {
		return d.Bin.GetClips()[i], nil
	}
	return nil, &pb.BinConflict{Reason: fmt.Sprintf("the clip %.64q is gone; the history of the bin has it", id)}
}

func (d *draft) sees(c *pb.Clip) bool {
	_, err := d.by.End(c.GetAsset())
	return err == nil
}

// late is the conflict of an edit of something that changed after the editor looked.
func (d *draft) late(what string, revision int64, c *pb.Clip) *pb.BinConflict {
	return &pb.BinConflict{Reason: fmt.Sprintf("%s changed in revision %d, and you saw revision %d", what, revision, d.by.Seen), Clip: proto.CloneOf(c)}
}

// keep remembers a clip as it is before the edits.
func (d *draft) keep(c *pb.Clip) {
	if c.GetAdded() < d.revision && !slices.ContainsFunc(d.Change.GetBefore(), func(b *pb.Clip) bool { return b.GetId() == c.GetId() }) {
		d.Change.Before = append(d.Change.Before, proto.CloneOf(c))
	}
}

func (d *draft) add(e *pb.AddClip) (bool, *pb.BinConflict, error) {
	c := e.GetClip()
	if err := d.checkClip(c); err != nil {
		return false, nil, err
	}
	if c.GetId() == "" {
		c.Id = d.env.ID()
	}
	for _, m := range c.GetMarkers() {
		if m.GetId() == "" {
			m.Id = d.env.ID()
		}
		m.Revision = d.revision
	}
	if i := d.find(c.GetId()); i >= 0 {
		there := d.Bin.GetClips()[i]
		if sameClip(there, c) {
			return false, nil, nil
		}
		taken := &pb.BinConflict{Reason: fmt.Sprintf("the id %.64q is taken: leave the id empty", c.GetId())}
		if d.sees(there) {
			taken.Clip = proto.CloneOf(there)
		}
		return false, taken, nil
	}
	if len(d.Bin.GetClips()) >= MaxClips {
		return false, nil, errkind.New(errkind.Exhausted, "the bin has %d clips, the most allowed: make a second bin", MaxClips)
	}
	c.AddedBy, c.AddedMs = d.by.Name, d.env.Now.UnixMilli()
	c.Added, c.Trimmed, c.Noted = d.revision, d.revision, d.revision
	at := len(d.Bin.GetClips())
	if i := d.find(e.GetAfter()); i >= 0 {
		at = i + 1
	}
	d.Bin.Clips = slices.Insert(d.Bin.Clips, at, proto.CloneOf(c))
	return true, nil, nil
}

// sameClip reports whether a clip was added as another clip is: who, when and which revision aside.
func sameClip(a, b *pb.Clip) bool {
	plain := func(c *pb.Clip) *pb.Clip {
		c = proto.CloneOf(c)
		c.AddedBy, c.AddedMs, c.Added, c.Trimmed, c.Noted = "", 0, 0, 0, 0
		for _, m := range c.GetMarkers() {
			m.Id, m.Revision = "", 0
		}
		return c
	}
	return proto.Equal(plain(a), plain(b))
}

// lastOf returns the revision that last changed any aspect of a clip but the place.
func lastOf(c *pb.Clip) int64 {
	last := max(c.GetAdded(), c.GetTrimmed(), c.GetNoted(), c.GetUnmarked())
	for _, m := range c.GetMarkers() {
		last = max(last, m.GetRevision())
	}
	return last
}

func (d *draft) remove(e *pb.RemoveClip) (bool, *pb.BinConflict) {
	c, gone := d.clip(e.GetClip())
	if gone != nil {
		return false, nil
	}
	if last := lastOf(c); last > d.by.Seen && last < d.revision {
		return false, d.late("the clip", last, c)
	}
	d.keep(c)
	i := d.find(e.GetClip())
	d.Bin.Clips = slices.Delete(d.Bin.Clips, i, i+1)
	return true, nil
}

func (d *draft) move(e *pb.MoveClip) (bool, *pb.BinConflict, error) {
	if e.GetAfter() == e.GetClip() {
		return false, nil, errkind.New(errkind.Invalid, "move.after: a clip cannot go behind the clip itself")
	}
	c, gone := d.clip(e.GetClip())
	if gone != nil {
		return false, gone, nil
	}
	from := d.find(e.GetClip())
	d.Bin.Clips = slices.Delete(d.Bin.Clips, from, from+1)
	to := 0
	if e.GetAfter() != "" {
		to = len(d.Bin.GetClips())
		if i := d.find(e.GetAfter()); i >= 0 {
			to = i + 1
		}
	}
	d.Bin.Clips = slices.Insert(d.Bin.Clips, to, c)
	return from != to, nil, nil
}

func (d *draft) trim(e *pb.TrimClip) (bool, *pb.BinConflict, error) {
	c, gone := d.clip(e.GetClip())
	switch {
	case gone != nil:
		return false, gone, nil
	case c.GetStart() == e.GetStart() && c.GetEnd() == e.GetEnd() && c.GetHandleBefore() == e.GetHandleBefore() && c.GetHandleAfter() == e.GetHandleAfter():
		return false, nil, nil
	case c.GetTrimmed() > d.by.Seen && c.GetTrimmed() < d.revision:
		return false, d.late("the trim of the clip", c.GetTrimmed(), c), nil
	}
	next := proto.CloneOf(c)
	next.Start, next.End, next.HandleBefore, next.HandleAfter, next.Trimmed = e.GetStart(), e.GetEnd(), e.GetHandleBefore(), e.GetHandleAfter(), d.revision
	if err := d.checkPlace(next); err != nil {
		return false, nil, err
	}
	d.replace(c, next)
	return true, nil, nil
}

func (d *draft) note(e *pb.NoteClip) (bool, *pb.BinConflict, error) {
	if err := checkNotes(e.GetNotes(), e.GetColour()); err != nil {
		return false, nil, err
	}
	c, gone := d.clip(e.GetClip())
	switch {
	case gone != nil:
		return false, gone, nil
	case c.GetNotes() == e.GetNotes() && c.GetColour() == e.GetColour():
		return false, nil, nil
	case c.GetNoted() > d.by.Seen && c.GetNoted() < d.revision:
		return false, d.late("the notes of the clip", c.GetNoted(), c), nil
	}
	next := proto.CloneOf(c)
	next.Notes, next.Colour, next.Noted = e.GetNotes(), e.GetColour(), d.revision
	d.replace(c, next)
	return true, nil, nil
}

func (d *draft) replace(old, next *pb.Clip) {
	d.keep(old)
	d.Bin.Clips[d.find(old.GetId())] = next
}

func (d *draft) putMarker(e *pb.PutMarker) (bool, *pb.BinConflict, error) {
	c, gone := d.clip(e.GetClip())
	if gone != nil {
		return false, gone, nil
	}
	m := e.GetMarker()
	if err := checkMarker(c, m); err != nil {
		return false, nil, err
	}
	if m.GetId() == "" {
		m.Id = d.env.ID()
	}
	next := proto.CloneOf(c)
	i := slices.IndexFunc(next.GetMarkers(), func(o *pb.ClipMarker) bool { return o.GetId() == m.GetId() })
	if i >= 0 {
		old := next.GetMarkers()[i]
		switch {
		case old.GetTime() == m.GetTime() && old.GetText() == m.GetText() && old.GetColour() == m.GetColour():
			return false, nil, nil
		case old.GetRevision() > d.by.Seen && old.GetRevision() < d.revision:
			return false, d.late("the marker", old.GetRevision(), c), nil
		}
		next.Markers = slices.Delete(next.Markers, i, i+1)
	}
	if len(next.GetMarkers()) >= MaxMarkers {
		return false, nil, errkind.New(errkind.Exhausted, "the clip has %d markers, the most allowed", MaxMarkers)
	}
	m.Revision = d.revision
	at, _ := slices.BinarySearchFunc(next.GetMarkers(), m, byTime)
	next.Markers = slices.Insert(next.Markers, at, proto.CloneOf(m))
	d.replace(c, next)
	return true, nil, nil
}

func (d *draft) removeMarker(e *pb.RemoveMarker) (bool, *pb.BinConflict) {
	c, gone := d.clip(e.GetClip())
	if gone != nil {
		return false, nil // with its markers
	}
	i := slices.IndexFunc(c.GetMarkers(), func(m *pb.ClipMarker) bool { return m.GetId() == e.GetMarker() })
	if i < 0 {
		return false, nil
	}
	if r := c.GetMarkers()[i].GetRevision(); r > d.by.Seen && r < d.revision {
		return false, d.late("the marker", r, c)
	}
	next := proto.CloneOf(c)
	next.Markers, next.Unmarked = slices.Delete(next.Markers, i, i+1), d.revision
	d.replace(c, next)
	return true, nil
}

func (d *draft) name(e *pb.NameBin) (bool, *pb.BinConflict, error) {
	if err := CheckName(e.GetName(), e.GetNotes()); err != nil {
		return false, nil, err
	}
	b := d.Bin
	switch {
	case b.GetName() == e.GetName() && b.GetNotes() == e.GetNotes():
		return false, nil, nil
	case b.GetNamed() > d.by.Seen && b.GetNamed() < d.revision:
		return false, d.late("the name or the notes of the bin", b.GetNamed(), nil), nil
	}
	e.Was = &pb.NameBin{Name: b.GetName(), Notes: b.GetNotes()}
	b.Name, b.Notes, b.Named = e.GetName(), e.GetNotes(), d.revision
	return true, nil, nil
}

func (d *draft) share(e *pb.ShareBin) (bool, error) {
	if !d.by.Owns {
		return false, errNotOwner
	}
	s := e.GetShare()
	if s.GetWith() == "link" {
		s.With = withLink + d.env.ID()
		secret := d.env.Secret()
		s.Secret = hash(secret)
		d.Links = append(d.Links, &pb.BinLink{With: s.GetWith(), Secret: secret})
	} else if err := checkWith(s); err != nil {
		return false, err
	}
	if s.GetUntilMs() != 0 && s.GetUntilMs() <= d.env.Now.UnixMilli() {
		return false, errkind.New(errkind.Invalid, "share.until_ms: %s has passed", time.UnixMilli(s.GetUntilMs()).UTC().Format(time.RFC3339))
	}
	kept := proto.CloneOf(s)
	s.Secret = nil // of the history
	i := slices.IndexFunc(d.Bin.GetShares(), func(o *pb.Share) bool { return o.GetWith() == s.GetWith() })
	switch {
	case i >= 0 && proto.Equal(d.Bin.GetShares()[i], kept):
		return false, nil
	case i >= 0:
		d.Bin.Shares[i] = kept
	case len(d.Bin.GetShares()) >= MaxShares:
		return false, errkind.New(errkind.Exhausted, "the bin has %d shares, the most allowed: end a share first", MaxShares)
	default:
		d.Bin.Shares = append(d.Bin.Shares, kept)
	}
	return true, nil
}

func (d *draft) unshare(e *pb.UnshareBin) (bool, error) {
	if !d.by.Owns {
		return false, errNotOwner
	}
	n := len(d.Bin.GetShares())
	d.Bin.Shares = slices.DeleteFunc(d.Bin.Shares, func(s *pb.Share) bool { return s.GetWith() == e.GetWith() })
	return len(d.Bin.GetShares()) < n, nil
}

var errNotOwner = errkind.New(errkind.Denied, "the owner alone shares a bin")

// ClipOf returns the id of the clip that an edit changes; "" for an edit of the bin.
func ClipOf(e *pb.BinEdit) string {
	switch x := e.GetEdit().(type) {
	case *pb.BinEdit_Add:
		return x.Add.GetClip().GetId()
	case *pb.BinEdit_Remove:
		return x.Remove.GetClip()
	case *pb.BinEdit_Move:
		return x.Move.GetClip()
	case *pb.BinEdit_Trim:
		return x.Trim.GetClip()
	case *pb.BinEdit_Note:
		return x.Note.GetClip()
	case *pb.BinEdit_PutMarker:
		return x.PutMarker.GetClip()
	case *pb.BinEdit_RemoveMarker:
		return x.RemoveMarker.GetClip()
	}
	return ""
}
