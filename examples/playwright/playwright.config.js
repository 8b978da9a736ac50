// CHROMIUM is the browser to use; by default Playwright uses the one that it installed.
// Nodes that share a directory, as in tests with several on one machine, need separate output.
const node = process.env.BUILDKITE_PARALLEL_JOB || "0";

module.exports = {
  testDir: "e2e",
  outputDir: `test-results-${node}`,
  workers: 1,
  // The JSON reporter writes to PLAYWRIGHT_JSON_OUTPUT_NAME.
  reporter: [["line"], ["json"]],
  projects: [
    {
      name: "chromium",
      use: { launchOptions: { executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] } },
    },
  ],
};
