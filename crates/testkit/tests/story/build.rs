//! Runs builds of a sample project on several nodes, with assertions that hold for every build.

use std::collections::BTreeMap;

use test_engine_testkit::{Connection, Example, ExpectedTest, Finished, Node};

/// Retries of a failed test.
pub(crate) const RETRIES: usize = 1;
/// Tests take a fifth of their durations: long enough to plan by, short enough to wait for.
pub(crate) const PACE: &str = "0.2";

/// A finished build.
pub(crate) struct Build {
    /// Output and exit status of each node.
    pub(crate) nodes: Vec<Finished>,
    /// Executions of each node, by test ID.
    pub(crate) ran: Vec<BTreeMap<String, usize>>,
}

/// Runs a build on `count` concurrent nodes, each of which `arrange` can change.
#[track_caller]
pub(crate) fn run(
    example: &Example,
    connection: &Connection,
    id: &str,
    count: usize,
    arrange: impl Fn(Node) -> Node,
) -> Build {
    let running: Vec<_> = (0..count)
        .map(|index| {
            let node = Node::new(example, connection, id, index, count).env("EXAMPLE_PACE", PACE);
            arrange(node).start()
        })
        .collect();
    let mut build = Build {
        nodes: Vec::new(),
        ran: Vec::new(),
    };
    for node in running {
        let (finished, witness) = node.wait();
        build.nodes.push(finished);
        build.ran.push(witness.executions());
    }
    build
}

impl Build {
    /// Asserts that every test ran on exactly one node, as often as its outcome requires.
    #[track_caller]
    pub(crate) fn ran_everything_once(&self, example: &Example) -> &Self {
        self.ran_everything_once_except(example, None)
    }

    /// Likewise, except that one test did not run.
    #[track_caller]
    pub(crate) fn ran_everything_once_except(
        &self,
        example: &Example,
        excluded: Option<&ExpectedTest>,
    ) -> &Self {
        for (node, ran) in self.ran.iter().enumerate() {
            for id in ran.keys() {
                // Fails for an unknown test.
                example.test(id);
                let elsewhere = self
                    .ran
                    .iter()
                    .skip(node + 1)
                    .any(|other| other.contains_key(id));
                assert!(
                    !elsewhere,
                    "{id} ran on node {node} and on a later one\n{self}"
                );
            }
        }
        for test in example.tests() {
            let times: usize = self.ran.iter().filter_map(|ran| ran.get(&test.id)).sum();
            let expected = if excluded == Some(test) {
                0
            } else {
                test.outcome.executions(RETRIES)
            };
            assert_eq!(
                times, expected,
                "executions of {}, which is {:?}\n{self}",
                test.id, test.outcome
            );
        }
        self
    }

    /// The node that ran a test.
    #[track_caller]
    pub(crate) fn node_of(&self, test: &ExpectedTest) -> usize {
        self.ran
            .iter()
            .position(|ran| ran.contains_key(&test.id))
            .unwrap_or_else(|| panic!("{} ran nowhere\n{self}", test.id))
    }

    /// The duration of the tests on each node, at pace 1 and without retries.
    pub(crate) fn seconds(&self, example: &Example) -> Vec<f64> {
        self.ran
            .iter()
            .map(|ran| ran.keys().map(|id| example.test(id).seconds).sum())
            .collect()
    }

    /// The exit codes, by node.
    #[track_caller]
    pub(crate) fn codes(&self) -> Vec<i32> {
        self.nodes.iter().map(Finished::code).collect()
    }
}

impl std::fmt::Display for Build {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (node, ran)) in self.nodes.iter().zip(&self.ran).enumerate() {
            writeln!(f, "===== node {index}: {node}\nexecutions: {ran:#?}")?;
        }
        Ok(())
    }
}
