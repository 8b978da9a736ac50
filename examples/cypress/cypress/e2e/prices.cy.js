it("has no decimals in yen", () => {
  // Always fails.
  cy.task("work", 0.1);
  cy.task("work", 0).should("equal", "1,235");
});
