//! What single executions say that commit groups do not: in which order they passed and failed, and
//! how long they took.

/// An execution as monitors see it. Those of outages, and those that neither passed nor failed, are
/// left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execution {
    /// When it was received.
    pub at: i64,
    /// Whether it passed; if not, it failed.
    pub passed: bool,
    /// In microseconds.
    pub duration: Option<u64>,
}

/// How often the result changes among the last `window` executions, divided by `window` however
/// many there are, in parts per million. Executions are sorted, oldest first.
pub(crate) fn transition_share(executions: &[Execution], window: u32) -> u32 {
    let first = executions.len().saturating_sub(window as usize);
    let changes = executions[first..]
        .windows(2)
        .filter(|pair| pair[0].passed != pair[1].passed)
        .count() as u64;
    let share = (changes * 1_000_000).div_ceil(u64::from(window.max(1)));
    u32::try_from(share).unwrap_or(u32::MAX)
}

/// The median of the last `window` durations, in microseconds: the lower one of two. `None` if
/// there are fewer.
pub(crate) fn median_duration(executions: &[Execution], window: u32) -> Option<u64> {
    let timed = executions
        .iter()
        .rev()
        .filter_map(|execution| execution.duration);
    let mut durations: Vec<u64> = timed.take(window.max(1) as usize).collect();
    if durations.len() < window.max(1) as usize {
        return None;
    }
    let middle = (durations.len() - 1) / 2;
    let (_, median, _) = durations.select_nth_unstable(middle);
    Some(*median)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn executions(results: &str) -> Vec<Execution> {
        let execution = |(at, result)| Execution {
            at,
            passed: result == 'P',
            duration: None,
        };
        (0..).zip(results.chars()).map(execution).collect()
    }

    #[test]
    fn transitions_are_divided_by_the_window() {
        for (results, window, expected) in [
            ("PPFFF", 5, 200_000),
            ("PFPFF", 5, 600_000),
            ("PF", 5, 200_000),
            ("FFFFF", 5, 0),
            // The pass is before the window.
            ("PFFFFF", 5, 0),
            ("", 5, 0),
            ("PFP", 1, 0),
        ] {
            let share = transition_share(&executions(results), window);
            assert_eq!(share, expected, "{results} of {window}");
        }
    }

    #[test]
    fn the_median_needs_a_full_window_of_durations() {
        let timed = |durations: &[Option<u64>]| -> Vec<Execution> {
            let execution = |(at, duration): (i64, &Option<u64>)| Execution {
                at,
                passed: true,
                duration: *duration,
            };
            (0..).zip(durations).map(execution).collect()
        };
        let history = timed(&[Some(900), Some(3), None, Some(1), Some(2), Some(9)]);
        assert_eq!(median_duration(&history, 3), Some(2));
        assert_eq!(median_duration(&history, 4), Some(2));
        assert_eq!(median_duration(&history, 5), Some(3));
        assert_eq!(median_duration(&history, 6), None);
        assert_eq!(median_duration(&[], 1), None);
    }
}
