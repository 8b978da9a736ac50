# frozen_string_literal: true

RSpec.describe "Billing" do
  it "rounds to whole cents" do
    Clinic.work(0.1)
  end
end
