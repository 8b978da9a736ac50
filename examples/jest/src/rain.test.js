const { work } = require("./weather");

describe("rain", () => {
  test("is measured in mm (not in)", () => work(0.1));

  // Fails always: somebody is to repair it, and meanwhile it is to be muted.
  test("falls upwards", async () => {
    await work(0.1);
    expect("down").toBe("up");
  });
});
