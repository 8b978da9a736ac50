# frozen_string_literal: true

# Records every example that RSpec really runs, one ID per line. TEST_WITNESS is the output
# file. Independent of result files, so it can contradict them.
require "rspec/core"

RSpec.configure do |config|
  config.before do |example|
    File.write(ENV.fetch("TEST_WITNESS"), "#{example.id}\n", mode: "a")
  end
end
