// `work` takes its time, `isFirstTry` is true once a build. EXAMPLE_PACE and EXAMPLE_STATE steer
// them as in every sample project.

const fs = require("node:fs");
const path = require("node:path");

function work(seconds) {
  const pace = Number(process.env.EXAMPLE_PACE ?? "1");
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, seconds * pace * 1000);
  return null;
}

function isFirstTry(name) {
  const folder = process.env.EXAMPLE_STATE;
  if (!folder) return false;
  try {
    fs.mkdirSync(path.join(folder, `${process.env.BUILDKITE_BUILD_ID ?? "no-build"}-${name}`));
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  }
}

module.exports = {
  // bktec cannot retry what has no results, so Cypress does.
  retries: { runMode: 1 },
  e2e: {
    supportFile: false,
    setupNodeEvents(on) {
      on("task", { work, isFirstTry });
    },
  },
};
