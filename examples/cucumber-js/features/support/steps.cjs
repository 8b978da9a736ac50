const { Given, Then } = require("@cucumber/cucumber");
const { firstTryOfThisBuild, work } = require("./railway.cjs");

Given("work of {float} seconds", (seconds) => work(seconds));
Given("it is skipped", () => "skipped");
Then("the box has answered", () => {
  if (firstTryOfThisBuild("box")) throw new Error("no answer");
});
Then("it fails", () => {
  throw new Error("nobody pays");
});
