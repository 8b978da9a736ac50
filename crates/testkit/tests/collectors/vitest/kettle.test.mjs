import { describe, expect, test } from "vitest";
describe("Kettle", () => {
  describe("when full", () => {
    test("boils", () => expect(100).toBe(100));
    test("does not spill", () => expect("a drop").toBe("nothing"));
  });
  test.skip("sings", () => {});
  test.todo("switches itself off");
});
