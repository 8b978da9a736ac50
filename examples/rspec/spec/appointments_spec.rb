# frozen_string_literal: true

RSpec.describe "Appointments" do
  it "can be booked a week ahead" do
    Clinic.work(0.6)
  end

  context "when the day is full" do
    it "offers the next free day" do
      Clinic.work(0.5)
    end
  end
end
