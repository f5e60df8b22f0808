package budget_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/budget"
	"github.com/cinedex/cinedex/pkg/errkind"
)

func TestClaim(t *testing.T) {
	b := budget.New(10 << 20)
	if _, err := b.Claim(t.Context(), 10<<20+1); errkind.Of(err) != errkind.Invalid || !strings.Contains(err.Error(), "11 MiB") {
		t.Errorf("a claim above the whole budget: %v", err)
	}
	release, err := b.Claim(t.Context(), 10<<20)
	if err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancelCause(t.Context())
	end(errors.New("late"))
	if _, err := b.Claim(ended, 1); errkind.Of(err) != errkind.Exhausted {
		t.Errorf("a claim that waited in vain: %v", err)
	}
	release()
	again, err := b.Claim(t.Context(), 10<<20)
	if err != nil {
		t.Fatal("released bytes are not free again:", err)
	}
	again()
}

// TestClaimsWait: a claim too large beside another claim gets its bytes when the other claim is released.
func TestClaimsWait(t *testing.T) {
	b := budget.New(100)
	release, err := b.Claim(t.Context(), 60)
	if err != nil {
		t.Fatal(err)
	}
	held := make(chan error)
	go func() {
		done, err := b.Claim(t.Context(), 60)
		if err == nil {
			done()
		}
		held <- err
	}()
	select {
	case err := <-held:
		t.Fatal("120 of 100 bytes were given out:", err)
	default:
	}
	release()
	if err := <-held; err != nil {
		t.Error(err)
	}
}
