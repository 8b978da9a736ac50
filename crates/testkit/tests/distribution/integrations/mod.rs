//! The configurations in `integrations/`: valid, and what they run works with a real server, real
//! runners, and the variables that their CI sets. A stand-in has the comments of pull requests.

mod azure;
mod buildkite;
mod circleci;
mod github;
mod gitlab;
mod jenkins;
mod machine;
mod valid;
