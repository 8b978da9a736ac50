import { describe, test } from "vitest";
import { work } from "./kitchen.js";

describe("bread", () => {
  test("rises in the warm", () => work(0.3));
  describe("in a tin", () => {
    test("has straight sides", () => work(0.4));
  });
});
