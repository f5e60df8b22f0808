// Package oidc recognises people who sign in with an identity provider of OpenID Connect, beside the tokens of a file.
// The provider says who a person is and in which groups. The file of tokens says which titles and roles a group has, so
// that rights have one place.
//
// Contract:
//
//   - A token of the form of a JSON Web Token is verified against the provider: the signature, the issuer, the audience and the time. Any
//     other token goes to the file.
//   - A caller's name is "oidc:" and the claim that Config.Name names, so that no person takes the name of a token of the file.
//   - The provider is asked for its keys when the first token arrives, and for new keys at most every few seconds. A process starts
//     without the provider. While the provider does not answer, tokens under known keys are still verified.
//   - A change of the file of tokens counts as fast as for tokens. A change of a person's groups counts when the person's token has
//     expired: keep the life of tokens short.
package oidc

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
)

// Config says which provider is believed.
type Config struct {
	// Issuer is the URL of the provider, as in the iss claim of its tokens; empty believes none.
	Issuer string `mapstructure:"issuer"`
	// Audience is the client id that a token must be for.
	Audience string `mapstructure:"audience"`
	// NameClaim names a person in audit lines and shares: sub, email or preferred_username. The provider must give each person another one.
	NameClaim string `mapstructure:"name_claim"`
	// GroupsClaim holds the names of a person's groups: a list of texts, or one text.
	GroupsClaim string `mapstructure:"groups_claim"`
	// PageURL is the address of the page, as people type the address: https://cinedex.example.org. People sign in with the provider on the page, and the
	// provider sends people back to PageURL/sign-in/back. Empty: people type tokens.
	PageURL string `mapstructure:"page_url"`
	// ClientSecretFile is a file with the client's secret at the provider; empty for a client without a secret.
	ClientSecretFile string `mapstructure:"client_secret_file"`
	// Scopes are asked of the provider. offline_access renews sessions without the person.
	Scopes []string `mapstructure:"scopes"`
}

// Default believes no provider.
func Default() Config {
	return Config{NameClaim: "sub", GroupsClaim: "groups", Scopes: []string{"openid", "profile", "email", "offline_access"}}
}

// Validate reports the first field that cannot be used.
func (c Config) Validate() error {
	if c.Issuer == "" {
		return nil
	}
	switch {
	case !trusted(c.Issuer):
		return errkind.New(errkind.Invalid, "issuer: %q is no URL of a provider: want https://login.example.org", c.Issuer)
	case c.Audience == "":
		return errkind.New(errkind.Invalid, "audience: must name the client id that tokens are for: any token of the provider would be accepted else")
	case c.NameClaim == "":
		return errkind.New(errkind.Invalid, "name_claim: must be set, such as sub")
	case c.GroupsClaim == "":
		return errkind.New(errkind.Invalid, "groups_claim: must be set, such as groups")
	case c.PageURL != "" && !trusted(c.PageURL):
		return errkind.New(errkind.Invalid, "page_url: %q is no address of a page: want https://cinedex.example.org", c.PageURL)
	case c.PageURL != "" && !slices.Contains(c.Scopes, oidc.ScopeOpenID):
		return errkind.New(errkind.Invalid, "scopes: must have openid, without which the provider gives no ID token")
	}
	return nil
}

// trusted reports whether an address is encrypted, or of this machine.
func trusted(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return false
	}
	local := u.Hostname() == "localhost" || u.Hostname() == "127.0.0.1" || u.Hostname() == "::1"
	return u.Scheme == "https" || u.Scheme == "http" && local
}

// Rights give tokens of the file and groups their rights. An *authz.File has them.
type Rights interface {
	authz.Authoriser
	Members(name string, groups []string) (*authz.Caller, error)
}

// Authoriser is an authz.Authoriser over a provider and a file.
type Authoriser struct {
	cfg    Config
	rights Rights
	client *http.Client
	now    func() time.Time // for the life of tokens

	mu       sync.Mutex
	provider *provider
	tried    time.Time // when the provider was last asked to describe itself
	failed   error
}

// provider is a provider that described itself.
type provider struct {
	keys       oidc.KeySet
	algorithms []string
	endpoint   oauth2.Endpoint
	leave      string // the page for leaving; "" for none
}

const (
	// againAfter is the least time between two requests for the same document of the provider.
	againAfter = 5 * time.Second
	answerIn   = 10 * time.Second
	// maxToken bounds a token before anything of the token is read.
	maxToken = 16 << 10
	// maxGroups bounds the groups of a person.
	maxGroups = 1000
)

// New makes an Authoriser. New asks the provider nothing.
func New(cfg Config, rights Rights) (*Authoriser, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Authoriser{cfg: cfg, rights: rights, now: time.Now, client: &http.Client{Timeout: answerIn, Transport: &rarely{next: http.DefaultTransport, known: map[string]kept{}}}}, nil
}

// Authorise implements authz.Authoriser. Unavailable: the provider does not answer, and the token needs an answer.
func (a *Authoriser) Authorise(ctx context.Context, token string) (*authz.Caller, error) {
	if a.cfg.Issuer == "" || strings.Count(token, ".") != 2 || !strings.HasPrefix(token, "ey") {
		return a.rights.Authorise(ctx, token)
	}
	if len(token) > maxToken {
		return nil, errkind.New(errkind.Unauthenticated, "the token has %d bytes, more than the %d allowed", len(token), maxToken)
	}
	p, err := a.described() //nolint:contextcheck // the library keeps the context for later requests
	if err != nil {
		return nil, err
	}
	name, groups, err := a.verify(ctx, p, token)
	if err != nil {
		return nil, err
	}
	return a.rights.Members("oidc:"+name, groups)
}

// described returns the provider, which is asked to describe itself until it has.
func (a *Authoriser) described() (*provider, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.provider != nil {
		return a.provider, nil
	}
	if a.failed == nil || time.Since(a.tried) >= againAfter {
		a.tried = time.Now()
		// The library keeps the context for its requests for keys, so that the context of one call may not end them.
		ctx := oidc.ClientContext(context.Background(), a.client)
		found, err := oidc.NewProvider(ctx, a.cfg.Issuer)
		if err == nil {
			a.provider, err = describe(ctx, found)
		}
		a.failed = err
	}
	if a.failed != nil {
		return nil, errkind.New(errkind.Unavailable, "the identity provider does not answer; try again: %w", a.failed)
	}
	return a.provider, nil
}

func describe(ctx context.Context, found *oidc.Provider) (*provider, error) {
	var about struct {
		Keys       string   `json:"jwks_uri"`
		Algorithms []string `json:"id_token_signing_alg_values_supported"`
		Leave      string   `json:"end_session_endpoint"`
	}
	if err := found.Claims(&about); err != nil {
		return nil, err
	}
	return &provider{oidc.NewRemoteKeySet(ctx, about.Keys), about.Algorithms, found.Endpoint(), about.Leave}, nil
}

// asked is a set of keys that tells an error of the provider from an error of the token.
type asked struct {
	oidc.KeySet
	unanswered error
}

func (k *asked) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	b, err := k.KeySet.VerifySignature(ctx, token)
	if err != nil && strings.HasPrefix(err.Error(), "fetching keys") {
		k.unanswered = err
	}
	return b, err
}

// idToken verifies a token.
func (a *Authoriser) idToken(ctx context.Context, p *provider, token string) (*oidc.IDToken, error) {
	keys := &asked{KeySet: p.keys}
	t, err := oidc.NewVerifier(a.cfg.Issuer, keys, &oidc.Config{ClientID: a.cfg.Audience, SupportedSigningAlgs: p.algorithms, Now: a.now}).Verify(ctx, token)
	var expired *oidc.TokenExpiredError
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, errkind.New(errkind.Cancelled, "the caller went away: %w", ctx.Err())
	case keys.unanswered != nil:
		return nil, errkind.New(errkind.Unavailable, "the identity provider does not tell its keys; try again: %w", keys.unanswered)
	case errors.As(err, &expired):
		return nil, errkind.New(errkind.Unauthenticated, "the token has expired: sign in again")
	case err != nil:
		return nil, errkind.New(errkind.Unauthenticated, "the token is not valid here: %w", err)
	}
	return t, nil
}

// verify returns whom a token is of, and in which groups.
func (a *Authoriser) verify(ctx context.Context, p *provider, token string) (name string, groups []string, err error) {
	t, err := a.idToken(ctx, p, token)
	if err != nil {
		return "", nil, err
	}
	var claims map[string]any
	if err := t.Claims(&claims); err != nil {
		return "", nil, errkind.New(errkind.Unauthenticated, "the claims of the token cannot be read: %w", err)
	}
	name, ok := claims[a.cfg.NameClaim].(string)
	if !ok || name == "" {
		return "", nil, errkind.New(errkind.Denied, "the token has no claim %q, by which callers are named here", a.cfg.NameClaim)
	}
	groups, err = texts(claims[a.cfg.GroupsClaim])
	if err != nil {
		return "", nil, errkind.New(errkind.Denied, "the claim %q of the token of %s: %w", a.cfg.GroupsClaim, name, err)
	}
	return name, groups, nil
}

// texts reads a claim that is a list of texts, or one text. A claim that is missing holds none.
func texts(claim any) (out []string, err error) {
	switch c := claim.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{c}, nil
	case []any:
		if len(c) > maxGroups {
			return nil, errkind.New(errkind.Denied, "%d groups are more than the %d allowed", len(c), maxGroups)
		}
		for _, v := range c {
			s, ok := v.(string)
			if !ok {
				return nil, errkind.New(errkind.Denied, "want a list of texts")
			}
			out = append(out, s)
		}
		return out, nil
	}
	return nil, errkind.New(errkind.Denied, "want a list of texts, or a text")
}
