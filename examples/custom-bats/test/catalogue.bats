load library

# Fails the first time that a build runs it, as if the index had been slow.
@test "catalogue hears from the index" {
  work 0.3
  ! first_try_of_this_build index
}
