const { expect, test } = require("@playwright/test");
const { firstTryOfThisBuild, work } = require("./gallery");

test.describe("paintings", () => {
  test("hang straight", () => work(0.3));

  // Fails the first time that a build runs it, as if the light had been slow.
  test("are well lit", async () => {
    await work(0.2);
    expect(firstTryOfThisBuild("light")).toBe(false);
  });
});
