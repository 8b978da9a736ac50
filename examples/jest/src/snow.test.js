const { work } = require("./weather");

describe("snow", () => {
  test("melts above 0 °C", () => work(0.3));
  test("is 100% [frozen] water", () => work(0.3));
});
