//! What a simulated runner does, as random values.

use proptest::prelude::*;

use crate::runners::{Naming, StopPolicy, TestKey};

#[derive(Clone, Debug)]
pub(super) struct World {
    pub(super) targets: Vec<Vec<SimulatedTest>>,
    pub(super) naming: SimulatedNaming,
    /// The runner stops at this number of failed tests.
    pub(super) stops_at: Option<usize>,
    pub(super) policy: StopPolicy,
    /// The plan has the number of tests of each target.
    pub(super) expects: bool,
    pub(super) can_list: bool,
    pub(super) one_by_one: bool,
    /// What goes wrong in an invocation.
    pub(super) faults: Vec<Option<Fault>>,
    pub(super) retries: usize,
    pub(super) retry_muted: bool,
}

#[derive(Clone, Debug)]
pub(super) struct SimulatedTest {
    /// How often it fails before it passes.
    pub(super) failures: u32,
    pub(super) muted: bool,
    /// Its name is another one in each execution.
    pub(super) is_renamed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SimulatedNaming {
    Files,
    /// Each target is a package below the one before it.
    NestedPackages,
    /// Results do not name targets.
    Nothing,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Fault {
    /// The program cannot be started; not in the first attempt.
    NotStarted,
    /// At the test of this number.
    Crash(usize, Crash),
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Crash {
    /// Without a result file.
    Silent(i32),
    /// With results up to here, and evidence: for the target, or for any target.
    Evident { code: i32, names_target: bool },
    /// With results up to here, and a code that is not that of failed tests.
    Unexplained,
}

/// The address of a test: its target and its number in it.
pub(super) type Address = (usize, usize);

impl World {
    pub(super) fn runner_naming(&self) -> Naming {
        match self.naming {
            SimulatedNaming::Files | SimulatedNaming::Nothing => Naming::RunnerSpecific,
            SimulatedNaming::NestedPackages => Naming::Packages,
        }
    }

    pub(super) fn target(&self, number: usize) -> String {
        match self.naming {
            SimulatedNaming::Files | SimulatedNaming::Nothing => format!("{number}.rb"),
            SimulatedNaming::NestedPackages => format!("m{}", "/sub".repeat(number)),
        }
    }

    pub(super) fn test(&self, (target, test): Address) -> &SimulatedTest {
        &self.targets[target][test]
    }

    /// `execution` is its number, from 1.
    pub(super) fn key(&self, address: Address, execution: u32) -> TestKey {
        let path = match self.naming {
            SimulatedNaming::Nothing => String::new(),
            _ => self.target(address.0),
        };
        let name = name_of(address);
        let name = if self.test(address).is_renamed {
            format!("{name}[{execution}]")
        } else {
            name
        };
        TestKey::new("S", name, path)
    }
}

pub(super) fn name_of((target, test): Address) -> String {
    format!("t{target}.{test}")
}

fn test() -> impl Strategy<Value = SimulatedTest> {
    let failures = prop_oneof![5 => Just(0), 2 => Just(1), 1 => Just(2), 1 => Just(9)];
    (
        failures,
        prop::bool::weighted(0.3),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(failures, muted, is_renamed)| SimulatedTest {
            failures,
            muted,
            is_renamed,
        })
}

fn fault() -> impl Strategy<Value = Fault> {
    let code = prop_oneof![Just(0), Just(1), Just(3)];
    let crash = prop_oneof![
        code.clone().prop_map(Crash::Silent),
        (code, any::<bool>())
            .prop_map(|(code, names_target)| Crash::Evident { code, names_target }),
        Just(Crash::Unexplained),
    ];
    prop_oneof![
        1 => Just(Fault::NotStarted),
        4 => (0..6_usize, crash).prop_map(|(at, crash)| Fault::Crash(at, crash)),
    ]
}

/// Where a runner stops, and what is known of that.
fn stop() -> impl Strategy<Value = (Option<usize>, StopPolicy)> {
    let limit = 1..3_usize;
    let requested = |failures| StopPolicy::Requested {
        option: "-x".to_owned(),
        failures,
    };
    prop_oneof![
        Just((None, StopPolicy::Overridden)),
        Just((None, StopPolicy::Possible)),
        limit
            .clone()
            .prop_map(|limit| (Some(limit), StopPolicy::Possible)),
        limit.prop_map(move |limit| (Some(limit), requested(limit))),
    ]
}

pub(super) fn world() -> impl Strategy<Value = World> {
    let targets = prop::collection::vec(prop::collection::vec(test(), 0..4), 1..4);
    let naming = prop_oneof![
        3 => Just(SimulatedNaming::Files),
        1 => Just(SimulatedNaming::NestedPackages),
        1 => Just(SimulatedNaming::Nothing),
    ];
    let faults = prop::collection::vec(prop::option::weighted(0.2, fault()), 12);
    let flags = any::<[bool; 4]>();
    (targets, naming, stop(), faults, flags, 0..4_usize).prop_map(
        |(targets, naming, (stops_at, policy), faults, flags, retries)| {
            let [expects, can_list, one_by_one, retry_muted] = flags;
            World {
                targets,
                naming,
                stops_at,
                policy,
                expects,
                can_list,
                one_by_one,
                faults,
                retries,
                retry_muted,
            }
        },
    )
}
