package apples

import (
	"testing"

	"example.com/garden/garden"
)

func TestAppleFallsDown(t *testing.T) { garden.Work(t, 0.4) }

func TestApplesAreSorted(t *testing.T) {
	garden.Work(t, 0)
	t.Run("by size", func(t *testing.T) { garden.Work(t, 0.2) })
}
