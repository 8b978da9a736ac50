package bees

import (
	"testing"

	"example.com/garden/garden"
)

// Fails the first time that a build runs it, as if the queen had been slow.
func TestBeesHearFromTheQueen(t *testing.T) {
	garden.Work(t, 0.3)
	if garden.FirstTryOfThisBuild("queen") {
		t.Error("no answer")
	}
}
