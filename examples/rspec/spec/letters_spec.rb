# frozen_string_literal: true

RSpec.describe "Letters" do
  it "greets (Dr.) \"O'Neill\" & family" do
    Clinic.work(0.1)
  end

  # Always fails: to be muted until it is fixed.
  it "fits on one page" do
    Clinic.work(0.1)
    expect(2).to eq(1)
  end
end
