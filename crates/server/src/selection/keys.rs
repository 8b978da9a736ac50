//! What identifies an item in results, in counts and in the rotating sample. Pure.

use sha2::{Digest as _, Sha256};
use test_engine_wire::{Case, CaseFormat};

use super::scores::Scored;
use crate::selectors::{canonical, with_prefix};

pub(super) type KeyHash = [u8; 16];

/// Which item a case is: its stored selector, or the scope and name of an example.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum ItemKey {
    Selector(String),
    Example { scope: String, name: String },
}

impl ItemKey {
    pub(super) fn of(case: &Case, location_prefix: &str) -> Self {
        if let Some((scope, name)) = example(case) {
            let (scope, name) = (scope.to_owned(), name.to_owned());
            return Self::Example { scope, name };
        }
        Self::Selector(match case.format {
            CaseFormat::File => canonical(&case.path).into_owned(),
            CaseFormat::Selector => with_prefix(location_prefix, &case.value),
            CaseFormat::Example | CaseFormat::Test => canonical(case.target()).into_owned(),
        })
    }

    /// The keys under which the results of a scored item may be stored, the most likely first.
    pub(super) fn of_scored(item: &Scored, location_prefix: &str) -> Vec<Self> {
        if let Some((scope, name)) = &item.example {
            let (scope, name) = (scope.clone(), name.clone());
            return vec![Self::Example { scope, name }];
        }
        let bare = canonical(&item.target).into_owned();
        if item.is_file {
            return vec![Self::Selector(bare)];
        }
        let whole = with_prefix(location_prefix, &item.target);
        let mut keys = vec![Self::Selector(whole)];
        if keys[0] != Self::Selector(bare.clone()) {
            keys.push(Self::Selector(bare));
        }
        keys
    }

    /// Identifies the item in the rotating sample, and its first bytes in counts. Of 100,000 items,
    /// about one pair has the same ID; one of the two is then credited with the failures of both.
    pub(super) fn hash(&self) -> KeyHash {
        let hash = match self {
            Self::Selector(value) => return hash_of_selector(value),
            Self::Example { scope, name } => Sha256::new()
                .chain_update([1])
                .chain_update((scope.len() as u64).to_be_bytes())
                .chain_update(scope)
                .chain_update(name),
        };
        first_half(hash)
    }

    /// The ID in counts.
    pub(super) fn id(&self) -> u32 {
        let hash = self.hash();
        u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
    }
}

/// The scope and name of a case that is an example; `None` also for one that is known by its path
/// only.
pub(super) fn example(case: &Case) -> Option<(&str, &str)> {
    let is_one = matches!(case.format, CaseFormat::Example | CaseFormat::Test);
    (is_one && !case.name.is_empty()).then_some((&case.scope, &case.name))
}

/// [`ItemKey::hash`] of a selector.
pub(super) fn hash_of_selector(value: &str) -> KeyHash {
    first_half(Sha256::new().chain_update([0]).chain_update(value))
}

fn first_half(hash: Sha256) -> KeyHash {
    let digest: [u8; 32] = hash.finalize().into();
    let (first, _) = digest.split_first_chunk().unwrap_or((&[0; 16], &[]));
    *first
}
