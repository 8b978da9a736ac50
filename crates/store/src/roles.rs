//! The numbers that stand for roles.

use crate::error::StoreError;
use crate::records::Role;

/// In `sign_in_rules`: keeps people out.
pub(crate) const NO_ROLE: i64 = 0;

pub(crate) const fn role_code(role: Role) -> i64 {
    match role {
        Role::Reader => 1,
        Role::Writer => 2,
        Role::Admin => 3,
    }
}

pub(crate) fn role(code: i64) -> Result<Role, StoreError> {
    Role::ALL
        .into_iter()
        .find(|role| role_code(*role) == code)
        .ok_or(StoreError::Damaged { what: "role" })
}
