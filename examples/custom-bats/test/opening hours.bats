load library

@test "doors open at nine" {
  work 0.3
}

@test "doors open at night" {
  skip "nobody comes"
  work 1
}
