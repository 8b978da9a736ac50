const assert = require("node:assert");
describe("Kettle", () => {
  describe("when full", () => {
    it("boils", () => assert.strictEqual(100, 100));
    it("does not spill", () => assert.strictEqual("a drop", "nothing"));
  });
  it.skip("sings", () => {});
});
