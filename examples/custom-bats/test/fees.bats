load library

# Fails always: somebody is to repair it, and meanwhile it is to be muted.
@test "fees pay themselves" {
  work 0.2
  false
}
