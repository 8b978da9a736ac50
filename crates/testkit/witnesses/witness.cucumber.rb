# frozen_string_literal: true

# Records every scenario that Cucumber really runs, one per line: its file and line, unless it
# skips itself. TEST_WITNESS is the output file. Independent of result files.
After do |scenario|
  next if scenario.status == :skipped

  File.write(ENV.fetch("TEST_WITNESS"), "#{scenario.location}\n", mode: "a")
end
