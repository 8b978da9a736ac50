const { work } = require("./weather");

describe("rain", () => {
  test("is measured in mm (not in)", () => work(0.1));

  // Always fails: to be muted until it is fixed.
  test("falls upwards", async () => {
    await work(0.1);
    expect("down").toBe("up");
  });
});
