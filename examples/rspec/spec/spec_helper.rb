# frozen_string_literal: true

require_relative "../lib/clinic"

RSpec.configure do |config|
  config.disable_monkey_patching!
end
