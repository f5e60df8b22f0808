package bins

import (
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"
	"time"

	"github.com/cinedex/cinedex/pkg/authz"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// The beginnings of Share.with.
const (
	withName  = "name:"
	withGroup = "group:"
	withRole  = "role:"
	withLink  = "link:"
	Everybody = "everybody"
)

// Access is what a caller may do with a bin.
type Access int

// The kinds of access, each with the kinds before.
const (
	None Access = iota
	View
	Edit
	Own
)

// AccessOf returns what a caller may do with a bin. secret is of a link; it may be empty.
func AccessOf(b *pb.Bin, caller *authz.Caller, secret string, now time.Time) Access {
	if caller == nil {
		return None
	}
	if b.GetOwner() == caller.Name() {
		return Own
	}
	access := None
	for _, s := range b.GetShares() {
		if s.GetUntilMs() != 0 && now.UnixMilli() >= s.GetUntilMs() || !meant(s, caller, secret) {
			continue
		}
		if s.GetEdit() {
			return Edit
		}
		access = View
	}
	return access
}

func meant(s *pb.Share, caller *authz.Caller, secret string) bool {
	if strings.HasPrefix(s.GetWith(), withLink) {
		return secret != "" && subtle.ConstantTimeCompare(s.GetSecret(), hash(secret)) == 1
	}
	return slices.Contains(Members(caller), s.GetWith())
}

// Members are the values of Share.with that mean a caller.
func Members(caller *authz.Caller) []string {
	members := []string{withName + caller.Name(), Everybody}
	for _, g := range caller.Groups() {
		members = append(members, withGroup+g)
	}
	for _, r := range caller.Roles() {
		members = append(members, withRole+string(r))
	}
	return members
}

func hash(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}
