package advice_test

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/seed-1411d8c0/linearize/internal/advice"
)

func TestOn(t *testing.T) {
	err := fmt.Errorf("load: %w", advice.On(fmt.Errorf("open x: %w", fs.ErrNotExist), "make it"))
	if got := err.Error(); got != "load: open x: file does not exist" {
		t.Errorf("Error() = %q, want the error without its hint", got)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Error("it is not the error that it was made of")
	}
	if got := advice.Of(err); got != "make it" {
		t.Errorf("Of(%v) = %q, want its hint", err, got)
	}
	if got := advice.Of(fs.ErrNotExist); got != "" {
		t.Errorf("Of() an error without a hint = %q", got)
	}
}
