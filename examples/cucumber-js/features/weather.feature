Feature: Weather

  Scenario: stops no train
    Given work of 0.2 seconds

  Scenario: is always fine
    Given it is skipped
