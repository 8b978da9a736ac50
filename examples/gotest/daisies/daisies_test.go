package daisies

import (
	"testing"

	"example.com/garden/garden"
)

// Fails always: somebody is to repair it, and meanwhile it is to be muted.
func TestDaisiesAreBlue(t *testing.T) {
	garden.Work(t, 0.2)
	t.Error("they are white")
}
