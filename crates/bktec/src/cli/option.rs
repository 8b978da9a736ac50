//! Options that never fail to parse: a wrong value is kept together with its problem, so that
//! everything wrong with a command line is reported at once.

use std::ffi::OsStr;
use std::fmt;
use std::marker::PhantomData;

use clap::builder::{TypedValueParser, ValueParserFactory};
use clap::parser::ValueSource;
use clap::{Arg, Command};

/// A type that options can have. The error is the phrase that follows "must be".
pub trait OptionValue: Clone + Send + Sync + 'static {
    fn read(text: &str) -> Result<Self, String>;
}

/// An option of a command: its names, its text and the value of the text.
#[derive(Clone, Default)]
pub struct Opt<T> {
    flag: String,
    variable: Option<String>,
    pub is_from_variable: bool,
    text: String,
    /// `None` for a blank text, which counts as not set.
    value: Option<Result<T, String>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable, or the flag of an option without one. Problems are sorted by it.
    pub field: String,
    /// The whole text, which usually starts with the field.
    pub text: String,
}

impl Problem {
    pub fn new(field: &str, message: impl fmt::Display) -> Self {
        Self {
            field: field.to_owned(),
            text: format!("{field} {message}"),
        }
    }
}

impl<T: Clone> Opt<T> {
    /// The name in messages: the variable, or the flag of an option without one.
    pub fn name(&self) -> &str {
        self.variable.as_deref().unwrap_or(&self.flag)
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn is_set(&self) -> bool {
        self.value.is_some()
    }

    /// `None` when the option is not set or its value is wrong.
    pub fn ok(&self) -> Option<T> {
        self.value.clone()?.ok()
    }

    /// `None` when the option is not set.
    pub fn value(&self) -> Option<Result<T, Problem>> {
        let value = self.value.clone()?;
        Some(value.map_err(|must_be| self.wrong(&must_be)))
    }

    /// The problem that the value is not what it must be.
    pub fn wrong(&self, must_be: &str) -> Problem {
        self.wrong_part(&self.text, must_be)
    }

    /// Like [`Self::wrong`], for one of several values in the text.
    pub fn wrong_part(&self, part: &str, must_be: &str) -> Problem {
        let flag = match &self.variable {
            Some(_) => format!(" ({})", self.flag),
            None => String::new(),
        };
        Problem::new(
            self.name(),
            format_args!("was {part:?}, must be {must_be}{flag}"),
        )
    }

    /// The problem that a required option is not set.
    pub fn missing(&self) -> Problem {
        Problem::new(
            self.name(),
            format_args!("must not be blank (or give {})", self.flag),
        )
    }
}

/// Without the text, which may be a secret.
impl<T> fmt::Debug for Opt<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opt")
            .field("flag", &self.flag)
            .finish_non_exhaustive()
    }
}

impl<T: OptionValue> ValueParserFactory for Opt<T> {
    type Parser = OptParser<T>;

    fn value_parser() -> Self::Parser {
        OptParser(PhantomData)
    }
}

#[derive(Clone)]
pub struct OptParser<T>(PhantomData<T>);

impl<T: OptionValue> TypedValueParser for OptParser<T> {
    type Value = Opt<T>;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Opt<T>, clap::Error> {
        self.parse_ref_(command, argument, value, ValueSource::CommandLine)
    }

    fn parse_ref_(
        &self,
        _: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
        source: ValueSource,
    ) -> Result<Opt<T>, clap::Error> {
        let flag = argument.and_then(Arg::get_long).unwrap_or_default();
        let variable = argument.and_then(Arg::get_env);
        // A commit message in another encoding is no reason to stop a build.
        let text = value.to_string_lossy().into_owned();
        Ok(Opt {
            flag: format!("--{flag}"),
            variable: variable.map(|name| name.to_string_lossy().into_owned()),
            is_from_variable: source == ValueSource::EnvVariable,
            value: (!text.trim().is_empty()).then(|| T::read(&text)),
            text,
        })
    }
}
