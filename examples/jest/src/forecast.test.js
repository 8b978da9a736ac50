const { firstTryOfThisBuild, work } = require("./weather");

describe("forecast", () => {
  test("covers seven days", () => work(0.5));

  // Flaky: fails the first time that a build runs it, and passes when it is retried.
  test("hears from the satellite", async () => {
    await work(0.2);
    expect(firstTryOfThisBuild("satellite")).toBe(false);
  });
});
