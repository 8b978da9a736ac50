import { describe, expect, test } from "vitest";
import { firstTryOfThisBuild, work } from "./kitchen.js";

describe("oven", () => {
  test("reaches 220 °C (or more)", () => work(0.4));

  // Fails the first time that a build runs it, as if the sensor had been slow.
  test("hears from its sensor", async () => {
    await work(0.2);
    expect(firstTryOfThisBuild("sensor")).toBe(false);
  });
});
