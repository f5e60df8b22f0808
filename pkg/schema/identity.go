package schema

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// idLength is the length of a derived identity: 128 bits in hex. Two of 10^12 rows collide with a probability below
// 10^-14.
const idLength = 32

// AssetID returns the identity of the asset whose bytes hash to sha256hex.
func AssetID(sha256hex string) string {
	id := strings.ToLower(sha256hex)
	return id[:min(len(id), idLength)]
}

// RunID returns the identity of a run, which depends on the run's inputs and not on the run's outcome. Two runs have
// the same identity if asset, algorithm, version, parameters, ReadsFingerprint and input runs are the same.
func RunID(r *cinedexv1.Run) string {
	d := newDigest("cinedex.run.1")
	d.add(r.GetAsset(), r.GetAlgorithm(), r.GetVersion())
	d.addMap(r.GetParameters())
	d.add(r.GetReads())
	d.addMap(r.GetInputs())
	return d.id()
}

// ReadsFingerprint returns the fingerprint of the content of the tracks ("video", "audio", "text") that an algorithm
// reads of the asset. Facts that only label the result (title, names, start timecode, attributes, the location of the
// bytes) are not part of the fingerprint, so they may change without a new run. A new subtitle track changes the
// fingerprint of "text" and of no other track.
func ReadsFingerprint(asset *cinedexv1.Asset, reads []string) (string, error) {
	reads = slices.Clone(reads)
	slices.Sort(reads)
	d := newDigest("cinedex.reads.1")
	for _, what := range slices.Compact(reads) {
		d.add(what)
		switch what {
		case ReadsVideo:
			v := asset.GetVideo()
			d.add(asset.GetSha256())
			d.addInts(int64(v.GetRate().GetNum()), int64(v.GetRate().GetDen()), v.GetFrames(), v.GetStart())
		case ReadsAudio:
			d.add(asset.GetSha256())
			d.addInts(int64(len(asset.GetAudio())))
			for _, a := range asset.GetAudio() {
				d.add(a.GetLanguage())
				d.addInts(int64(a.GetIndex()), int64(a.GetSampleRate()), int64(a.GetChannels()))
			}
		case ReadsText:
			var tracks []string
			for _, t := range asset.GetText() {
				one := newDigest("track")
				one.add(t.GetLanguage(), t.GetRole(), t.GetSha256())
				tracks = append(tracks, one.id())
			}
			slices.Sort(tracks)
			d.addInts(int64(len(tracks)))
			d.add(tracks...)
		default:
			return "", errkind.New(errkind.Invalid, "an algorithm reads %q, %q or %q of an asset, not %q", ReadsVideo, ReadsAudio, ReadsText, clip(what))
		}
	}
	return d.id(), nil
}

// ItemID returns the identity of an annotation or of an embedding: "run/ordinal". The two number separately. The
// context of an identity says which of the two is meant.
func ItemID(run string, ordinal int64) string { return run + "/" + strconv.FormatInt(ordinal, 10) }

// ParseItemID splits an identity that ItemID made.
func ParseItemID(id string) (run string, ordinal int64, err error) {
	i := strings.LastIndexByte(id, '/')
	if i > 0 {
		run = id[:i]
		ordinal, err = parseDigits(id[i+1:])
	}
	if i <= 0 || err != nil || ItemID(run, ordinal) != id {
		return "", 0, errkind.New(errkind.Invalid, "identity %q must be a run, a slash and an ordinal", clip(id))
	}
	return run, ordinal, nil
}

// digest hashes lists of strings. Each string goes in after its length, so two different lists never give the same
// bytes.
type digest struct{ h hash.Hash }

func newDigest(domain string) digest {
	d := digest{sha256.New()}
	d.add(domain)
	return d
}

func (d digest) add(parts ...string) {
	for _, p := range parts {
		d.addInts(int64(len(p)))
		d.h.Write([]byte(p))
	}
}

func (d digest) addInts(ns ...int64) {
	for _, n := range ns {
		var b [8]byte
		binary.BigEndian.PutUint64(b[:], uint64(n))
		d.h.Write(b[:])
	}
}

func (d digest) addMap(m map[string]string) {
	d.addInts(int64(len(m)))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		d.add(k, m[k])
	}
}

func (d digest) id() string { return hex.EncodeToString(d.h.Sum(nil))[:idLength] }
