load library

@test "books are sorted" {
  work 0.4
}

@test "books are lent for 14 days (or 28)" {
  work 0.3
}
