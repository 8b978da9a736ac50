import { describe, expect, test } from "vitest";
import { work } from "./kitchen.js";

describe("soup", () => {
  test("is [almost] never cold", () => work(0.1));

  // Always fails: to be muted until it is fixed.
  test("cooks itself", async () => {
    await work(0.1);
    expect("raw").toBe("cooked");
  });
});
