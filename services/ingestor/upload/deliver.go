package upload

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// deliver gives a whole film its place, and the log the film's event. deliver may be called again after a crash or an error at any step. The caller
// MUST hold the lock of the upload.
func (s *Service) deliver(ctx context.Context, r *record) error {
	if r.State != stateUnfinished {
		return nil
	}
	if r.Sha256 == "" {
		if err := s.seal(r); err != nil {
			return err
		}
	}
	if !r.film() {
		r.State = stateWhole
		return s.shelf.put(r)
	}
	if err := s.move(r); err != nil {
		return err
	}
	if err := s.send(ctx, r); err != nil {
		return fmt.Errorf("the film is here, and its event is not in the log yet; try again: %w", err)
	}
	return nil
}

// seal decides the sum, and the place of the whole upload.
func (s *Service) seal(r *record) error {
	h, err := s.shelf.sum(r, r.Bytes)
	if err != nil {
		return err
	}
	sum := hex.EncodeToString(h.Sum(nil))
	err = s.checkWhole(r, sum)
	if err != nil {
		return errors.Join(err, s.shelf.drop(r.ID))
	}
	r.Sha256, r.Path = sum, filepath.Join(schema.AssetID(sum), cleanName(r.Meta["filename"]))
	return s.shelf.put(r)
}

// statusChecksum is the status of tus for bytes that differ from their sum.
const statusChecksum = 460

// checkWhole compares the sum with the sum that the client gave, and reads a side-car.
func (s *Service) checkWhole(r *record, sum string) error {
	if want := r.Meta["sha256"]; want != "" && !strings.EqualFold(want, sum) {
		return refusal(statusChecksum, "the bytes that arrived are not those that were sent: the sha256 is %s, and the sender says %s. Send the file again", sum, want)
	}
	if r.film() {
		return nil
	}
	b, err := os.ReadFile(s.shelf.bytesPath(r.ID))
	if err != nil {
		return err
	}
	if _, err := timedtext.Parse(b, timedtext.Options{Name: r.Meta["filename"], Language: r.Meta["language"]}); err != nil {
		return errkind.New(errkind.Invalid, "the text %q cannot be read: %w", r.Meta["filename"], err)
	}
	return nil
}

// move moves a whole upload to its place. Bytes that are in the place already are of the same sum.
func (s *Service) move(r *record) error {
	at := filepath.Join(s.cfg.Folder, r.Path)
	if err := os.MkdirAll(filepath.Dir(at), 0o750); err != nil {
		return err
	}
	err := os.Rename(s.shelf.bytesPath(r.ID), at)
	if errors.Is(err, fs.ErrNotExist) {
		_, err = os.Stat(at) // moved before
	}
	if err != nil {
		return err
	}
	return synced(at, filepath.Dir(at), s.cfg.Folder)
}

// synced makes files and folders durable.
func synced(paths ...string) error {
	for _, p := range paths {
		f, err := os.Open(p)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// send puts the event of a film into the log.
func (s *Service) send(ctx context.Context, r *record) error {
	texts, err := s.texts(r)
	if err != nil {
		return err
	}
	m := arrivedOf(r.Meta)
	m.Url, m.Sha256 = s.urlOf(r.Path), r.Sha256
	for _, t := range texts {
		m.Text = append(m.Text, &pb.SideCar{Url: s.urlOf(t.Path), Language: t.Meta["language"], Role: t.Meta["role"]})
	}
	if err := s.deps.Accept(ctx, eventID(r), &pb.MediaAccepted{Arrived: m, Caller: r.Caller, AcceptedMs: s.now().UnixMilli(), Retitle: r.Retitle}); err != nil {
		return err
	}
	s.ended.WithLabelValues("delivered").Inc()
	s.gotten.Add(float64(r.Bytes))
	r.State, r.Kind, r.Reason, r.Sum, r.TouchedMs = stateArriving, "", "", nil, s.now().UnixMilli()
	return s.shelf.put(r)
}

// texts moves the side-cars of a film beside the film.
func (s *Service) texts(film *record) (out []*record, err error) {
	for i, id := range strings.Fields(film.Meta["text"]) {
		t, err := s.shelf.get(id)
		if err != nil {
			return nil, err
		}
		if t.State == stateWhole {
			t.Path = filepath.Join(filepath.Dir(film.Path), fmt.Sprintf("text-%d-%s", i, cleanName(t.Meta["filename"])))
			if err := s.shelf.put(t); err != nil {
				return nil, err
			}
			if err := s.move(t); err != nil {
				return nil, err
			}
			t.State = stateArriving
			if err := s.shelf.put(t); err != nil {
				return nil, err
			}
		}
		out = append(out, t)
	}
	return out, nil
}

// eventPrefix begins the id of each event of this package.
const eventPrefix = "upload-"

func eventID(r *record) string { return eventPrefix + r.ID }

func (s *Service) urlOf(path string) string {
	return (&url.URL{Scheme: "file", Path: filepath.ToSlash(filepath.Join(s.cfg.Folder, path))}).String()
}

// arrivedOf makes the event of an upload's fields, without the place of the media.
func arrivedOf(meta map[string]string) *pb.MediaArrived {
	number := func(s string) int32 {
		n, err := strconv.ParseInt(s, 10, 32)
		if err != nil && s != "" {
			n = -1 // which no check accepts
		}
		return int32(n) //nolint:gosec // of 32 bits
	}
	return &pb.MediaArrived{StartTimecode: meta["start_timecode"], Sha256: strings.ToLower(meta["sha256"]), Title: &pb.Title{
		Id: meta["title"], Name: meta["name"], Series: meta["series"], Season: number(meta["season"]), Episode: number(meta["episode"]),
		OriginalLanguage: meta["language"],
	}}
}

// maxName bounds a file's name.
const maxName = 120

// cleanName is the name of a client's file as a name in the folder: without a path, and without letters that file systems or shells take amiss.
func cleanName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._- ()", r) {
			return r
		}
		return '_'
	}, strings.ToValidUTF8(name, "_"))
	name = strings.TrimLeft(strings.TrimSpace(name), ".")
	for len(name) > maxName {
		_, n := utf8.DecodeRuneInString(name)
		name = name[n:] // the end has the extension
	}
	if name = strings.TrimSpace(name); name == "" {
		return "film"
	}
	return name
}

// Arrived notes what became of an event: the asset, or the reason for which the ingestor refused the film. Events of others are passed over.
func (s *Service) Arrived(event, url string, asset *pb.Asset, refused error) {
	id, ours := strings.CutPrefix(event, eventPrefix)
	if s.cfg.Folder == "" || !ours {
		return
	}
	r, err := s.shelf.get(id)
	if err != nil || s.urlOf(r.Path) != url {
		return // anybody may give an event such an id
	}
	if r.State, r.Asset = stateArrived, asset.GetId(); refused != nil {
		r.State, r.Kind, r.Reason = stateRefused, errkind.Of(refused).String(), s.withoutPaths(refused.Error())
	}
	r.TouchedMs = s.now().UnixMilli()
	if err := s.shelf.put(r); err != nil {
		s.deps.Log.Warn("noting the end of an upload", "upload", id, "error", err)
	}
}

// withoutPaths is a reason for a person: the place of the folder is the operator's matter.
func (s *Service) withoutPaths(reason string) string {
	u := (&url.URL{Scheme: "file", Path: filepath.ToSlash(s.cfg.Folder)}).String()
	return strings.NewReplacer(u+"/", "", s.cfg.Folder+"/", "").Replace(reason)
}
