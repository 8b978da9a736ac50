it("shows today", () => {
  cy.task("work", 0.3);
});

it.skip("shows holidays", () => {
  cy.task("work", 0.3);
});
