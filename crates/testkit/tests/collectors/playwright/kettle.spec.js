const { test, expect } = require("@playwright/test");
test.describe("Kettle", () => {
  test("boils", async ({ page }) => {
    await page.setContent("<h1>100</h1>");
    await expect(page.locator("h1")).toHaveText("100");
  });
  test("does not spill", { tag: ["@size:large"] }, () => expect("a drop").toBe("nothing"));
  test("boils at the second try", ({}, info) => expect(info.retry).toBe(1));
  test.skip("sings", () => {});
});
