import { test } from "vitest";
import { work } from "./kitchen.js";

test("salt is white", () => work(0.2));
test.skip("salt is sweet", () => work(1));
