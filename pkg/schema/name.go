package schema

import (
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"golang.org/x/text/language"
)

// Kinds of annotation that Cinedex's own algorithms write. The set is open:
// any name of the same grammar is a kind.
const (
	KindShot      = "shot"
	KindDialogue  = "dialogue"
	KindLabel     = "label"
	KindThumbnail = "thumbnail"
)

// What an algorithm may read of an asset.
const (
	ReadsVideo = "video"
	ReadsAudio = "audio"
	ReadsText  = "text"
)

// CanonicalLanguage returns a BCP 47 tag in canonical form: "EN-us" and "en_US"
// become "en-US", "iw" becomes "he", "eng" becomes "en". A tag that is not
// well formed, or names a language that does not exist, is refused.
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
