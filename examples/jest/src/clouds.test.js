const { work } = require("./weather");

describe("clouds", () => {
  test("are counted in eighths", () => work(0.4));

  describe("at night", () => {
    test("are still there", () => work(0.5));
  });
});
