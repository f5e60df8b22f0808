package oidc

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
)

// SignIn leads people to the provider and back: the authorisation code flow of OpenID Connect with PKCE (S256), state and nonce.
//
//   - The caller of Begin MUST keep a Begun where only the person's browser has it, and MUST hand the Begun with the same state to Finish, once.
//   - Finish verifies the ID token as Authorise does, and compares the nonce.
//   - SignIn keeps nothing: a process may end between Begin and Finish, and another process may finish.
type SignIn struct {
	of     *Authoriser
	secret string
	client *http.Client
}

// BackPath is the path of the page to which the provider sends people back.
const BackPath = "/sign-in/back"

// maxSecret bounds the file with the client's secret.
const maxSecret = 4 << 10

// SignIn returns the sign-in of the configuration; nil where Config.PageURL is empty. Invalid: the file with the secret cannot be read.
func (a *Authoriser) SignIn() (*SignIn, error) {
	if a.cfg.Issuer == "" || a.cfg.PageURL == "" {
		return nil, nil
	}
	s := &SignIn{of: a, client: &http.Client{Timeout: answerIn}}
	if a.cfg.ClientSecretFile == "" {
		return s, nil
	}
	b, err := authz.ReadFile(a.cfg.ClientSecretFile, maxSecret)
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "client_secret_file: reading %s: %w", a.cfg.ClientSecretFile, err)
	}
	s.secret = strings.TrimSpace(string(b))
	return s, nil
}

// A Begun is what a sign-in remembers between leaving and coming back.
type Begun struct {
	State    string `json:"state"`
	Nonce    string `json:"nonce"`
	Verifier string `json:"verifier"`
}

// A Session is a person who signed in.
type Session struct {
	// Token is the ID token, which Authorise accepts.
	Token string
	// Refresh gets the next session; empty where the provider gives none.
	Refresh string
	// Expires is when Token expires.
	Expires time.Time
}

func (s *SignIn) config(p *provider) *oauth2.Config {
	return &oauth2.Config{ClientID: s.of.cfg.Audience, ClientSecret: s.secret, Endpoint: p.endpoint, RedirectURL: strings.TrimSuffix(s.of.cfg.PageURL, "/") + BackPath, Scopes: s.of.cfg.Scopes}
}

// Begin returns the address of the provider's page. Unavailable: the provider does not answer.
func (s *SignIn) Begin() (Begun, string, error) {
	p, err := s.of.described()
	if err != nil {
		return Begun{}, "", err
	}
	b := Begun{State: oauth2.GenerateVerifier(), Nonce: oauth2.GenerateVerifier(), Verifier: oauth2.GenerateVerifier()}
	return b, s.config(p).AuthCodeURL(b.State, oidc.Nonce(b.Nonce), oauth2.S256ChallengeOption(b.Verifier)), nil
}

// Finish exchanges the code with which the provider sent a person back. Errors:
//   - Unauthenticated: the provider refuses the code, or the answer is not for this sign-in;
//   - Unavailable: the provider does not answer.
func (s *SignIn) Finish(ctx context.Context, b Begun, state, code string) (*Session, error) {
	if b.State == "" || subtle.ConstantTimeCompare([]byte(b.State), []byte(state)) != 1 {
		return nil, errkind.New(errkind.Unauthenticated, "the answer of the identity provider is not for this sign-in: sign in again")
	}
	p, err := s.of.described() //nolint:contextcheck // the library keeps the context for later requests
	if err != nil {
		return nil, err
	}
	t, err := s.config(p).Exchange(s.with(ctx), code, oauth2.VerifierOption(b.Verifier))
	if err != nil {
		return nil, told(err)
	}
	session, nonce, err := s.session(ctx, p, t)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare([]byte(b.Nonce), []byte(nonce)) != 1 {
		return nil, errkind.New(errkind.Unauthenticated, "the token of the identity provider is not for this sign-in: sign in again")
	}
	return session, nil
}

// Renew gets the next session, without the person. The errors are those of Finish.
func (s *SignIn) Renew(ctx context.Context, refresh string) (*Session, error) {
	if refresh == "" || len(refresh) > maxToken {
		return nil, errkind.New(errkind.Unauthenticated, "the session has ended: sign in again")
	}
	p, err := s.of.described() //nolint:contextcheck // the library keeps the context for later requests
	if err != nil {
		return nil, err
	}
	t, err := s.config(p).TokenSource(s.with(ctx), &oauth2.Token{RefreshToken: refresh, Expiry: time.Unix(1, 0)}).Token()
	if err != nil {
		return nil, told(err)
	}
	session, _, err := s.session(ctx, p, t)
	return session, err
}

// with has the library use the client of s.
func (s *SignIn) with(ctx context.Context) context.Context { return oidc.ClientContext(ctx, s.client) }

// session verifies the ID token of an answer, and returns the nonce of the token.
func (s *SignIn) session(ctx context.Context, p *provider, t *oauth2.Token) (*Session, string, error) {
	raw, _ := t.Extra("id_token").(string)
	if raw == "" {
		return nil, "", errkind.New(errkind.Unauthenticated, "the identity provider gave no ID token: sign in again")
	}
	id, err := s.of.idToken(ctx, p, raw)
	if err != nil {
		return nil, "", err
	}
	return &Session{Token: raw, Refresh: t.RefreshToken, Expires: id.Expiry}, id.Nonce, nil
}

// LeaveURL is the provider's page for leaving, from which people come back to the page; "" for a provider without such a page.
func (s *SignIn) LeaveURL(token string) string {
	p, err := s.of.described()
	if err != nil || p.leave == "" {
		return ""
	}
	u, err := url.Parse(p.leave)
	if err != nil {
		return ""
	}
	q := u.Query()
	q.Set("client_id", s.of.cfg.Audience)
	q.Set("post_logout_redirect_uri", strings.TrimSuffix(s.of.cfg.PageURL, "/")+"/")
	if token != "" {
		q.Set("id_token_hint", token)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// told tells a refusal of the provider from an answer that did not come. The provider's own words stay out: they may hold the code.
func told(err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) && refused.Response.StatusCode < http.StatusInternalServerError {
		return errkind.New(errkind.Unauthenticated, "the identity provider refuses the sign-in (%s): sign in again", cmp.Or(refused.ErrorCode, refused.Response.Status))
	}
	return errkind.New(errkind.Unavailable, "the identity provider does not answer; try again: %w", fmt.Errorf("exchanging the code: %w", err))
}
