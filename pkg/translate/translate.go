package translate

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// MaxText bounds the bytes of a text to translate.
const MaxText = 1000

// A Translator translates texts. Implementations:
//
//   - MUST allow concurrent calls, and return soon after the context has ended.
//   - MUST return the same text for the same arguments while the translator's data stay the same.
//   - MUST bound the text that comes back.
//
// Errors:
//
//   - NotFound: the translator does not know the pair of languages, or the words.
//   - Invalid: the text is empty, too long, or no UTF-8 (Check).
//   - Unavailable, Exhausted: a retry may help.
//   - Cancelled: the context ended.
type Translator interface {
	// Name is the name that answers give: cldr.
	Name() string
	// Translate returns a text in another language. Languages are base languages of BCP 47: fr.
	Translate(ctx context.Context, text, from, to string) (string, error)
}

// Check returns the error of a text that no translator takes.
func Check(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return errkind.New(errkind.Invalid, "there is no text to translate")
	case len(text) > MaxText:
		return errkind.New(errkind.Invalid, "%d bytes are more than the %d that are translated", len(text), MaxText)
	case !utf8.ValidString(text):
		return errkind.New(errkind.Invalid, "the text is not UTF-8")
	}
	return nil
}

// Unknown is the error of words or of a pair of languages that a translator does not know.
func Unknown(name, text, from, to string) error {
	return errkind.New(errkind.NotFound, "%s does not translate %.40q from %s to %s", name, text, from, to)
}

// A Chain asks translators in order.
type Chain []Translator

// Translate returns the text of the first translator that knows the words, and the name of the translator. NotFound: no translator knows the
// words. Another error is the first translator's that failed, where no later translator knows the words.
func (c Chain) Translate(ctx context.Context, text, from, to string) (translated, by string, err error) {
	err = Unknown("no translator", text, from, to)
	for _, t := range c {
		out, failed := t.Translate(ctx, text, from, to)
		switch {
		case failed == nil:
			return out, t.Name(), nil
		case ctx.Err() != nil:
			return "", "", errkind.New(errkind.Cancelled, "translating: %w", ctx.Err())
		case !errkind.Is(failed, errkind.NotFound) && errkind.Is(err, errkind.NotFound):
			err = failed
		}
	}
	return "", "", err
}
