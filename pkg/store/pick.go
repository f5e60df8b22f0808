package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// PickID names a pick among the picks of its person.
func PickID(p *pb.Pick) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %d %d", p.GetQuery(), p.GetAsset(), p.GetStart(), p.GetEnd()))
	return hex.EncodeToString(sum[:16])
}

// CheckPick refuses a pick that no store keeps.
func CheckPick(p *pb.Pick) error {
	switch {
	case p.GetPerson() == "" || p.GetQuery() == "" || p.GetAsset() == "":
		return errkind.New(errkind.Invalid, "a pick needs a person, a query and an asset")
	case p.GetStart() < 0 || p.GetEnd() < 0 || p.GetDay() < 0:
		return errkind.New(errkind.Invalid, "a pick of the asset %s: start, end and day must be 0 or more", p.GetAsset())
	}
	return nil
}
