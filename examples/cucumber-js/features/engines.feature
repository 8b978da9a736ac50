Feature: Engines

  Scenario: start in the cold
    Given work of 0.4 seconds

  Scenario Outline: pull <count> waggons
    Given work of <seconds> seconds

    Examples:
      | count | seconds |
      | 3     | 0.2     |
      | 12    | 0.3     |
