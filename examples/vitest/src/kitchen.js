// A placeholder for a real program: its tests only need something that takes time.
//
// EXAMPLE_PACE is a factor for every pause. EXAMPLE_STATE is a directory in which the flaky
// test records the builds that it has already failed in; without it the flaky test passes.
import fs from "node:fs";
import path from "node:path";

export function work(seconds) {
  const pace = Number(process.env.EXAMPLE_PACE || "1");
  return new Promise((resolve) => setTimeout(resolve, seconds * pace * 1000));
}

// Whether this is the first call with this name in this build, recorded by creating a file.
export function firstTryOfThisBuild(name) {
  const directory = process.env.EXAMPLE_STATE;
  if (!directory) return false;
  const build = process.env.BUILDKITE_BUILD_ID || "no-build";
  try {
    fs.closeSync(fs.openSync(path.join(directory, `${build}-${name}`), "wx"));
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}
