const { expect, test } = require("@playwright/test");
const { work } = require("./gallery");

test.describe("entrance", () => {
  test("greets visitors", async ({ page }) => {
    await page.setContent("<h1>Welcome</h1>");
    await expect(page.locator("h1")).toHaveText("Welcome");
    await work(0.2);
  });

  test("closes at five (or six)", () => work(0.4));
});
