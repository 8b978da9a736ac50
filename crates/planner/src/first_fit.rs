//! MULTIFIT: the smallest box size for which first-fit packs everything into `nodes` boxes.
//!
//! Coffman, Garey and Johnson (1978). Better than longest first if nodes have only a few items, and
//! useless if they have many, so `balance` uses it only in the former case.

use crate::shares::Shares;

/// Halvings of the range of box sizes, down to a thousandth of it.
const HALVINGS: usize = 10;

/// The best packing into boxes of at least `bound` and less than `longest`.
pub(crate) fn multifit(
    descending: &[u64],
    nodes: usize,
    bound: u64,
    longest: u64,
) -> Option<Shares> {
    let (mut too_small, mut fits) = (bound.saturating_sub(1), longest);
    let mut best = None;
    for _ in 0..HALVINGS {
        let size = too_small + (fits - too_small) / 2;
        if size <= too_small {
            break;
        }
        match first_fit(descending, nodes, size) {
            Some(shares) => {
                fits = shares.longest();
                best = Some(shares);
            }
            None => too_small = size,
        }
    }
    best
}

/// Packs each weight into the first box with room; `None` if one fits nowhere.
///
/// A binary tree over the boxes has the most room below each branch, which finds the first box with
/// enough room in `log nodes` steps.
fn first_fit(descending: &[u64], nodes: usize, size: u64) -> Option<Shares> {
    let leaves = nodes.next_power_of_two();
    let mut room = vec![0; 2 * leaves];
    room[leaves..leaves + nodes].fill(size);
    for branch in (1..leaves).rev() {
        room[branch] = room[2 * branch].max(room[2 * branch + 1]);
    }
    let mut shares = Shares::empty(nodes);
    for (rank, &weight) in descending.iter().enumerate() {
        if room[1] < weight {
            return None;
        }
        let mut branch = 1;
        while branch < leaves {
            branch = if room[2 * branch] >= weight {
                2 * branch
            } else {
                2 * branch + 1
            };
        }
        shares.push(branch - leaves, rank, weight);
        room[branch] -= weight;
        while branch > 1 {
            branch /= 2;
            room[branch] = room[2 * branch].max(room[2 * branch + 1]);
        }
    }
    Some(shares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_into_the_first_box_with_room() {
        let shares = first_fit(&[6, 5, 4, 3, 2], 3, 8).map(|shares| shares.items);
        assert_eq!(shares, Some(vec![vec![0, 4], vec![1, 3], vec![2]]));
    }

    #[test]
    fn fails_with_boxes_that_are_too_small() {
        assert_eq!(first_fit(&[6, 5, 4], 2, 8), None);
    }

    #[test]
    fn finds_the_smallest_box_size() {
        let shares = multifit(&[5, 5, 4, 4, 3, 3, 3], 3, 9, 11).map(|shares| shares.longest());
        assert_eq!(shares, Some(9));
    }
}
