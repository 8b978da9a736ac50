const { work } = require("./weather");

describe("wind", () => {
  test("has a direction", () => work(0.1));
  test.skip("has a smell", () => work(1));
});
