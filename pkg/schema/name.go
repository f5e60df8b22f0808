package schema

import (
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"golang.org/x/text/language"
)

// Kinds of annotation that Cinedex's algorithms write. The set is open: any name of the same grammar is a kind.
const (
	KindShot      = "shot"
	KindDialogue  = "dialogue"
	KindLabel     = "label"
	KindThumbnail = "thumbnail"
)

// The tracks of an asset that an algorithm may read.
const (
	ReadsVideo = "video"
	ReadsAudio = "audio"
	ReadsText  = "text"
)

// Reasons for requesting runs: media arrived; a run that they read finished; an operator's replay or batch asked; the
// end of an execution was refused.
const (
	ReasonArrival    = "arrival"
	ReasonDependency = "dependency"
	ReasonBackfill   = "backfill"
	ReasonBatch      = "batch"
	ReasonRefused    = "refused"
)

// CanonicalLanguage returns a BCP 47 tag in canonical form: "EN-us" and "en_US" become "en-US", "iw" becomes "he",
// "eng" becomes "en". A malformed tag, or a tag of a language that does not exist, is refused.
func CanonicalLanguage(tag string) (string, error) {
	if tag == "" || len(tag) > 64 {
		return "", errkind.New(errkind.Invalid, "language %q must be a BCP 47 tag, such as \"en\" or \"pt-BR\"", clip(tag))
	}
	t, err := language.All.Parse(strings.ReplaceAll(tag, "_", "-"))
	if err != nil {
		return "", errkind.New(errkind.Invalid, "language %q must be a BCP 47 tag, such as \"en\" or \"pt-BR\": %w", clip(tag), err)
	}
	return t.String(), nil
}

// maxName is the length of names and versions, in characters.
const maxName = 64

// ValidName reports whether s may name an algorithm, a kind, a space, a role or
// an encoder: up to 64 of a-z and 0-9, a letter first, joined by single ".", "_" or "-".
func ValidName(s string) bool { return len(s) <= maxName && namePat.MatchString(s) }

func validVersion(s string) bool { return len(s) <= maxName && versionPat.MatchString(s) }

// SpaceID returns the identity of a space, "name@version", as embeddings carry the identity.
func SpaceID(s *cinedexv1.Space) string { return s.GetName() + "@" + s.GetVersion() }

// ParseSpaceID takes apart the identity of a space, or of an algorithm, which has the same form.
func ParseSpaceID(id string) (name, version string, err error) {
	name, version, ok := strings.Cut(id, "@")
	if !ok || !ValidName(name) || !validVersion(version) {
		return "", "", errkind.New(errkind.Invalid, "%q must be a name, an @ and a version, such as \"e5-small@1\"", clip(id))
	}
	return name, version, nil
}
