module.exports = {
  reporter: [["line"], ["buildkite-test-collector/playwright/reporter"]],
  retries: 1,
  workers: 1,
  projects: [
    {
      name: "chromium",
      use: { launchOptions: { executablePath: process.env.CHROMIUM, args: ["--no-sandbox"] } },
    },
  ],
};
