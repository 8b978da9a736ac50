const { test } = require("@playwright/test");
const { work } = require("./gallery");

test("statues stand still", () => work(0.3));
test.skip("statues dance", () => work(1));
