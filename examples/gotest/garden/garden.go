// Package garden stands in for a real program: its tests only need something that takes its time.
//
// EXAMPLE_PACE stretches or shrinks every pause. EXAMPLE_STATE names a folder in which the flaky
// test remembers which builds it has already failed in; without it the flaky test passes.
// TEST_WITNESS names a file to which every test that really runs adds its name.
package garden

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Work takes its time in a test of this package.
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

// FirstTryOfThisBuild says whether this build has not called with this name before. Creating the
// file is the memory.
func FirstTryOfThisBuild(name string) bool {
	folder := os.Getenv("EXAMPLE_STATE")
	if folder == "" {
		return false
	}
	build := os.Getenv("BUILDKITE_BUILD_ID")
	file, err := os.OpenFile(filepath.Join(folder, build+"-"+name), os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return false
	}
	file.Close()
	return true
}
