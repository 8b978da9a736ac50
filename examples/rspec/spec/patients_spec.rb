# frozen_string_literal: true

RSpec.describe "Patients" do
  it "are found by name" do
    Clinic.work(0.5)
  end

  it "are found by birthday" do
    Clinic.work(0.4)
  end
end
