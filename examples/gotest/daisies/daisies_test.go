package daisies

import (
	"testing"

	"example.com/garden/garden"
)

// Always fails: to be muted until it is fixed.
func TestDaisiesAreBlue(t *testing.T) {
	garden.Work(t, 0.2)
	t.Error("they are white")
}
