// `work` pauses, `isFirstTry` is true once per build. EXAMPLE_PACE and EXAMPLE_STATE control them as
// in every sample project.

const fs = require("node:fs");
const path = require("node:path");

function work(seconds) {
  const pace = Number(process.env.EXAMPLE_PACE ?? "1");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * pace * 1000);
  return null;
}

function isFirstTry(name) {
  const directory = process.env.EXAMPLE_STATE;
  if (!directory) return false;
  try {
    fs.mkdirSync(path.join(directory, `${process.env.BUILDKITE_BUILD_ID ?? "no-build"}-${name}`));
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

module.exports = {
  // bktec cannot retry without results, so Cypress retries.
  retries: { runMode: 1 },
  e2e: {
    supportFile: false,
    setupNodeEvents(on) {
      on("task", { work, isFirstTry });
    },
  },
};
