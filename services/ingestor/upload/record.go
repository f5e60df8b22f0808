package upload

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// The states of an upload.
const (
	stateUnfinished = "unfinished" // bytes are missing
	stateWhole      = "whole"      // every byte is there; a side-car waits for its film
	stateArriving   = "arriving"   // the log has the event
	stateArrived    = "arrived"    // the library has the film
	stateRefused    = "refused"    // the ingestor refused the film
)

// A record is what is known of an upload. The record lies beside the bytes.
type record struct {
	ID     string            `json:"id"`
	Caller string            `json:"caller"`
	Bytes  int64             `json:"bytes"`
	Meta   map[string]string `json:"meta"`
	State  string            `json:"state"`
	// Sum is the state of the sha256 after the first SumOf bytes.
	Sum   []byte `json:"sum,omitempty"`
	SumOf int64  `json:"sum_of,omitempty"`
	// Path is where the bytes lie once the upload is whole, relative to the folder. Sha256 is of all bytes.
	Path   string `json:"path,omitempty"`
	Sha256 string `json:"sha256,omitempty"`
	// Retitle are the titles from which and to which the caller may move assets.
	Retitle []string `json:"retitle,omitempty"`
	// Asset is the asset of an arrived film. Kind and Reason are of a refused film.
	Asset  string `json:"asset,omitempty"`
	Kind   string `json:"kind,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Milliseconds since 1970.
	CreatedMs int64 `json:"created_ms"`
	TouchedMs int64 `json:"touched_ms"`
}

// film reports whether an upload is a film, and no side-car of a film.
func (r *record) film() bool { return r.Meta["part"] != partText }

// partText is the value of the field "part" of a side-car.
const partText = "text"

// A shelf is the folder of unfinished uploads: for each upload a file of bytes, and a record.
type shelf struct {
	dir string
	// write writes to a file of bytes; a test has a full disk here.
	write func(f *os.File, b []byte) (int, error)
}

// unfinishedFolder is within Config.Folder, so that a whole film is moved by a rename.
const unfinishedFolder = ".unfinished"

func openShelf(folder string) (*shelf, error) {
	s := &shelf{dir: filepath.Join(folder, unfinishedFolder), write: (*os.File).Write}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of uploads: %w", err)
	}
	return s, nil
}

// ids are the ids that this package makes. No other text becomes a part of a path.
var ids = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (s *shelf) bytesPath(id string) string  { return filepath.Join(s.dir, id+".bytes") }
func (s *shelf) recordPath(id string) string { return filepath.Join(s.dir, id+".json") }

// get returns the record of an upload. NotFound: no upload has the id.
func (s *shelf) get(id string) (*record, error) {
	if !ids.MatchString(id) {
		return nil, errGone
	}
	b, err := os.ReadFile(s.recordPath(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errGone
	}
	if err != nil {
		return nil, fmt.Errorf("reading the record of an upload: %w", err)
	}
	r := &record{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("reading the record of upload %s: %w", id, err)
	}
	return r, nil
}

var errGone = errkind.New(errkind.NotFound, "there is no such upload, or its time is over: send the file again from the beginning")

// put writes the record of an upload: the old record or the new record is there after a crash.
func (s *shelf) put(r *record) error {
	b, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(s.dir, ".record-*")
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), s.recordPath(r.ID))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// drop deletes an upload. The record goes last, so that no bytes are left without a record.
func (s *shelf) drop(id string) error {
	if err := os.Remove(s.bytesPath(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Remove(s.recordPath(id))
}

// all returns every record. A record that cannot be read is left out.
func (s *shelf) all() (out []*record, err error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), ".json"); ok {
			if r, err := s.get(id); err == nil {
				out = append(out, r)
			}
		}
	}
	return out, nil
}

// offset returns how many bytes of an upload are there.
func (s *shelf) offset(r *record) (int64, error) {
	if r.State != stateUnfinished {
		return r.Bytes, nil
	}
	info, err := os.Stat(s.bytesPath(r.ID))
	switch {
	case errors.Is(err, fs.ErrNotExist) && r.Path != "":
		return r.Bytes, nil // moved, and the process ended before the record said so
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, err
	}
	return info.Size(), nil
}

// sum returns the sha256 of the first bytes of an upload, which goes on where the record's sum ends.
func (s *shelf) sum(r *record, upTo int64) (hash.Hash, error) {
	h := sha256.New()
	from := int64(0)
	if len(r.Sum) > 0 && r.SumOf <= upTo {
		if err := h.(encoding.BinaryUnmarshaler).UnmarshalBinary(r.Sum); err != nil {
			return nil, fmt.Errorf("reading the sum of upload %s: %w", r.ID, err)
		}
		from = r.SumOf
	}
	if from == upTo {
		return h, nil
	}
	f, err := os.Open(s.bytesPath(r.ID))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	_, err = io.Copy(h, io.NewSectionReader(f, from, upTo-from))
	return h, err
}

// keepSum puts the sum of the first bytes into a record.
func (r *record) keepSum(h hash.Hash, of int64) error {
	b, err := h.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return err
	}
	r.Sum, r.SumOf = bytes.Clone(b), of
	return nil
}
