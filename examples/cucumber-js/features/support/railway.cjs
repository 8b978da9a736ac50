// Stands in for a real program: its tests only need something that takes its time.
//
// EXAMPLE_PACE stretches or shrinks every pause. EXAMPLE_STATE names a folder in which the flaky
// test remembers which builds it has already failed in; without it the flaky test passes.
const fs = require("node:fs");
const path = require("node:path");

function work(seconds) {
  const pace = Number(process.env.EXAMPLE_PACE || "1");
  return new Promise((resolve) => setTimeout(resolve, seconds * pace * 1000));
}

// Whether this build has not called with this name before. Creating the file is the memory.
function firstTryOfThisBuild(name) {
  const folder = process.env.EXAMPLE_STATE;
  if (!folder) return false;
  const build = process.env.BUILDKITE_BUILD_ID || "no-build";
  try {
    fs.closeSync(fs.openSync(path.join(folder, `${build}-${name}`), "wx"));
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

module.exports = { firstTryOfThisBuild, work };
