package schema

import (
	"fmt"
	"maps"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"google.golang.org/protobuf/proto"
)

// Limits of a message, in characters or in items. The limits are far above the needs of real titles, and keep a hostile
// event from filling a page, a log or an index.
const (
	MaxTitleID       = 200
	MaxNameLength    = 500
	MaxURLLength     = 4096
	MaxTextTracks    = 200
	MaxAttributes    = 64
	MaxAttributeText = 8192
	MaxAnnotation    = 65536 // characters of an annotation's text
	MaxDimension     = 16384
)

// FieldError describes the fault of one field. Field is the path in the schema's own names, as MarshalJSON writes them:
// `title.id`, `text[2].language`, `attributes["studio.reel"]`.
type FieldError struct{ Field, Problem string }

// Error implements error: "title.id: must be ...".
func (e FieldError) Error() string {
	if e.Field == "" {
		return e.Problem
	}
	return e.Field + ": " + e.Problem
}

// FieldErrors are all faults of a message, in the order of the fields, up to a bound. errors.As finds FieldErrors in
// the errors of Validate and UnmarshalStrictJSON.
type FieldErrors []FieldError

// maxFieldErrors is as many as a person reads.
const maxFieldErrors = 16

// Error implements error.
func (es FieldErrors) Error() string {
	parts := make([]string, len(es))
	for i, e := range es {
		parts[i] = e.Error()
	}
	return strings.Join(parts, "; ")
}

// Validate checks a message by its content alone. Validate returns nil or an error of kind Invalid that holds
// FieldErrors. Validate has rules for the nouns and for the data of events. Any other message is a mistake of the
// caller: Internal.
func Validate(m proto.Message) error {
	c := &checker{}
	switch m := m.(type) {
	case *cinedexv1.MediaArrived:
		c.mediaArrived(m)
	case *cinedexv1.MediaReady:
		c.in("asset", m.Asset != nil, func() { c.asset(m.GetAsset()) })
	case *cinedexv1.RunsRequested:
		c.runsRequested(m)
	case *cinedexv1.RunFinished:
		c.runFinished(m)
	case *cinedexv1.AnnotationBatch:
		c.annotationBatch(m)
	case *cinedexv1.EmbeddingBatch:
		c.embeddingBatch(m)
	case *cinedexv1.Title:
		c.title(m)
	case *cinedexv1.Asset:
		c.asset(m)
	case *cinedexv1.Run:
		c.run(m)
	case *cinedexv1.Annotation:
		c.annotation(m)
	case *cinedexv1.Embedding:
		c.embedding(m, 0)
	case *cinedexv1.Space:
		c.space(m)
	case *cinedexv1.AlgorithmSpec:
		c.algorithmSpec(m)
	case *cinedexv1.AlgorithmAnnounced:
		c.in("algorithm", m.Algorithm != nil, func() { c.algorithmSpec(m.GetAlgorithm()) })
		c.fitted(m)
	default:
		return errkind.New(errkind.Internal, "validating: there are no rules for %T", m)
	}
	if len(c.errs) == 0 {
		return nil
	}
	return errkind.Wrap(errkind.Invalid, c.errs)
}

// checker walks a message and collects faults with their paths.
type checker struct {
	path string
	errs FieldErrors
}

func joinPath(path, field string) string {
	if path == "" {
		return field
	}
	return path + "." + field
}

// joinKey names an entry of a map; keys come from outside, so they are quoted and kept short.
func joinKey(path, key string) string { return fmt.Sprintf("%s[%q]", path, clip(key)) }

func (c *checker) fail(field, format string, args ...any) {
	if len(c.errs) < maxFieldErrors {
		c.errs = append(c.errs, FieldError{joinPath(c.path, field), fmt.Sprintf(format, args...)})
	}
}

func (c *checker) want(ok bool, field, format string, args ...any) {
	if !ok {
		c.fail(field, format, args...)
	}
}

// in checks the parts below a field, or reports a missing field.
func (c *checker) in(field string, present bool, check func()) {
	if !present {
		c.fail(field, "is required")
		return
	}
	outer := c.path
	c.path = joinPath(c.path, field)
	check()
	c.path = outer
}

func at(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

var (
	titleID    = regexp.MustCompile(`^[A-Za-z0-9._:/-]+$`)
	hex32      = regexp.MustCompile(`^[0-9a-f]{32}$`)
	hex64      = regexp.MustCompile(`^[0-9a-f]{64}$`)
	namePat    = regexp.MustCompile(`^[a-z][a-z0-9]*([._-][a-z0-9]+)*$`)
	versionPat = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.+_-]*$`)
	attribute  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._:/-]*$`)
	eidrPat    = regexp.MustCompile(`^10\.5240/([0-9A-F]{4}-){5}[0-9A-Z]$`)
)

func (c *checker) mediaArrived(m *cinedexv1.MediaArrived) {
	c.in("title", m.Title != nil, func() { c.title(m.GetTitle()) })
	if m.GetAsset() == "" {
		c.url("url", m.GetUrl())
	} else {
		c.want(hex32.MatchString(m.GetAsset()), "asset", "must be the id of an asset, 32 lowercase hex digits")
		c.want(m.GetUrl() == "", "url", "must be left out beside asset")
		c.want(m.GetStartTimecode() == "", "start_timecode", "belongs to media that arrive, and must be left out beside asset")
	}
	c.want(m.GetSha256() == "" || hex64.MatchString(m.GetSha256()), "sha256", "must be 64 lowercase hex digits, or left out")
	c.want(len(m.GetText()) <= MaxTextTracks, "text", "must have at most %d tracks, not %d", MaxTextTracks, len(m.GetText()))
	for i, s := range m.GetText()[:min(len(m.GetText()), MaxTextTracks)] {
		c.in(at("text", i), s != nil, func() { c.sideCar(s) })
	}
	if tc := m.GetStartTimecode(); tc != "" {
		if _, err := ParseTimecode(tc); err != nil {
			c.fail("start_timecode", "%v", err)
		}
	}
	c.eidr("eidr_edit", m.GetEidrEdit())
	c.attributes(m.GetAttributes())
}

// textFormats are the formats of timed text beside a film.
var textFormats = []string{"srt", "webvtt", "ttml", "stl", "ass", "sbv", "microdvd", "scc", "mcc"}

// RoleMarkers is the role of text tracks with markers of editing programs.
const RoleMarkers = "markers"

// markerFormats are the formats of markers.
var markerFormats = []string{"edl", "avid", "otio", "fcpxml", "csv"}

// MaxSideCar bounds the bytes of a side-car within an event.
const MaxSideCar = 512 << 10

func (c *checker) sideCar(s *cinedexv1.SideCar) {
	if len(s.GetData()) == 0 {
		c.url("url", s.GetUrl())
	} else {
		c.want(s.GetUrl() == "", "url", "must be left out beside data")
		c.want(len(s.GetData()) <= MaxSideCar, "data", "must have at most %d bytes", MaxSideCar)
	}
	c.language("language", s.GetLanguage(), true)
	formats := textFormats
	if s.GetRole() == RoleMarkers {
		formats = markerFormats
	}
	c.want(s.GetFormat() == "" || slices.Contains(formats, s.GetFormat()), "format",
		"must be one of %s, or left out, not %q", strings.Join(formats, ", "), clip(s.GetFormat()))
	if tc := s.GetStartTimecode(); tc != "" {
		_, err := ParseTimecode(tc)
		c.want(err == nil && s.GetRole() == RoleMarkers, "start_timecode", "must be a timecode, and belongs to the role markers")
	}
	if s.GetRole() != "" {
		c.name("role", s.GetRole())
	}
	c.line("name", s.GetName())
}

func (c *checker) title(t *cinedexv1.Title) {
	c.want(titleID.MatchString(t.GetId()) && len(t.GetId()) <= MaxTitleID, "id",
		"must be 1 to %d characters of A-Z, a-z, 0-9 and . _ : / -", MaxTitleID)
	c.line("name", t.GetName())
	c.line("series", t.GetSeries())
	c.want(t.GetSeason() >= 0, "season", "must not be negative")
	c.want(t.GetEpisode() >= 0, "episode", "must not be negative")
	c.language("original_language", t.GetOriginalLanguage(), false)
	c.line("credit", t.GetCredit())
	c.eidr("eidr", t.GetEidr())
	c.attributes(t.GetAttributes())
}

func (c *checker) asset(a *cinedexv1.Asset) {
	c.want(hex64.MatchString(a.GetSha256()), "sha256", "must be 64 lowercase hex digits")
	c.want(a.GetId() == AssetID(a.GetSha256()), "id", "must be the first 32 digits of sha256")
	c.in("title", a.Title != nil, func() { c.title(a.GetTitle()) })
	c.in("media", a.Media != nil, func() { c.mediaRef(a.GetMedia()) })
	c.want(a.GetSizeBytes() >= 0, "size_bytes", "must not be negative")
	c.want(a.GetDuration() >= 0, "duration", "must not be negative")
	if a.Video != nil {
		c.in("video", true, func() { c.video(a.GetVideo()) })
	}
	for i, t := range a.GetAudio() {
		c.in(at("audio", i), t != nil, func() {
			c.language("language", t.GetLanguage(), false)
			c.want(t.GetSampleRate() >= 0, "sample_rate", "must not be negative")
			c.want(t.GetChannels() >= 0, "channels", "must not be negative")
		})
	}
	c.want(len(a.GetText()) <= MaxTextTracks, "text", "must have at most %d tracks, not %d", MaxTextTracks, len(a.GetText()))
	for i, t := range a.GetText()[:min(len(a.GetText()), MaxTextTracks)] {
		c.in(at("text", i), t != nil, func() {
			c.language("language", t.GetLanguage(), false)
			c.want(hex64.MatchString(t.GetSha256()), "sha256", "must be 64 lowercase hex digits")
			c.in("media", t.Media != nil, func() { c.mediaRef(t.GetMedia()) })
			c.want(t.GetCues() >= 0, "cues", "must not be negative")
		})
	}
	c.eidr("eidr_edit", a.GetEidrEdit())
	c.attributes(a.GetAttributes())
}

func (c *checker) video(v *cinedexv1.VideoTrack) {
	c.want(v.GetWidth() > 0, "width", "must be positive")
	c.want(v.GetHeight() > 0, "height", "must be positive")
	c.want(v.GetFrames() > 0, "frames", "must be positive")
	c.want(v.GetUnshownFrames() >= 0 && v.GetUnshownFrames() <= v.GetFrames(), "unshown_frames", "must be 0 to %d, the number of frames", v.GetFrames())
	if err := RateOf(v.GetRate()).Validate(); err != nil {
		c.fail("rate", "%v", err)
	} else if _, err := NewTimecodeScale(v); err != nil {
		c.fail("start_timecode", "%v", err)
	}
	if v.GetVariableRate() {
		c.in("frame_table", v.FrameTable != nil, func() { c.mediaRef(v.GetFrameTable()) })
	}
}

func (c *checker) mediaRef(r *cinedexv1.MediaRef) {
	c.want(r.GetKey() != "" && len(r.GetKey()) <= MaxURLLength, "key", "must be 1 to %d bytes", MaxURLLength)
}

func (c *checker) runsRequested(m *cinedexv1.RunsRequested) {
	c.want(hex32.MatchString(m.GetAsset()), "asset", "must be an asset's id")
	c.want(len(m.GetRuns()) > 0, "runs", "must not be empty")
	for i, r := range m.GetRuns() {
		c.in(at("runs", i), r != nil, func() {
			c.run(r)
			c.want(r.GetAsset() == m.GetAsset(), "asset", "must be the request's asset %s", clip(m.GetAsset()))
		})
	}
	c.name("reason", m.GetReason())
}

func (c *checker) runFinished(m *cinedexv1.RunFinished) {
	c.in("run", m.Run != nil, func() {
		c.run(m.GetRun())
		switch m.GetRun().GetState() {
		case cinedexv1.RunState_RUN_STATE_FINISHED, cinedexv1.RunState_RUN_STATE_CANCELLED:
		case cinedexv1.RunState_RUN_STATE_FAILED:
			c.want(m.GetRun().GetErrorKind() != "", "error_kind", "is required where a run failed")
		default:
			c.fail("state", "must be finished, failed or cancelled, not %v", m.GetRun().GetState())
		}
	})
}

func (c *checker) run(r *cinedexv1.Run) {
	c.want(r.GetId() == RunID(r), "id", "must be derived from the run (%s)", RunID(r))
	c.want(hex32.MatchString(r.GetAsset()), "asset", "must be an asset's id")
	c.name("algorithm", r.GetAlgorithm())
	c.version("version", r.GetVersion())
	for _, k := range slices.Sorted(maps.Keys(r.GetInputs())) {
		c.want(hex32.MatchString(r.GetInputs()[k]), joinKey("inputs", k), "must be a run's id")
	}
	c.want(r.GetAnnotations() >= 0, "annotations", "must not be negative")
	c.want(r.GetEmbeddings() >= 0, "embeddings", "must not be negative")
	c.want(r.GetEpoch() >= 0, "epoch", "must not be negative")
}

// batch checks the fields that batches of annotations and of embeddings share.
func (c *checker) batch(asset, run, algorithm, version string, epoch, first int64) {
	c.want(hex32.MatchString(asset), "asset", "must be an asset's id")
	c.want(hex32.MatchString(run), "run", "must be a run's id")
	c.want(epoch >= 0, "epoch", "must not be negative")
	c.name("algorithm", algorithm)
	c.version("version", version)
	c.want(first >= 0, "first", "must not be negative")
}

// member checks that an item of a batch belongs to the batch, at its position.
func (c *checker) member(asset, run string, ordinal int64, wantAsset, wantRun string, wantOrdinal int64) {
	c.want(asset == wantAsset, "asset", "must be the batch's asset %s", clip(wantAsset))
	c.want(run == wantRun, "run", "must be the batch's run %s", clip(wantRun))
	c.want(ordinal == wantOrdinal, "ordinal", "must be %d by the position in the batch, not %d", wantOrdinal, ordinal)
}

func (c *checker) annotationBatch(m *cinedexv1.AnnotationBatch) {
	c.batch(m.GetAsset(), m.GetRun(), m.GetAlgorithm(), m.GetVersion(), m.GetEpoch(), m.GetFirst())
	c.want(len(m.GetAnnotations()) > 0, "annotations", "must not be empty")
	for i, a := range m.GetAnnotations() {
		c.in(at("annotations", i), a != nil, func() {
			c.member(a.GetAsset(), a.GetRun(), a.GetOrdinal(), m.GetAsset(), m.GetRun(), m.GetFirst()+int64(i))
			c.annotation(a)
		})
	}
}

func (c *checker) embeddingBatch(m *cinedexv1.EmbeddingBatch) {
	c.batch(m.GetAsset(), m.GetRun(), m.GetAlgorithm(), m.GetVersion(), m.GetEpoch(), m.GetFirst())
	c.in("space", m.Space != nil, func() { c.space(m.GetSpace()) })
	c.want(len(m.GetEmbeddings()) > 0, "embeddings", "must not be empty")
	space := SpaceID(m.GetSpace())
	for i, e := range m.GetEmbeddings() {
		c.in(at("embeddings", i), e != nil, func() {
			c.member(e.GetAsset(), e.GetRun(), e.GetOrdinal(), m.GetAsset(), m.GetRun(), m.GetFirst()+int64(i))
			c.want(e.GetSpace() == space, "space", "must be the batch's space %s", clip(space))
			c.embedding(e, int(m.GetSpace().GetDimension()))
		})
	}
}

func (c *checker) annotation(a *cinedexv1.Annotation) {
	c.item(a.GetAsset(), a.GetRun(), a.GetOrdinal(), a.GetStart(), a.GetEnd(), a.GetRegion())
	c.name("kind", a.GetKind())
	c.text("text", a.GetText(), MaxAnnotation)
	c.language("language", a.GetLanguage(), false)
	c.line("label", a.GetLabel())
	c.line("character", a.GetCharacter())
	c.want(a.GetConfidence() >= 0 && a.GetConfidence() <= 1, "confidence", "must be 0 to 1, not %v", a.GetConfidence())
	c.attributes(a.GetAttributes())
}

// embedding checks e. The vector must have the given dimension, unless the dimension is 0.
func (c *checker) embedding(e *cinedexv1.Embedding, dimension int) {
	c.item(e.GetAsset(), e.GetRun(), e.GetOrdinal(), e.GetStart(), e.GetEnd(), e.GetRegion())
	if _, _, err := ParseSpaceID(e.GetSpace()); err != nil {
		c.fail("space", "%v", err)
	}
	n := len(e.GetVector())
	switch {
	case n == 0 || n > MaxDimension:
		c.fail("vector", "must have 1 to %d numbers, not %d", MaxDimension, n)
	case dimension > 0 && n != dimension:
		c.fail("vector", "must have the %d numbers of the space, not %d", dimension, n)
	}
	for i, x := range e.GetVector() {
		if !finite(float64(x)) {
			c.fail(at("vector", i), "must be a finite number")
			break
		}
	}
	if e.GetOf() != "" {
		if _, _, err := ParseItemID(e.GetOf()); err != nil {
			c.fail("of", "%v", err)
		}
	}
	c.attributes(e.GetAttributes())
}

// item checks the fields that annotations and embeddings share.
func (c *checker) item(asset, run string, ordinal, start, end int64, r *cinedexv1.Region) {
	c.want(hex32.MatchString(asset), "asset", "must be an asset's id")
	c.want(hex32.MatchString(run), "run", "must be a run's id")
	c.want(ordinal >= 0, "ordinal", "must not be negative")
	c.want(start >= 0, "start", "must not be negative")
	c.want(start <= end, "end", "must not be before start")
	if r == nil {
		return
	}
	// Sums of 32-bit floats may pass 1 by a rounding.
	const slack = 1e-5
	g := RegionOf(r)
	if !(g.X >= 0 && g.Y >= 0 && g.W >= 0 && g.H >= 0 && g.X+g.W <= 1+slack && g.Y+g.H <= 1+slack) {
		c.fail("region", "must lie in 0 to 1 of the picture")
	}
}

func (c *checker) space(s *cinedexv1.Space) {
	c.name("name", s.GetName())
	c.version("version", s.GetVersion())
	c.want(s.GetDimension() >= 1 && s.GetDimension() <= MaxDimension, "dimension", "must be 1 to %d", MaxDimension)
	c.want(slices.Contains([]string{"cosine", "dot", "l2"}, s.GetMetric()), "metric", `must be "cosine", "dot" or "l2"`)
	c.want(len(s.GetEncoders()) <= MaxDeclared, "encoders", "must have at most %d entries", MaxDeclared)
	for i, e := range s.GetEncoders() {
		c.name(at("encoders", i), e)
	}
}

func (c *checker) algorithmSpec(s *cinedexv1.AlgorithmSpec) {
	c.name("name", s.GetName())
	c.version("version", s.GetVersion())
	c.line("summary", s.GetSummary())
	for _, list := range []struct {
		field string
		n     int
	}{{"reads", len(s.GetReads())}, {"needs", len(s.GetNeeds())}, {"kinds", len(s.GetKinds())}, {"spaces", len(s.GetSpaces())}, {"models", len(s.GetModels())}, {"parameters", len(s.GetParameters())}} {
		if list.n > MaxDeclared {
			c.fail(list.field, "must have at most %d entries, not %d", MaxDeclared, list.n)
			return
		}
	}
	for i, r := range s.GetReads() {
		c.want(slices.Contains([]string{ReadsVideo, ReadsAudio, ReadsText}, r), at("reads", i), `must be "video", "audio" or "text"`)
	}
	for i, n := range s.GetNeeds() {
		if _, _, err := ParseSpaceID(n); err != nil && !ValidName(n) {
			c.fail(at("needs", i), "must be a kind or a space")
		}
	}
	for i, k := range s.GetKinds() {
		c.name(at("kinds", i), k)
	}
	for i, sp := range s.GetSpaces() {
		c.in(at("spaces", i), sp != nil, func() { c.space(sp) })
	}
	c.want(len(s.GetKinds())+len(s.GetSpaces()) > 0, "kinds", "must not be empty where spaces is")
	c.asked(s)
}

func (c *checker) name(field, s string) {
	c.want(ValidName(s), field, `must be a name such as "text_on_screen": up to %d of a-z and 0-9, joined by . _ or -`, maxName)
}

func (c *checker) version(field, s string) {
	c.want(validVersion(s), field, `must be a version such as "1" or "2.0-beta": up to %d of A-Z, a-z, 0-9 and . + _ -`, maxName)
}

// text wants at most n characters of UTF-8. A message decoded from the wire is UTF-8 already, but a message built in
// the process may not be.
func (c *checker) text(field, s string, n int) {
	switch {
	case !utf8.ValidString(s):
		c.fail(field, "must be UTF-8")
	case utf8.RuneCountInString(s) > n:
		c.fail(field, "must have at most %d characters", n)
	}
}

// line wants a single line of text that is fit to be shown.
func (c *checker) line(field, s string) {
	c.text(field, s, MaxNameLength)
	c.want(!strings.ContainsFunc(s, unicode.IsControl), field, "must be one line, without control characters")
}

func (c *checker) language(field, tag string, required bool) {
	if tag == "" && !required {
		return
	}
	if _, err := CanonicalLanguage(tag); err != nil {
		c.fail(field, "%v", err)
	}
}

func (c *checker) url(field, s string) {
	if s == "" {
		c.fail(field, "is required")
		return
	}
	u, err := url.Parse(s)
	switch {
	case len(s) > MaxURLLength:
		c.fail(field, "must have at most %d bytes", MaxURLLength)
	case err != nil || u.Scheme == "" || u.Opaque != "" || u.Host == "" && u.Path == "":
		c.fail(field, "must be a whole URL, such as file:///films/a.mp4 or s3://bucket/a.mp4")
	case u.User != nil:
		// The URL would be kept in the log, and shown.
		c.fail(field, "must not carry a user or a password")
	}
}

func (c *checker) eidr(field, s string) {
	c.want(s == "" || eidrPat.MatchString(s), field, "must be an EIDR such as 10.5240/7791-8534-2C23-9030-8610-5, or left out")
}

func (c *checker) attributes(m map[string]*cinedexv1.Value) {
	c.want(len(m) <= MaxAttributes, "attributes", "must have at most %d entries, not %d", MaxAttributes, len(m))
	for _, k := range slices.Sorted(maps.Keys(m))[:min(len(m), MaxAttributes)] {
		field := joinKey("attributes", k)
		c.want(attribute.MatchString(k) && len(k) <= maxName, field, "must have a key of up to %d of A-Z, a-z, 0-9 and . _ : / -, a letter first", maxName)
		switch v := m[k].GetKind().(type) {
		case nil:
			c.fail(field, `must have a value, such as {"text": "..."} or {"number": 1.5}`)
		case *cinedexv1.Value_Text:
			c.text(field, v.Text, MaxAttributeText)
		case *cinedexv1.Value_Number:
			c.want(finite(v.Number), field, "must be a finite number")
		case *cinedexv1.Value_Texts:
			c.want(len(v.Texts.GetValues()) <= MaxAttributes, field, "must have at most %d texts", MaxAttributes)
			for _, s := range v.Texts.GetValues()[:min(len(v.Texts.GetValues()), MaxAttributes)] {
				c.text(field, s, MaxAttributeText)
			}
		case *cinedexv1.Value_Data:
			c.want(len(v.Data) <= MaxAttributeText, field, "must have at most %d bytes", MaxAttributeText)
		}
	}
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }
