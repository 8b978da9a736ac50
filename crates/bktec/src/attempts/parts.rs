//! Splits command lines that are too long for the system into several. Pure.

use crate::process::{Capacity, CommandLine};
use crate::runners::StopPolicy;

/// A command line, and what can stop it after a failed test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Invocation {
    pub(super) command: CommandLine,
    /// `None` if nothing depends on it, unless the user's own option stops the runner.
    pub(super) policy: Option<StopPolicy>,
    /// The option that was added to override fail-fast settings.
    pub(super) added_option: Option<String>,
}

/// A command line and the items that it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PartCommand<'i, T> {
    pub(super) invocation: Invocation,
    pub(super) items: &'i [T],
}

/// The commands that together run `items`, each item once and in order. `command` creates one for
/// some of the items. A single item that is too long, and a long command that does not depend on
/// the items, are left to fail.
pub(super) fn split<'i, T, E>(
    items: &'i [T],
    capacity: &Capacity,
    command: &mut dyn FnMut(&[T]) -> Result<Invocation, E>,
) -> Result<Vec<PartCommand<'i, T>>, E> {
    let invocation = command(items)?;
    split_further(PartCommand { invocation, items }, capacity, command)
}

fn split_further<'i, T, E>(
    whole: PartCommand<'i, T>,
    capacity: &Capacity,
    command: &mut dyn FnMut(&[T]) -> Result<Invocation, E>,
) -> Result<Vec<PartCommand<'i, T>>, E> {
    let items = whole.items;
    let parts = capacity.parts(&whole.invocation.command).min(items.len());
    if parts < 2 {
        return Ok(vec![whole]);
    }
    let mut commands = Vec::with_capacity(parts);
    for items in items.chunks(items.len().div_ceil(parts)) {
        let invocation = command(items)?;
        if invocation.command == whole.invocation.command {
            return Ok(vec![whole]);
        }
        commands.extend(split_further(
            PartCommand { invocation, items },
            capacity,
            command,
        )?);
    }
    Ok(commands)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn invocation(command: CommandLine) -> Invocation {
        Invocation {
            command,
            policy: None,
            added_option: None,
        }
    }

    fn commands(items: &[String], capacity: Capacity) -> Vec<CommandLine> {
        let mut run = |items: &[String]| {
            let command = CommandLine::new("run", items.iter().cloned());
            Ok::<_, Infallible>(invocation(command))
        };
        let Ok(parts) = split(items, &capacity, &mut run);
        for part in &parts {
            assert_eq!(part.invocation.command.arguments, part.items);
        }
        let commands = parts.into_iter().map(|part| part.invocation.command);
        commands.collect()
    }

    #[test]
    fn a_command_that_does_not_depend_on_the_items_runs_once() {
        let long = CommandLine::new("make", ["x".repeat(100)]);
        let capacity = Capacity {
            words: 10,
            word: 10,
        };
        let items = ["a", "b", "c"];
        let mut same = |_: &[&str]| Ok::<_, Infallible>(invocation(long.clone()));
        let Ok(parts) = split(&items, &capacity, &mut same);
        assert_eq!(parts.len(), 1);
        assert_eq!(parts[0].invocation.command, long);
        assert_eq!(parts[0].items, items);
    }

    #[test]
    fn without_items_there_is_one_command() {
        let capacity = Capacity { words: 1, word: 1 };
        assert_eq!(commands(&[], capacity).len(), 1);
    }

    proptest! {
        #[test]
        fn parts_fit_and_have_each_item_once(
            items in prop::collection::vec("[a-z/. ]{1,30}", 1..60),
            words in 60_usize..400,
            word in 40_usize..200,
        ) {
            let capacity = Capacity { words, word };
            let commands = commands(&items, capacity);
            let together: Vec<String> =
                commands.iter().flat_map(|command| command.arguments.clone()).collect();
            prop_assert_eq!(together, items);
            for command in &commands {
                prop_assert!(command.arguments.len() == 1 || capacity.parts(command) == 1);
            }
        }
    }
}
