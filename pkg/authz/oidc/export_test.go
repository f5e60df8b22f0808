package oidc

import "time"

// SetNow sets the clock by which the life of tokens is judged.
func (a *Authoriser) SetNow(now func() time.Time) { a.now = now }
