const { expect, test } = require("@playwright/test");
const { work } = require("./gallery");

test.describe("shop", () => {
  test("sells [numbered] prints", () => work(0.1));

  // Fails always: somebody is to repair it, and meanwhile it is to be muted.
  test("gives everything away", async () => {
    await work(0.1);
    expect("paid").toBe("free");
  });
});
