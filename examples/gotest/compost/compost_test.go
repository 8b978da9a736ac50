package compost

import (
	"testing"

	"example.com/garden/garden"
)

func TestCompostIsWarm(t *testing.T) { garden.Work(t, 0.5) }

func TestCompostSings(t *testing.T) { t.Skip("it hums") }
