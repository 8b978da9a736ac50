# frozen_string_literal: true

RSpec.describe "Wards" do
  it "count their beds" do
    Clinic.work(0.1)
  end

  it "are painted blue", skip: "the painters are on holiday" do
    Clinic.work(1)
  end
end
