const { expect, test } = require("@playwright/test");
const { work } = require("./gallery");

test.describe("shop", () => {
  test("sells [numbered] prints", () => work(0.1));

  // Always fails: to be muted until it is fixed.
  test("gives everything away", async () => {
    await work(0.1);
    expect("paid").toBe("free");
  });
});
