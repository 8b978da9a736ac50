// CHROMIUM names the browser to use; without it Playwright takes the one it installed itself.
// Nodes that share a folder, as in a test of several on one machine, each get an output folder.
const node = process.env.BUILDKITE_PARALLEL_JOB || "0";

module.exports = {
  testDir: "e2e",
  outputDir: `test-results-${node}`,
  workers: 1,
  // The JSON reporter writes where PLAYWRIGHT_JSON_OUTPUT_NAME says.
  reporter: [["line"], ["json"]],
  projects: [
    {
      name: "chromium",
      use: { launchOptions: { executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] } },
    },
  ],
};
