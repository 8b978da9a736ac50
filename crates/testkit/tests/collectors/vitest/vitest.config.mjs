export default {
  test: {
    reporters: ["default", "buildkite-test-collector/vitest/reporter"],
    includeTaskLocation: true,
  },
};
