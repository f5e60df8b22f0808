// Package libretranslate asks a server of LibreTranslate, by the HTTP API that the server describes at /spec (OpenAPI): POST /translate with q,
// source, target, format and api_key, which answers translatedText, or error.
package libretranslate

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/translate"
)

// maxAnswer bounds an answer of the server.
const maxAnswer = 64 << 10

// Config is the address of a server.
type Config struct {
	URL     string // http or https, with an optional path
	APIKey  string // empty for a server without keys
	Timeout time.Duration
}

// Validate reports an address that cannot be asked.
func (c Config) Validate() error {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errkind.New(errkind.Invalid, "%.80q is not an address of http or https", c.URL)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return errkind.New(errkind.Invalid, "the address has a user, a query or a fragment; the key belongs in api_key")
	}
	return nil
}

// Translator is a server. The client follows no redirect, since a redirect could lead the words, and the key, elsewhere.
type Translator struct {
	cfg    Config
	client *http.Client
}

// New returns the translator, and asks nothing.
func New(cfg Config) (*Translator, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.URL = strings.TrimRight(cfg.URL, "/")
	return &Translator{cfg, &http.Client{Timeout: cfg.Timeout, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}, nil
}

// Name implements translate.Translator.
func (t *Translator) Name() string { return "libretranslate" }

// codes are the server's names of languages that differ from BCP 47.
var codes = map[string]string{"no": "nb", "fil": "tl"}

func code(language string) string {
	if c, ok := codes[language]; ok {
		return c
	}
	return language
}

type question struct {
	Q      string `json:"q"`
	Source string `json:"source"`
	Target string `json:"target"`
	Format string `json:"format"`
	APIKey string `json:"api_key,omitempty"`
}

// Translate implements translate.Translator. The server answers 400 for a pair of languages that the server does not know.
func (t *Translator) Translate(ctx context.Context, text, from, to string) (string, error) {
	if err := translate.Check(text); err != nil {
		return "", err
	}
	body, err := json.Marshal(question{text, code(from), code(to), "text", t.cfg.APIKey})
	if err != nil {
		return "", errkind.New(errkind.Invalid, "encoding a text: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.cfg.URL+"/translate", bytes.NewReader(body))
	if err != nil {
		return "", errkind.New(errkind.Invalid, "asking LibreTranslate: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	resp, err := t.client.Do(req)
	switch {
	case ctx.Err() != nil:
		return "", errkind.New(errkind.Cancelled, "asking LibreTranslate: %w", ctx.Err())
	case err != nil:
		return "", errkind.New(errkind.Unavailable, "LibreTranslate does not answer: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		TranslatedText string `json:"translatedText"`
		Error          string `json:"error"`
	}
	decodeErr := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&answer)
	translated := strings.TrimSpace(answer.TranslatedText)
	switch s := resp.StatusCode; {
	case s == http.StatusBadRequest:
		return "", translate.Unknown(t.Name(), text, from, to)
	case s == http.StatusTooManyRequests:
		return "", errkind.New(errkind.Exhausted, "LibreTranslate takes no more texts now: %.200s", answer.Error)
	case s == http.StatusForbidden:
		return "", errkind.New(errkind.Unavailable, "LibreTranslate refuses the key: %.200s", answer.Error)
	case s != http.StatusOK:
		return "", errkind.New(errkind.Unavailable, "LibreTranslate answered %d: %.200s", s, answer.Error)
	case decodeErr != nil:
		return "", errkind.New(errkind.Unavailable, "LibreTranslate answered something else than its JSON: %w", decodeErr)
	case translated == "" || translate.Check(translated) != nil:
		return "", translate.Unknown(t.Name(), text, from, to)
	}
	return translated, nil
}
