// Package garden is a placeholder for a real program: its tests only need something slow.
//
// EXAMPLE_PACE is a factor for every pause. EXAMPLE_STATE is a directory in which the flaky
// test records the builds that it has already failed in; without it the flaky test passes.
// TEST_WITNESS is a file to which every test that runs appends its name.
package garden

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Work pauses in a test of this package.
func Work(t *testing.T, seconds float64) {
	t.Helper()
	if file := os.Getenv("TEST_WITNESS"); file != "" {
		out, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		defer out.Close()
		if _, err := out.WriteString(t.Name() + "\n"); err != nil {
			t.Fatal(err)
		}
	}
	pace := 1.0
	if text := os.Getenv("EXAMPLE_PACE"); text != "" {
		given, err := strconv.ParseFloat(text, 64)
		if err != nil {
			t.Fatal(err)
		}
		pace = given
	}
	time.Sleep(time.Duration(seconds * pace * float64(time.Second)))
}

// FirstTryOfThisBuild reports whether this is the first call with this name in this build, recorded
// by creating a file.
func FirstTryOfThisBuild(name string) bool {
	directory := os.Getenv("EXAMPLE_STATE")
	if directory == "" {
		return false
	}
	build := os.Getenv("BUILDKITE_BUILD_ID")
	file, err := os.OpenFile(filepath.Join(directory, build+"-"+name), os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return false
	}
	file.Close()
	return true
}
